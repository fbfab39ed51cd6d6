"""A board in words: how the model is, why, and what follows. It reads before it draws."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from app.dashboard import figures
from app.dashboard.canvas import moment
from model.measured import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from model.board import Board
    from model.measured import Decision, Measured

Level = Literal["good", "watch", "bad", "unknown"]
WORDS: Final[dict[Level, str]] = {
    "good": "healthy",
    "watch": "needs a look",
    "bad": "unwell",
    "unknown": "not known yet",
}
MOST_NAMED: Final = 4
STALE: Final = 3  # windows without a newer one, until monitoring is said to stand still


@dataclass(frozen=True, slots=True)
class Verdict:
    """headline: one sentence. reasons: what it rests on, the gravest first. next_step: what was decided or is to do."""

    level: Level
    headline: str
    reasons: tuple[str, ...]
    next_step: str = ""

    @property
    def word(self) -> str:
        """One or three words for the badge."""
        return WORDS[self.level]


def verdict(board: Board) -> Verdict:
    """What a person has to know first."""
    found = _unjudged(board) or _judged(board)
    return replace(found, reasons=(*found.reasons, *board.trouble))


def _unjudged(board: Board) -> Verdict | None:
    """Where there is nothing to judge by."""
    if board.champion is None:
        return Verdict("unknown", "No model serves yet.", (), "Train one: start the DAG 1_training_pipeline.")
    if board.trouble and not figures.latest(board):
        return Verdict("unknown", "Not everything can be read, so nothing is judged.", ())
    if not figures.latest(board):
        return Verdict("unknown", "The model serves, and has not been measured yet.", (_asked(board),), _not_measured())
    return None


def _judged(board: Board) -> Verdict:
    lost, broken, moved = list(_lost(board)), list(_broken(board)), _moved(board)
    stale, rest = _stale(board), tuple(_quality(board))
    if lost:
        return Verdict("bad", "The model has become worse.", (*lost, *broken, *moved, *stale), _next(board))
    if broken:
        return Verdict("bad", "Values that should not be reach the model.", (*broken, *moved, *rest), _next(board))
    if moved:
        return Verdict("watch", _drifting(board), (*moved, *rest, *stale), _next(board))
    if stale:
        return Verdict("unknown", "Nothing has looked at the model lately.", (*stale, *rest), _not_measured())
    return Verdict("good", "The model is healthy.", (*rest, "No input has drifted."), _next(board))


def _asked(board: Board) -> str:
    rows = sum(one.rows for one in board.traffic)
    return f"It has answered {rows:,} rows in this span." if rows else "Nobody has asked it anything in this span."


def _not_measured() -> str:
    return "The DAG 3_monitoring measures complete windows; see that it runs."


def _lost(board: Board) -> Iterator[str]:
    """Quality that is surely below training's, where the truth says so, and a concept that has changed."""
    measure = figures.decisive(board.contract)
    for one in (figures.latest_of(board, measure), figures.latest_of(board, "concept", "scores")):
        if one is not None and one.alarm:
            yield f"{_sentence(one)} ({_when(one)})."


def _broken(board: Board) -> Iterator[str]:
    alarming = [one for one in figures.latest(board) if one.alarm and one.measure in FAULTS]
    yield from (f"{_sentence(one)}." for one in alarming[:MOST_NAMED])


def drifting(board: Board) -> list[str]:
    """The columns that drift in the latest window, the furthest first."""
    found = figures.by_column(board)
    own = {column.name for column in board.contract.columns}
    return [name for name in figures.ranked(found) if found[name].drifts and name in own]


def _drifting(board: Board) -> str:
    names = drifting(board)
    if not names:
        return "The model's scores have moved."
    holds = "the truth that has come says nothing worse yet"
    estimate = figures.latest_of(board, f"estimated_{figures.decisive(board.contract)}")
    if estimate is not None and estimate.high < estimate.expected:
        holds = "quality is estimated below training's"
    many = f"{len(names)} inputs have" if len(names) > 1 else "One input has"
    return f"{many} drifted; {holds}."


def _moved(board: Board) -> tuple[str, ...]:
    names, found = drifting(board), figures.by_column(board)
    said = [f"{name} {found[name].shift:.1f}" for name in names[:MOST_NAMED]]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    if names:
        return (f"Furthest from training, in standard deviations: {', '.join(said)}{more}.",)
    scores = found.get("scores")
    return (f"{_capital(scores.why)}.",) if scores is not None and scores.drifts else ()


def _quality(board: Board) -> Iterator[str]:
    measure = figures.decisive(board.contract)
    measured, estimated = figures.latest_of(board, measure), figures.latest_of(board, f"estimated_{measure}")
    name = _capital(figures.words(measure))
    if estimated is not None:
        yield f"{name} estimated without truth: {_interval(estimated)}, {estimated.expected:.2f} in training."
    if measured is not None:
        yield f"{name} measured on truth, {_when(measured)}: {_interval(measured)}."
    else:
        yield f"{name}: no truth has come for this version in this span."


def _interval(one: Measured) -> str:
    return f"{one.value:.2f} [{one.low:.2f}, {one.high:.2f}]" if figures.known(one.low) else f"{one.value:.2f}"


def _when(one: Measured) -> str:
    return f"window to {moment(one.span.until)}"


def _stale(board: Board) -> tuple[str, ...]:
    span = figures.latest(board)[0].span
    if board.now - span.until <= max(STALE * (span.until - span.since), timedelta(hours=3)):
        return ()
    return (f"The latest measured window ended on {moment(span.until)} UTC: monitoring stands still, or nobody asks.",)


def _next(board: Board) -> str:
    """What was decided last, when it was to train; else the last decision."""
    recent: Sequence[Decision] = board.decisions
    retrain = next((one for one in recent if one.action == "retrain"), None)
    if retrain is not None and not any(one.version == board.champion and one.at > retrain.at for one in board.changes):
        return f"A retraining was decided on {moment(retrain.at)} UTC: {retrain.reasons[0]}"
    return f"Decided on {moment(recent[0].at)} UTC: {recent[0].action}. {recent[0].reasons[0]}" if recent else ""


def _sentence(one: Measured) -> str:
    return _capital(one.why.rstrip(".").replace(one.measure, figures.words(one.measure)))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
