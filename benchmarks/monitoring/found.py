"""Windows that drift: how often is it found, and by what?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.monitoring.false_alarms import NEED_TRUTH
from benchmarks.monitoring.goal import Row
from model.contract import Integer, Number
from model.contracts.reggaeton import contract, stream
from model.steps.monitor import Window, measure

if TYPE_CHECKING:
    import pandas as pd

    from benchmarks.monitoring.scale import Report, Scale
    from benchmarks.monitoring.trained import Model

SHIFT, INPUT_ROWS = 0.3, 1_000
CONCEPT, CONCEPT_ROWS = 0.4, 5_000


def inputs(models: list[Model], scale: Scale, report: Report) -> list[Row]:
    """One column after the other is moved by 0.3 of its standard deviation, and nothing else."""
    numbers = [column for column in contract.columns if isinstance(column, Number | Integer)]
    found: dict[str, float] = {}
    trials = _trials(models, scale)
    for place, column in enumerate(numbers):
        report(f"{scale.trials} windows in which {column.name} has moved by {SHIFT} standard deviations")
        moved = [_moved(model, column, scale.seeds.moved_window(place, trial)) for trial, model in trials]
        found[column.name] = float(np.mean(moved))
    tilted = [_tilted(model, scale.seeds.tilted_window(trial)) for trial, model in trials]
    worst = min(found, key=lambda name: found[name])
    what = f"{SHIFT} sigma in one column, {INPUT_ROWS:,} rows, found in that column"
    mean = float(np.mean(list(found.values())))
    return [
        Row("shift", f"{what}: all columns of numbers", mean, ">=", 0.95, "%", {"columns": found}),
        Row("shift_worst", f"{what}: the hardest, {worst}", found[worst], ">=", 0.95, "%"),
        Row("inputs", f"{what}: danceability, the concept kept", float(np.mean(tilted)), ">=", 0.95, "%"),
    ]


def _trials(models: list[Model], scale: Scale) -> list[tuple[int, Model]]:
    """Every trial with its model: the models take turns."""
    return [(trial, models[trial % len(models)]) for trial in range(scale.trials)]


def _moved(model: Model, column: Number | Integer, seed: int) -> bool:
    frame = stream(INPUT_ROWS, seed=seed)
    values = frame[column.name].to_numpy(dtype=np.float64)
    profile = model.reference.columns[column.name]
    moved = np.clip(values + SHIFT * (profile.deviation or 0), column.minimum, column.maximum)
    frame[column.name] = np.rint(moved) if isinstance(column, Integer) else moved
    # Inputs alone are looked at: what the model would have answered is left out.
    nothing = np.full(INPUT_ROWS, np.nan)
    return _alarms(measure(contract, model.reference, Window(frame, nothing, nothing)), column.name)


def _tilted(model: Model, seed: int) -> bool:
    window = model.window(stream(INPUT_ROWS, seed=seed, drift="inputs", strength=SHIFT), truth=False)
    return _alarms(measure(contract, model.reference, window), "danceability")


def _alarms(frame: pd.DataFrame, name: str) -> bool:
    return bool(frame.loc[frame["subject"] == name, "alarm"].any())


def concept(models: list[Model], scale: Scale, report: Report) -> list[Row]:
    """Labels no longer follow from the inputs as they did: nothing shows before the truth comes, then it does."""
    report(f"{scale.trials} windows of {CONCEPT_ROWS:,} rows with another concept")
    found = [_changed(model, scale.seeds.changed_window(trial)) for trial, model in _trials(models, scale)]
    by_what = {name: float(np.mean([name in one["alarms"] for one in found])) for name in NEED_TRUTH}
    what = f"concept drift ({CONCEPT:.0%} of the labels are another row's), {CONCEPT_ROWS:,} rows"
    after = float(np.mean([one["after"] for one in found]))
    before = float(np.mean([one["before"] for one in found]))
    return [
        Row("concept", f"{what}: found once the truth has come", after, ">=", 0.95, "%", by_what),
        Row("concept_before", f"{what}: alarms before the truth has come", before, "<=", 0.05, "%"),
    ]


def _changed(model: Model, seed: int) -> dict[str, Any]:
    window = model.window(stream(CONCEPT_ROWS, seed=seed, drift="concept", strength=CONCEPT))
    frame = measure(contract, model.reference, window)
    alarms = set(frame.loc[frame["alarm"], "measure"])
    return {"alarms": alarms, "after": bool(alarms & set(NEED_TRUTH)), "before": bool(alarms - set(NEED_TRUTH))}
