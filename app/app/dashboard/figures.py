"""A board's figures, asked for: the champion's latest window, a measure over time, how far each column drifted."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from app.dashboard.canvas import MONTHS
from model.board import DECISIVE
from model.errors import bounded
from model.measured import DRIFT, FAULTS, SHAPES

if TYPE_CHECKING:
    from datetime import datetime

    from model.board import Board
    from model.contract import Contract
    from model.measured import Measured, Span

_VERSION: Final = re.compile(r"(\d{4})(\d{2})(\d{2})T\d{6}Z-([0-9a-z]{4,})")
MOST_VERSION: Final = 24
_TOLD: Final = DRIFT | FAULTS


def decisive(contract: Contract) -> str:
    """The measure by which models of this contract are compared."""
    return DECISIVE[contract.target.task]


def words(measure: str) -> str:
    """A measure's name as people say it."""
    return {"rmse": "RMSE", "mae": "MAE", "r2": "R²", "roc_auc": "ROC AUC", "psi": "PSI"}.get(
        measure, measure.replace("_", " ")
    )


@lru_cache(1_024)  # a window has many points
def told(span: Span) -> str:
    """A window for people."""
    return str(span)


@lru_cache(1_024)  # as often as there are points of it
def short(version: str) -> str:
    """A version's name for people: its day and the beginning of its hash."""
    found = _VERSION.fullmatch(version)
    if found is None or not 1 <= int(found[2]) <= len(MONTHS):
        return bounded(version, MOST_VERSION)
    return f"{int(found[3])} {MONTHS[int(found[2]) - 1]} · {found[4][:4]}"


def known(value: float) -> bool:
    """Whether there is such a number."""
    return math.isfinite(value)


def series(board: Board, measure: str, subject: str = "") -> list[Measured]:
    """A measure over time, of all versions, the earliest window first; windows without the number are left out."""
    found = [one for one in board.figures if (one.measure, one.subject) == (measure, subject) and known(one.value)]
    return sorted(found, key=lambda one: one.span.until)


def latest(board: Board) -> list[Measured]:
    """The figures of the champion's latest window that has any; none before it was measured."""
    own = [one for one in board.figures if one.version == board.champion]
    span = max((one.span for one in own), key=lambda span: (span.until, span.since), default=None)
    return [one for one in own if one.span == span]


def latest_of(board: Board, measure: str, subject: str = "") -> Measured | None:
    """The champion's latest figure of a measure, from whichever window has it last."""
    own = [one for one in series(board, measure, subject) if one.version == board.champion]
    return own[-1] if own else None


def began(board: Board, version: str) -> datetime | None:
    """When a version last became the champion; None when the board does not know."""
    return next((one.at for one in board.changes if one.version == version), None)


# ------------------------------------------------------------------------------------------- drift


def shift(one: Measured) -> float:
    """How far a drift figure has moved, as a shift of so many standard deviations of a normal column.

    PSI is about d squared there, the Jensen-Shannon divergence an eighth of it (docs/monitoring.md).
    """
    value = max(0.0, one.value) if known(one.value) else 0.0
    match one.measure:
        case "psi":
            return math.sqrt(value)
        case "jensen_shannon":
            return math.sqrt(8 * value)
        case _:
            return value


@dataclass(frozen=True, slots=True)
class Drifting:
    """One column in one window: its drift figure, and what else of it alarms.

    shift: see `shift`; 0 where nothing was measured. drifts: whether its drift alarms.
    is_faulty: whether values are missing that should not be, or forbidden.
    """

    main: Measured | None
    alarms: tuple[Measured, ...]
    shift: float
    drifts: bool
    is_faulty: bool

    @property
    def why(self) -> str:
        """What alarms in a sentence each, or what was measured."""
        said = "; ".join([one.why for one in self.alarms])
        return said or (self.main.why if self.main is not None else "not measured")


def by_column(board: Board) -> dict[str, Drifting]:
    """Column (and "scores", "residuals") -> its drift in the champion's latest window."""
    return _by_column(board, latest(board))


def by_window(board: Board, most: int) -> dict[Span, dict[str, Drifting]]:
    """The same for the latest `most` windows of whichever version, the earliest first."""
    of: defaultdict[Span, list[Measured]] = defaultdict(list)
    for one in board.figures:
        of[one.span].append(one)
    spans = sorted(of, key=lambda span: (span.until, span.since))
    return {span: _by_column(board, of[span]) for span in spans[-most:]}


def _by_column(board: Board, found: list[Measured]) -> dict[str, Drifting]:
    of: defaultdict[str, list[Measured]] = defaultdict(list)
    for one in found:
        of[one.subject].append(one)
    subjects = [column.name for column in board.contract.columns]
    subjects += [name for name in ("scores", "residuals") if name in of]
    return {name: _drifting(of.get(name, [])) for name in subjects}


def _drifting(found: list[Measured]) -> Drifting:
    main = next((one for one in reversed(found) if one.measure in SHAPES), None)
    alarms: tuple[Measured, ...] = () if main is None or not main.alarm else (main,)
    alarms += tuple(one for one in found if one.alarm and one is not main and one.measure in _TOLD)
    measures = {one.measure for one in alarms}
    moved = shift(main) if main is not None else 0.0
    return Drifting(main, alarms, moved, not measures.isdisjoint(DRIFT), not measures.isdisjoint(FAULTS))


def ranked(drifts: dict[str, Drifting]) -> list[str]:
    """Names, what has a fault or drifts first, then by how far it moved."""
    return sorted(drifts, key=lambda name: (-drifts[name].is_faulty, -drifts[name].drifts, -drifts[name].shift))
