"""How far two distributions over the same bins lie apart. All functions take many windows at once.

`shares`: of the reference, [..., bins], from m values; `counts`: of the window, [..., bins].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.derived.encoding import Floats

Divergence = Callable[[Floats, int, NDArray[Any]], Floats]
HALF = 0.5


def psi(shares: Floats, rows: int, counts: NDArray[Any]) -> Floats:
    """Population stability index: sum over bins of (q - p) ln(q / p), the symmetrised Kullback-Leibler divergence.

    For a normal column that shifts by d standard deviations it tends to d^2. Bins that are empty on one side count as
    if half a value had been there (as Krichevsky and Trofimov 1981 do), so that it is finite; equal shares give 0.
    """
    expected = _filled(shares, rows)
    prior = HALF * shares.shape[-1]
    seen = counts.sum(axis=-1, keepdims=True)
    found = (counts + prior * expected) / (seen + prior)
    return np.asarray(((found - expected) * np.log(found / expected)).sum(axis=-1))


def _filled(shares: Floats, rows: int) -> Floats:
    """The shares, with half a value where there was none."""
    counts = np.where(shares > 0, shares * max(rows, 1), HALF)
    return np.asarray(counts / counts.sum(axis=-1, keepdims=True))


def jensen_shannon(shares: Floats, _rows: int, counts: NDArray[Any]) -> Floats:
    """Jensen-Shannon divergence in nats, 0 .. ln 2 (Lin 1991): finite also where a bin is empty on one side.

    Near 0 it is an eighth of the PSI.
    """
    found = counts / np.maximum(1, counts.sum(axis=-1, keepdims=True))
    middle = (shares + found) / 2
    return np.asarray(np.maximum(0, (_relative(shares, middle) + _relative(found, middle)) / 2))


def _relative(shares: Floats, middle: Floats) -> Floats:
    ratio = np.divide(shares, middle, out=np.ones_like(middle), where=(shares > 0) & (middle > 0))
    return np.asarray((shares * np.log(ratio)).sum(axis=-1))


# By statistic of the plan, and what it is of a PSI near 0: a smallest shift d means d^2 of PSI.
DIVERGENCES: dict[str, tuple[Divergence, float]] = {"psi": (psi, 1.0), "jensen_shannon": (jensen_shannon, 1 / 8)}
