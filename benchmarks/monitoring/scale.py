"""How much of everything is measured: all of it, or the short form that the tests run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scale:
    """models: trained on tables of the shipped problem's size, each from its own stream; many: rows of larger tables.

    windows: without drift, of between `sizes` rows; trials: of each kind of drift; estimate_rows: of each window whose
    quality is estimated; cost_rows: of the windows whose CPU time is taken, with the seconds allowed.
    """

    models: int
    repeats: int
    many: tuple[int, ...]
    windows: int
    sizes: tuple[int, int]
    trials: int
    estimate_rows: int
    cost_rows: tuple[tuple[int, float], ...]


FULL = Scale(6, 5, (20_000, 20_000), 200, (200, 200_000), 100, 40_000, ((100_000, 0.5), (1_000_000, 4.0)))
SHORT = Scale(2, 1, (6_000,), 24, (200, 5_000), 12, 20_000, ((20_000, 0.5),))
