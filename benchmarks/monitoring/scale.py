"""How much of everything is measured: all of it, or the short form that the tests run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.monitoring.seeds import JUDGING, Seeds

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scale:
    """models: trained on tables of the shipped problem's size, each from its own stream; many: rows of larger tables.

    judged: rows of tables with positives enough to judge an estimate by its distance; repeats: of the folds of all
    tables but these, whose are judged_repeats, since 25 fits of each would take half an hour.

    windows: without drift, of between `sizes` rows; trials: of each kind of drift; estimate_rows: of the windows on
    which an estimate is judged by its distance; interval_rows: of those on which it is judged by its interval;
    cost_rows: of the windows whose CPU time is taken, with the seconds allowed; seeds: of everything that is drawn.
    """

    models: int
    repeats: int
    many: tuple[int, ...]
    judged: tuple[int, ...]
    judged_repeats: int
    windows: int
    sizes: tuple[int, int]
    trials: int
    estimate_rows: tuple[int, ...]
    interval_rows: tuple[int, ...]
    cost_rows: tuple[tuple[int, float], ...]
    seeds: Seeds = field(default=JUDGING)


FULL = Scale(
    models=20,
    repeats=5,
    many=(20_000, 20_000),
    judged=(80_000,) * 4,
    judged_repeats=1,
    windows=200,
    sizes=(200, 200_000),
    trials=100,
    estimate_rows=(60_000, 120_000),
    interval_rows=(1_000, 20_000),
    cost_rows=((100_000, 0.5), (1_000_000, 4.0)),
)
SHORT = Scale(
    models=2,
    repeats=1,
    many=(6_000,),
    judged=(10_000,),
    judged_repeats=1,
    windows=24,
    sizes=(200, 5_000),
    trials=12,
    estimate_rows=(60_000,),
    interval_rows=(2_000,),
    cost_rows=((20_000, 0.5),),
)
