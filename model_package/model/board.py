"""What the dashboard shows of one contract: plain values, from the store and the registry. It knows no page."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from model.challenger import Shadowing
from model.contract import Contract
from model.measured import Decision, Measured, Span

SCORE_BINS: Final = 20  # equal ones, from 0 to 1; a regression's scores are not counted by bin
LATENCY_EDGES_MS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)  # inner edges

# Over all of a board's span: the measures that decide, by task, what is estimated of them, and how the truth follows
# from the scores. Of the inputs, the latest windows.
DECISIVE: Final = {"binary": "average_precision", "multiclass": "accuracy", "regression": "rmse"}
OVER_TIME: Final = frozenset(
    {*DECISIVE.values(), *(f"estimated_{name}" for name in DECISIVE.values()), "calibration_error", "concept"}
)
MOST_WINDOWS: Final = 31
SPAN_BY_HOURS: Final = timedelta(days=10)
WHOLE_HOURS: Final = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class HourOfTraffic:
    """The predictions of one version and origin in one hour (UTC).

    On a board of more than SPAN_BY_HOURS, what lies more than WHOLE_HOURS back is of a quarter of a day.
    hour: when it begins.
    positives: answers with the positive label (0 for a regression).
    scores: counts by bin, [SCORE_BINS] or empty. latencies: counts between LATENCY_EDGES_MS, [13]; empty for a batch.
    """

    hour: datetime
    version: str
    origin: str
    rows: int
    positives: int
    scores: tuple[int, ...]
    latencies: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Recent:
    """A stored prediction with its inputs as sent, and what proved true (None: not known yet)."""

    prediction_id: str
    at: datetime
    version: str
    origin: str
    key: str | None
    label: int | float | str
    score: float
    latency_ms: float | None
    inputs: dict[str, Any]
    truth: int | float | str | None


@dataclass(frozen=True, slots=True)
class Shares:
    """How a column (or "scores") was distributed in training and in the latest window: shares by bin, each [bins].

    names: of the bins, for people. now: empty when no window has been measured.
    """

    subject: str
    names: tuple[str, ...]
    training: tuple[float, ...]
    now: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Reliability:
    """Whether what a version's scores promised came true in a window, by tenths of its rows, the highest scores first.

    rows: with truth, in all tenths. scores, shares: each tenth's mean score and share of outcomes, each [10].
    An outcome is the positive class (binary), or that the answer was right (multiclass).
    """

    version: str
    span: Span
    rows: int
    scores: tuple[float, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class VersionOfModel:
    """A bundle. metrics: name -> (value, low, high) on its hold-out. card: its model card, Markdown."""

    version: str
    made_at: datetime
    estimator: str
    served_by: str
    metrics: dict[str, tuple[float, float, float]]
    is_champion: bool
    card: str


@dataclass(frozen=True, slots=True)
class Change:
    """An entry of the audit: event is "promote" or "rollback"."""

    at: datetime
    event: str
    version: str
    before: str | None
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class Board:
    """Everything of a page, as of `now`; what lies before `since` is left out.

    traffic: the earliest hour first. figures: of all versions, the earliest window first: of OVER_TIME, those of all
    windows since then; of each column its shape and what alarms, in the latest MOST_WINDOWS and the champion's latest.
    decisions, versions, changes, recent: the latest first.
    shares: of the champion. reliability: of its latest window that had truth.
    trouble: sentences about what could not be read (the store does not answer, ...).
    """

    contract: Contract
    now: datetime
    since: datetime
    champion: str | None
    traffic: list[HourOfTraffic] = field(default_factory=list)
    figures: list[Measured] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    versions: list[VersionOfModel] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    recent: list[Recent] = field(default_factory=list)
    shares: list[Shares] = field(default_factory=list)
    trouble: tuple[str, ...] = ()
    challenger: Shadowing | None = None
    reliability: Reliability | None = None
