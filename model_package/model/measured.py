"""What monitoring keeps: the figures of a window of one version's predictions, and the decisions that they led to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

Action = Literal["keep", "retrain"]

# Measures of inputs: what a training may mend, and what asks for a look at the source of the data.
DRIFT: Final = frozenset({"psi", "jensen_shannon", "wasserstein", "unseen", "out_of_range"})
SHAPES: Final = frozenset({"psi", "jensen_shannon"})  # of these, a column has the one that suits it
FAULTS: Final = frozenset({"missing", "outside_contract"})


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in UTC: from `since` on, before `until`."""

    since: datetime
    until: datetime

    @property
    def hours(self) -> float:
        """How long it is."""
        return (self.until - self.since) / timedelta(hours=1)

    def __str__(self) -> str:
        """For people; with seconds where one of the ends has some."""
        clock = "%H:%M:%S" if self.since.second or self.until.second else "%H:%M"
        return f"{self.since:%Y-%m-%d {clock}} to {self.until:%Y-%m-%d {clock}} UTC"


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure of a window (`model.steps.figure.Figure`), and whose it is. NaN where there is no such number.

    shares: of a distribution, the window's shares by the bins of its reference; of the calibration error, mean score
    and share of outcomes of each tenth of the rows, in turn, the highest scores first; else empty.
    """

    version: str
    span: Span
    measure: str
    subject: str
    value: float
    low: float
    high: float
    expected: float
    threshold: float
    rows: int
    alarm: bool
    why: str
    shares: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, of which version, when, why and for whom.

    identity: the same for the same run of a scheduler, which may try again: it decides once.
    span: the latest window that was looked at; None when there was none.
    reasons: sentences, at least one. facts: what they rest on, as JSON can say it.
    """

    identity: str
    at: datetime
    version: str
    action: Action
    reasons: tuple[str, ...]
    who: str
    span: Span | None = None
    facts: dict[str, Any] = field(default_factory=dict)
