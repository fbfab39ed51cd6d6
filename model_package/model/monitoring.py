"""The words of a contract about monitoring: what counts as drift, and how often a false alarm may sound.

All of them can be left out: thresholds then come from the training rows themselves. Imports pydantic only.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal, get_args

from pydantic import Field
from pydantic.dataclasses import dataclass

from model.columns import FROZEN

DriftMeasure = Literal["psi", "jensen_shannon", "wasserstein", "missing", "unseen", "out_of_range", "outside_contract"]
QualityMeasure = Literal[
    "average_precision",
    "roc_auc",
    "f1_at_threshold",
    "log_loss",
    "brier",
    "accuracy",
    "macro_f1",
    "rmse",
    "mae",
    "r2",
    "concept",
    "calibration_error",
]
ThresholdMeasure = DriftMeasure | QualityMeasure
SCORES = "scores"
OF_COLUMNS: frozenset[str] = frozenset(get_args(DriftMeasure))


@dataclass(frozen=True, config=FROZEN)
class Threshold:
    """From which value on a measure matters. An alarm needs a value beyond it, and beyond the noise of its window.

    column: of a measure of columns, the one that is meant ("scores" for the model's scores); every one when not said.
    """

    measure: ThresholdMeasure
    value: float
    column: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        """Quality has no column."""
        if self.column is not None and self.measure not in OF_COLUMNS:
            msg = f"threshold of {self.measure!r}: is not measured by column, leave column={self.column!r} out"
            raise ValueError(msg)


@dataclass(frozen=True, config=FROZEN)
class Monitoring:
    """How windows of predictions are judged.

    false_alarms: the share of windows in which anything at all may alarm although nothing has changed.
    smallest_shift: in standard deviations: what is smaller than a shift by so much in a normally distributed column
        does not alarm, however many rows prove it.
    least_rows: a window with fewer rows does not alarm.
    ignore: columns that are measured and never alarm ("scores" is the model's scores).
    thresholds: take the place of `smallest_shift`, and of what was seen in training, for single measures.
    """

    false_alarms: Annotated[float, Field(gt=0, lt=0.5)] = field(default=0.01, kw_only=True)
    smallest_shift: Annotated[float, Field(ge=0, le=10)] = field(default=0.1, kw_only=True)
    least_rows: Annotated[int, Field(ge=1, le=1_000_000)] = field(default=30, kw_only=True)
    ignore: Annotated[tuple[str, ...], Field(max_length=2_000)] = field(default=(), kw_only=True)
    thresholds: Annotated[tuple[Threshold, ...], Field(max_length=2_000)] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        """A measure of a column has one threshold."""
        said = [(one.measure, one.column) for one in self.thresholds]
        if len(set(said)) != len(said):
            msg = "monitoring: a threshold is said twice"
            raise ValueError(msg)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The names that are spoken of, which must be columns."""
        named = [one.column for one in self.thresholds if one.column is not None]
        return tuple(name for name in (*self.ignore, *named) if name != SCORES)

    def threshold(self, measure: str, subject: str) -> float | None:
        """What the contract says of a measure of a column, else of the measure; None when nothing."""
        said: dict[tuple[str, str | None], float] = {(one.measure, one.column): one.value for one in self.thresholds}
        return said.get((measure, subject), said.get((measure, None)))
