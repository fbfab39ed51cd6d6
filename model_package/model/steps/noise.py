"""What sampling alone does to a statistic, so that it can be taken out: windows small and large then behave alike.

Two samples of n and m values from one distribution have a PSI whose mean is about (bins - 1) (1/n + 1/m), and which
is distributed as chi-square on that scale (Yurdakul 2018). Sparse bins bend this, so mean and variance are resampled
from the reference when a model is trained, and a scaled chi-square with those moments (Satterthwaite 1946) gives the
threshold at any level and window size. The reference is a sample too: 1/m stays however large the window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from model.derived.encoding import Floats
from model.steps.reference import Null

SIZES = (30, 100, 300, 1_000, 10_000, 1_000_000)
MOST_DRAWS, FEWEST_DRAWS = 1_000, 100
CELLS = 400_000  # of one size's draws: bounds time and memory for columns of many categories


@dataclass(frozen=True, slots=True)
class Noise:
    """Of a statistic at one window size: its mean when nothing has changed, and what it hardly ever passes then."""

    mean: float
    limit: float


def null(statistic: Callable[[int, int, np.random.Generator], Floats], bins: int, rows: int, seed: int) -> Null:
    """Resample a statistic under "nothing has changed".

    statistic: (window rows, draws, generator) -> [draws] values, each from a reference and a window drawn anew.
    """
    generator = np.random.default_rng(seed)
    draws = int(np.clip(CELLS // max(1, bins), FEWEST_DRAWS, MOST_DRAWS))
    drawn = [statistic(size, draws, generator) / scale(size, rows) for size in SIZES]
    return Null(SIZES, tuple(float(one.mean()) for one in drawn), tuple(float(one.var()) for one in drawn))


def scale(window: int, reference: int) -> float:
    """1/n + 1/m: what noise is proportional to."""
    return 1 / max(1, window) + 1 / max(1, reference)


def chi_square(degrees: int, factor: float = 1.0) -> Null:
    """The approximation where nothing was resampled: `factor` times chi-square with so many degrees of freedom."""
    return Null((1,), (factor * degrees,), (2 * factor**2 * degrees,))


def noise(null: Null, window: int, reference: int, level: float) -> Noise:
    """At a window of so many rows; `level` is the chance to pass the limit when nothing has changed."""
    place, sizes = np.log(max(1, window)), np.log(null.sizes)
    mean = float(np.interp(place, sizes, null.means))
    variance = float(np.interp(place, sizes, null.variances))
    unit = scale(window, reference)
    if mean <= 0 or variance <= 0:
        return Noise(0.0, 0.0)
    factor, degrees = variance / (2 * mean), 2 * mean**2 / variance
    return Noise(mean * unit, float(factor * stats.chi2.isf(level, degrees)) * unit)


def spread(value: float, null: Null, window: int, reference: int) -> float:
    """Half a 95 % interval around a noise-free value: from the variance of a noncentral chi-square."""
    unit = scale(window, reference)
    variance = float(np.interp(np.log(max(1, window)), np.log(null.sizes), null.variances))
    mean = float(np.interp(np.log(max(1, window)), np.log(null.sizes), null.means))
    factor = variance / (2 * mean) if mean > 0 else 0.0
    return float(1.96 * unit * np.sqrt(max(0.0, variance + 4 * factor * max(0.0, value) / unit)))


# --------------------------------------------------------------------------------------------- rates


def rate_bounds(hits: float, rows: int, window: int, level: float) -> tuple[float, float]:
    """Between which rates a window lies (each bound is passed with chance `level`) when the reference had hits/rows.

    By the angle arcsin(sqrt(rate)), whose variance is 1/(4 rows) whatever the rate (Anscombe 1948).
    """
    half = stats.norm.isf(level) * np.sqrt(scale(4 * window, 4 * rows))
    middle = _angle(hits, rows)
    low, high = max(0.0, middle - half), min(np.pi / 2, middle + half)
    return _rate(low, window), _rate(high, window)


def _angle(hits: float, rows: int) -> float:
    return float(np.arcsin(np.sqrt((hits + 3 / 8) / (rows + 3 / 4))))


def _rate(angle: float, rows: int) -> float:
    """The rate of so many rows that has this angle."""
    hits = np.sin(angle) ** 2 * (rows + 3 / 4) - 3 / 8
    return float(np.clip(hits / max(1, rows), 0, 1))


def each(level: float, tests: int) -> float:
    """The level of each of so many tests, of which all together alarm with chance `level` at most (Sidak 1967)."""
    return float(-np.expm1(np.log1p(-level) / max(1, tests)))
