"""Cards and tables: what a board says in figures and rows, ready for a template that knows no arithmetic."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Final

from app.dashboard import figures
from app.dashboard.canvas import DAY, day, moment
from app.dashboard.charts import sparkline
from model.board import LATENCY_EDGES_MS
from model.errors import bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markupsafe import Markup

    from model.board import Board, HourOfTraffic, Recent, VersionOfModel
    from model.contract import Contract

HOUR: Final = timedelta(hours=1)
HOURS_A_DAY: Final = 24
MOST_INPUT: Final = 40


@dataclass(frozen=True, slots=True)
class Card:
    """title, the figure, what stands under it, and a small line."""

    title: str
    value: str
    note: str = ""
    line: str = ""
    second: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Requests since the service started: how many were refused, of how many, by status."""

    refused: int
    requests: int
    by_status: tuple[tuple[int, int], ...]


def cards(board: Board, refused: Refused) -> list[Card]:
    """What is seen first."""
    traffic = by_age(board)
    found = [
        _champion(board),
        _predictions(traffic),
        _positives(board, traffic),
        _quality(board),
        _latency(traffic),
        _refused(refused),
    ]
    return [card for card in found if card is not None]


def _champion(board: Board) -> Card:
    if board.champion is None:
        return Card("Champion", "none", "nothing has been promoted yet")
    model = next((one for one in board.versions if one.version == board.champion), None)
    since = figures.began(board, board.champion)
    said = [model.estimator if model is not None else "", f"serves since {day(since)}" if since is not None else ""]
    return Card("Champion", figures.short(board.champion), ", ".join(filter(None, said)))


# ----------------------------------------------------------------------------------------- traffic


def online(board: Board) -> list[HourOfTraffic]:
    """The traffic that somebody waited for; all of it where there were only batches."""
    return [one for one in board.traffic if one.origin != "batch"] or board.traffic


@dataclass(frozen=True, slots=True)
class ByAge:
    """What `online` says, gone through once. today, before: the last 24 hours, and those before them.

    steps: the hours of a day, or the days of more, the earliest first; empty where nothing was asked.
    """

    every: Sequence[HourOfTraffic]
    today: Sequence[HourOfTraffic]
    before: Sequence[HourOfTraffic]
    steps: Sequence[Sequence[HourOfTraffic]]

    def line(self, value: Callable[[Sequence[HourOfTraffic]], float | None], words: str) -> Markup:
        """A small line of a value of each step."""
        return sparkline([value(part) if part else None for part in self.steps], words)


