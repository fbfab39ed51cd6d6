"""How far the inputs and the scores of a window lie from the training rows, with sampling noise taken out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.derived.encoding import Floats
from model.monitoring import Monitoring
from model.steps.divergence import DIVERGENCES
from model.steps.figure import NOTHING, Figure, shown
from model.steps.noise import chi_square, noise, rate_bounds, spread
from model.steps.reference import Profile

NAMES = {"psi": "PSI", "jensen_shannon": "Jensen-Shannon divergence"}


@dataclass(frozen=True, slots=True)
class Judge:
    """What a contract says of monitoring, and the level of each test in this window."""

    monitoring: Monitoring
    level: float

    def speaks(self, subject: str, rows: int) -> bool:
        """Whether a subject may alarm in a window with so many of its rows."""
        return subject not in self.monitoring.ignore and rows >= self.monitoring.least_rows


def distribution(judge: Judge, subject: str, profile: Profile, counts: NDArray[Any]) -> Figure:
    """The plan's statistic of a window's counts by bin, less its noise; it alarms beyond noise and smallest shift."""
    seen = int(counts.sum())
    statistic, factor = DIVERGENCES[profile.statistic]
    if not seen or not profile.rows or len(profile.shares) != len(counts):
        return Figure(profile.statistic, subject, NOTHING, rows=seen, why=f"{subject}: no values to compare")
    null = profile.null or chi_square(_degrees(profile), factor)
    expected = noise(null, seen, profile.rows, judge.level)
    value = float(statistic(np.asarray(profile.shares), profile.rows, counts)) - expected.mean
    said = judge.monitoring.threshold(profile.statistic, subject)
    matters = factor * judge.monitoring.smallest_shift**2 if said is None else said
    threshold = max(matters, expected.limit - expected.mean)
    half = spread(value, null, seen, profile.rows)
    alarm = value > threshold and judge.speaks(subject, seen)
    said_so = f"{NAMES[profile.statistic]} {shown(max(0.0, value))} {_beside(value, threshold)}"
    return Figure(
        profile.statistic,
        subject,
        max(0.0, value),
        max(0.0, value - half),
        max(0.0, value + half),
        0.0,
        threshold,
        seen,
        alarm,
        f"{subject}: {said_so} over {seen:,} rows",
        tuple((counts / seen).tolist()),
    )


def _degrees(profile: Profile) -> int:
    return max(1, sum(share > 0 for share in profile.shares) - 1)


def _beside(value: float, threshold: float) -> str:
    return f"is {'above' if value > threshold else 'within'} {shown(threshold)}"


def wasserstein(judge: Judge, subject: str, profile: Profile, below: Floats, seen: int) -> Iterator[Figure]:
    """How far values have moved, in standard deviations of the training rows, less noise; nothing outside their range.

    The area between the two cumulative distributions (Vallender 1974), known at the edges of the grid; sampling makes
    it sqrt(2 F (1 - F) (1/n + 1/m) / pi) on average at each. It alarms only where the contract gives a threshold.
    """
    if not seen or not profile.deviation or not profile.grid or profile.minimum is None or profile.maximum is None:
        return
    share, edges = np.asarray(profile.below), np.asarray([profile.minimum, *profile.grid, profile.maximum])
    widths = (edges[2:] - edges[:-2]) / 2 / profile.deviation
    sampled = np.sqrt(2 * share * (1 - share) * (1 / seen + 1 / profile.rows) / np.pi)
    value = max(0.0, float(((np.abs(share - below) - sampled) * widths).sum()))
    threshold = judge.monitoring.threshold("wasserstein", subject)
    limit = NOTHING if threshold is None else threshold
    alarm = value > limit and judge.speaks(subject, seen)
    why = f"{subject}: values have moved by {shown(value)} standard deviations over {seen:,} rows"
    yield Figure("wasserstein", subject, value, expected=0.0, threshold=limit, rows=seen, alarm=alarm, why=why)


def binned(profile: Profile, values: Floats) -> tuple[NDArray[Any], Floats]:
    """Counts of present numbers in the profile's bins, and the share of them below each edge of its grid."""
    edges = np.asarray(profile.edges)
    fine = np.union1d(edges, np.asarray(profile.grid))
    counts = np.bincount(np.searchsorted(fine, values, side="right"), minlength=len(fine) + 1)
    up_to = np.concatenate([[0], counts.cumsum()])
    by_bin = np.diff(up_to[[0, *(np.searchsorted(fine, edges) + 1), len(up_to) - 1]])
    below = up_to[np.searchsorted(fine, np.asarray(profile.grid)) + 1] / max(1, len(values))
    return by_bin, below


# --------------------------------------------------------------------------------------------- rates


def rate(
    judge: Judge, measure: str, subject: str, found: tuple[int, int], before: tuple[float, int], words: str
) -> Figure:
    """A share of rows, beside the share in training; it alarms beyond what the two samples' noise explains.

    found: hits and rows of the window; before: hits and rows of the reference.
    """
    hits, rows = found
    value, expected = hits / max(1, rows), before[0] / max(1, before[1])
    low, high = rate_bounds(*before, max(1, rows), judge.level)
    said = judge.monitoring.threshold(measure, subject)
    too_few = measure == "missing" and said is None and value < low
    threshold = low if too_few else high if said is None else max(said, high)
    interval = rate_bounds(hits, max(1, rows), 10**12, 0.025)
    why = f"{subject}: {value:.2%} of {rows:,} rows {words}, {expected:.2%} in training, limit {threshold:.2%}"
    alarm = (too_few or value > threshold) and judge.speaks(subject, rows)
    return Figure(measure, subject, value, *interval, expected, threshold, rows, alarm, why)
