"""What came of a simulation: quality by day with and without retraining, what happened, and a paragraph about both."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd

from model.derived.frame import target_codes
from model.steps.evaluation import evaluate, primary

if TYPE_CHECKING:
    from datetime import datetime

    from model.bundle import Bundle
    from model.contract import Contract
    from model.derived.encoding import Floats
    from model.simulation.traffic import Rows
    from model.simulation.world import Event

WITH, WITHOUT = "with retraining", "without retraining"
POOLED_DAYS: Final = 3  # a day alone has too few rows of a rare class
RESAMPLES: Final = 100
LAST_PART: Final = 4  # of the days (a quarter) is what a verdict compares


class Figure(NamedTuple):
    """Quality of the rows of the latest days up to the end of one; with a 95 % interval.

    day: from 1. series: with or without retraining. rows: how many it comes from.
    """

    day: int
    ends: datetime
    series: str
    version: str
    measure: str
    value: float
    low: float
    high: float
    rows: int


class Gauge:
    """Measures one model or one row of champions by the rows of the latest days; another champion begins anew."""

    def __init__(self, contract: Contract, series: str) -> None:
        """Nothing is measured yet."""
        self._contract, self._series = contract, series
        self._pool: deque[tuple[Any, Floats]] = deque(maxlen=POOLED_DAYS)
        self._version = ""

    def measure(self, day: int, ends: datetime, served: Bundle, rows: Rows, output: Floats) -> Figure | None:
        """The figure up to this day; None where it has no rows of some label, or none at all."""
        if served.version != self._version:
            self._pool.clear()
            self._version = served.version
        if len(rows):
            self._pool.append((target_codes(self._contract, rows.frame), output))
        if not self._pool:
            return None
        truth, pooled = (np.concatenate(some) for some in zip(*self._pool, strict=True))
        task = self._contract.target.task
        if task != "regression" and len(np.unique(truth)) < len(self._contract.target.classes):
            return None
        chief = primary(task).name
        found = evaluate(task, truth, pooled, served.threshold, samples=RESAMPLES, seed=day)[chief]
        return Figure(day, ends, self._series, served.version, chief, **found, rows=len(truth))


@dataclass(slots=True)
class Outcome:
    """All of it. drifts_at: when the stream begins to drift; None when it does not, or when nobody knows."""

    contract: str
    what: str
    drifts_at: datetime | None
    rows: int = 0
    days: int = 0
    figures: list[Figure] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def frame(self) -> pd.DataFrame:
        """The figures, a row for each day and series."""
        return pd.DataFrame(self.figures, columns=list(Figure._fields))

    def event_frame(self) -> pd.DataFrame:
        """The events: at, kind, version, why."""
        rows = [(one.at, one.kind, one.version, one.why) for one in self.events]
        return pd.DataFrame(rows, columns=["at", "kind", "version", "why"])

    def of(self, kind: str) -> list[Event]:
        """The events of a kind: decision, promotion, refusal."""
        return [one for one in self.events if one.kind == kind]

    def last(self, series: str) -> float:
        """The mean figure of a series in the last quarter of the days; NaN when there is none."""
        values = [one.value for one in self.figures if one.series == series and one.day > self._before_last]
        return float(np.mean(values)) if values else float("nan")

    @property
    def _before_last(self) -> int:
        return self.days - max(1, self.days // LAST_PART)

    def before_drift(self) -> float:
        """The first model's mean figure before the drift began (in the first quarter, when nobody knows when)."""
        first = [one for one in self.figures if one.series == WITHOUT]
        if self.drifts_at is None:
            before = [one.value for one in first if one.day <= max(1, self.days // LAST_PART)]
        else:
            before = [one.value for one in first if one.ends <= self.drifts_at]
        return float(np.mean(before)) if before else float("nan")

    def verdict(self) -> str:
        """One paragraph for people."""
        return f"{self._beginning()} {self._happened()} {self._compared()}"

    def _beginning(self) -> str:
        drift = f"It drifts from {self.drifts_at:%Y-%m-%d} on." if self.drifts_at else "No drift is known."
        return f"{self.rows:,} rows of {self.what} came by in {self.days} days. {drift}"

    def _happened(self) -> str:
        decisions, promotions = self.of("decision"), self.of("promotion")
        if not decisions:
            return "Monitoring never asked for a training."
        first = decisions[0]
        why = _first_sentence(first.why)
        said = f"Monitoring asked for a training {_times(len(decisions))}, first on {first.at:%Y-%m-%d}: {why}"
        dates = ", ".join(f"{one.at:%Y-%m-%d}" for one in promotions)
        passed = f"{len(promotions)} of the challengers passed the gate ({dates})." if promotions else "None passed."
        return f"{said} {passed}"

    def _compared(self) -> str:
        if not self.figures:
            return "There were too few rows to measure quality by."
        measure = self.figures[0].measure.replace("_", " ")
        return (
            f"The {measure} was {self.before_drift():.3f} at first; in the last quarter it was {self.last(WITH):.3f} "
            f"with retraining, and {self.last(WITHOUT):.3f} without."
        )


def _first_sentence(text: str) -> str:
    """Of several the first one: a point inside a number ends none."""
    return f"{text.split('. ', maxsplit=1)[0].rstrip('.')}."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