def by_age(board: Board) -> ByAge:
    """The traffic that somebody waited for, by how long ago it was."""
    every = online(board)
    hours: defaultdict[int, list[HourOfTraffic]] = defaultdict(list)
    for one in every:
        hours[(board.now - one.hour) // HOUR].append(one)
    days: defaultdict[int, list[HourOfTraffic]] = defaultdict(list)
    for ago, part in hours.items():
        days[ago // HOURS_A_DAY] += part
    step, parts = (HOUR, hours) if board.now - board.since <= 2 * DAY else (DAY, days)
    most = int((board.now - board.since) / step)
    return ByAge(every, days[0], days[1], [parts[ago] for ago in range(most - 1, -1, -1)])


def _rows(part: Sequence[HourOfTraffic]) -> float:
    return float(sum(one.rows for one in part))


def _predictions(traffic: ByAge) -> Card:
    now, before = _rows(traffic.today), _rows(traffic.before)
    change = (
        f"{abs(now - before) / before:.0%} {'more' if now > before else 'fewer'} than the day before" if before else ""
    )
    return Card("Predictions, last day", f"{now:,.0f}", change, traffic.line(_rows, f"{now:,.0f} lately"))


def _positives(board: Board, traffic: ByAge) -> Card | None:
    target = board.contract.target
    if target.task != "binary":
        return None
    name = next((label.name for label in target.labels if label.value == target.classes[-1]), "positive")
    today, whole = _rate(traffic.today), _rate(traffic.every)
    note = f"answers “{bounded(name, 30)}”" + (f"; {whole:.1%} in this span" if whole is not None else "")
    value = "none" if today is None else f"{today:.1%}"
    return Card("Positive rate, last day", value, note, traffic.line(_rate, f"{value} lately"))


def _rate(part: Sequence[HourOfTraffic]) -> float | None:
    rows = _rows(part)
    return sum(one.positives for one in part) / rows if rows else None


def _latency(traffic: ByAge) -> Card:
    today = p95(traffic.today)
    value = "none" if today is None else f"{today:.2g} ms" if today < 10 else f"{today:.0f} ms"  # noqa: PLR2004 - two digits
    return Card("Latency p95, last day", value, "19 of 20 answers are quicker", traffic.line(p95, value))


def p95(part: Sequence[HourOfTraffic]) -> float | None:
    """Milliseconds that 95 % of the answers took at most, between the histogram's edges; None where none was timed."""
    counts: list[int] = [sum(column) for column in zip(*(one.latencies for one in part if one.latencies), strict=True)]
    total: int = sum(counts)
    if not total:
        return None
    wanted = 0.95 * total
    edges: tuple[float, ...] = (0.0, *LATENCY_EDGES_MS, LATENCY_EDGES_MS[-1])
    place, below = next((n, up - counts[n]) for n, up in enumerate(accumulate(counts)) if up >= wanted)
    return edges[place] + (edges[place + 1] - edges[place]) * (wanted - below) / counts[place]


def _quality(board: Board) -> Card:
    name = figures.decisive(board.contract)
    measured, estimated = figures.latest_of(board, name), figures.latest_of(board, f"estimated_{name}")
    both = [figures.series(board, one) for one in (f"estimated_{name}", name)]
    line = sparkline([one.value for one in (both[0] or both[1])], "quality by window")
    title = f"{figures.words(name)}, estimated · measured"
    second = "" if estimated is None and measured is None else _value(measured)
    expected = next(
        (one.expected for one in (estimated, measured) if one is not None and figures.known(one.expected)), None
    )
    note = "nothing measured yet" if expected is None else f"{expected:.2f} in training"
    return Card(
        title[:1].upper() + title[1:],
        _value(estimated),
        note,
        line,
        second,
    )


def _value(one: object) -> str:
    value = getattr(one, "value", None)
    if value is None:
        return "none"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:,.1f}"  # noqa: PLR2004 - an RMSE may be large


def _refused(refused: Refused) -> Card | None:
    if not refused.requests:  # another process answers them, or nobody has asked
        return None
    said = " · ".join(f"{count:,} with {status}" for status, count in refused.by_status[:3])
    note = f"of {refused.requests:,} since the service started"
    return Card("Refused requests", f"{refused.refused:,}", f"{said}, {note}" if said else note)


# ------------------------------------------------------------------------------------------ tables


@dataclass(frozen=True, slots=True)
class Asked:
    """A row of the recent predictions. verdict: "right", "wrong"; "" while there is no truth."""

    id: str
    at: str
    version: str
    origin: str
    label: str
    score: str
    share: float
    inputs: tuple[tuple[str, str], ...]
    truth: str
    verdict: str
    took: str
    key: str


def asked(board: Board) -> list[Asked]:
    """The recent predictions, the latest first."""
    return [row_of(board, one) for one in board.recent]


def row_of(board: Board, one: Recent) -> Asked:
    """A prediction as the pages show it. A regression has no right or wrong: its truth stands beside the value."""
    judged = one.truth is not None and bool(board.contract.target.labels)
    return Asked(
        one.prediction_id,
        f"{moment(one.at)}:{one.at:%S}",
        figures.short(one.version),
        one.origin,
        named(board.contract, one.label),
        f"{one.score:.3f}",
        min(1.0, max(0.0, one.score)) if board.contract.target.labels else 0.0,
        tuple((name, bounded(value, MOST_INPUT)) for name, value in one.inputs.items()),
        "" if one.truth is None else named(board.contract, one.truth),
        ("right" if one.truth == one.label else "wrong") if judged else "",
        "" if one.latency_ms is None else f"{one.latency_ms:.2f} ms",
        one.key or "",
    )


def named(contract: Contract, value: float | str) -> str:
    """A label's name for people; a regression's value as a number."""
    name = next((label.name for label in contract.target.labels if label.value == value), None)
    return (
        bounded(name, 60) if name is not None else f"{value:,.4g}" if isinstance(value, float) else bounded(value, 60)
    )


@dataclass(frozen=True, slots=True)
class Version:
    """A row of the versions. metrics: (name, value, interval). change, why: who made it champion, if anybody."""

    version: str
    short: str
    made: str
    estimator: str
    served_by: str
    is_champion: bool
    is_challenger: bool
    metrics: tuple[tuple[str, str, str], ...]
    change: str
    why: str


def versions(board: Board) -> list[Version]:
    """All of them, the newest first."""
    return [_version(board, one) for one in board.versions]


def _version(board: Board, one: VersionOfModel) -> Version:
    change = next((change for change in board.changes if change.version == one.version), None)
    metrics = sorted(one.metrics.items(), key=lambda item: item[0] != figures.decisive(board.contract))
    return Version(
        one.version,
        figures.short(one.version),
        moment(one.made_at),
        one.estimator,
        one.served_by,
        one.is_champion,
        board.challenger is not None and one.version == board.challenger.version,
        tuple(
            (figures.words(name), f"{value:.3f}", f"[{low:.3f}, {high:.3f}]") for name, (value, low, high) in metrics
        ),
        "never promoted" if change is None else f"{change.event} by {change.who}, {moment(change.at)}",
        "" if change is None else change.why,
    )


def shadowing(board: Board) -> str:
    """A sentence about the version that answers beside the champion; empty when none does."""
    one = board.challenger
    if one is None:
        return ""
    name, since = figures.short(one.version), moment(one.since)
    if one.failing:
        return f"{name} should answer beside the champion since {since} UTC, and fails: {one.failing}"
    newest = "" if one.newest is None else f"; the newest is of {moment(one.newest)} UTC"
    refused = f" and refused {one.refused:,}" if one.refused else ""
    return f"{name} answers beside the champion since {since} UTC: it has answered {one.answered:,}{refused}{newest}."


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the history. kind: keep, retrain, promote, rollback. times: equal decisions that it stands for."""

    kind: str
    at: str
    what: str
    reasons: tuple[str, ...]
    who: str
    times: int = 1


def history(board: Board) -> list[Event]:
    """Decisions and changes together, the latest first; equal decisions in a row are one line."""
    dated = [(one.at, _decision(one.action, one.reasons, one.who, one.version)) for one in board.decisions]
    dated += [
        (one.at, _decision(one.event, (one.why,) if one.why else (), one.who, one.version)) for one in board.changes
    ]
    dated.sort(key=lambda item: item[0], reverse=True)
    lines = []
    for line, group in groupby(dated, key=lambda item: item[1]):
        moments = [at for at, _ in group]
        lines.append(Event(line[0], moment(moments[0]), _what(line[0], line[3]), line[1], line[2], len(moments)))
    return lines


def _decision(kind: str, reasons: tuple[str, ...], who: str, version: str) -> tuple[str, tuple[str, ...], str, str]:
    return kind, reasons, who, version


def _what(kind: str, version: str) -> str:
    name = figures.short(version)
    return {
        "keep": f"kept {name}",
        "retrain": "decided to retrain",
        "promote": f"promoted {name}",
        "rollback": f"rolled back to {name}",
    }.get(kind, kind)
