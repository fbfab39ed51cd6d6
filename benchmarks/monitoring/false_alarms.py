"""Windows without drift, of all sizes: how often does anything alarm?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.monitoring.goal import Row
from model.contracts.reggaeton import contract, stream
from model.derived.encoding import Floats
from model.steps.divergence import psi
from model.steps.drift import binned
from model.steps.monitor import measure

if TYPE_CHECKING:
    import pandas as pd

    from benchmarks.monitoring.scale import Report, Scale
    from benchmarks.monitoring.trained import Model

NEED_TRUTH = ("average_precision", "concept")


def measured(models: list[Model], scale: Scale, report: Report) -> list[Row]:
    """The share of whole windows in which an input, the scores, or what needs the truth alarms."""
    sizes = np.geomspace(*scale.sizes, scale.windows).round().astype(int)
    windows = []
    for number, rows in enumerate(sizes.tolist()):
        model = models[number % len(models)]
        if number % max(1, scale.windows // 10) == 0:
            report(f"window {number + 1} of {scale.windows} without drift: {rows:,} rows")
        window = model.window(stream(rows, seed=scale.seeds.quiet_window(number)))
        frame = measure(contract, model.reference, window)
        windows.append(_told(model, window.rows, rows, frame))
    detail = {"windows": windows}
    low, high = scale.sizes
    what = f"{scale.windows} windows of {low:,} to {high:,} rows without drift"
    inputs, answers = (float(np.mean([window[name] for window in windows])) for name in ("inputs", "answers"))
    return [
        Row("false_alarms", f"{what}: any column or the scores alarm", inputs, "<=", 0.05, "%", detail),
        Row("false_alarms_truth", f"{what}: quality or concept alarms", answers, "<=", 0.05, "%"),
    ]


def _told(model: Model, rows: Any, count: int, frame: pd.DataFrame) -> dict[str, Any]:  # noqa: ANN401 - a frame
    alarms = frame[frame["alarm"]]
    truth = alarms["measure"].isin(NEED_TRUTH)
    tempo = frame[(frame["subject"] == "tempo") & (frame["measure"] == "psi")].iloc[0]
    shown = {"naive": _naive(model, rows, "tempo"), "value": tempo["value"], "threshold": tempo["threshold"]}
    return {
        "rows": count,
        "inputs": bool((~truth).any()),
        "answers": bool(truth.any()),
        "alarms": [f"{row.measure}:{row.subject}" for row in alarms.itertuples()],
        "tempo": {name: float(value) for name, value in shown.items()},
    }


def _naive(model: Model, rows: Any, name: str) -> float:  # noqa: ANN401 - a frame
    """PSI of a column of numbers as textbooks have it."""
    profile = model.reference.columns[name]
    values: Floats = rows[name].to_numpy(dtype=np.float64)
    return float(psi(np.asarray(profile.shares), profile.rows, binned(profile, values)[0]))
