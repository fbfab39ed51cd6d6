"""One stream whose concept changes halfway: what is estimated, what comes true, and what alarms. For the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from model.contracts.reggaeton import contract, stream
from model.steps.monitor import measure

if TYPE_CHECKING:
    from benchmarks.monitoring.trained import Model

WINDOWS, ROWS, STRENGTH = 20, 4_000, 0.4


def told(model: Model) -> list[dict[str, Any]]:
    """Each window's estimated and realised average precision, and whether the concept or the inputs alarm."""
    frame = stream(WINDOWS * ROWS, seed=99, drift="concept", strength=STRENGTH, since=0.5)
    return [_window(model, frame.iloc[number * ROWS : (number + 1) * ROWS]) for number in range(WINDOWS)]


def _window(model: Model, rows: Any) -> dict[str, Any]:  # noqa: ANN401 - a frame
    found = measure(contract, model.reference, model.window(rows)).set_index(["measure", "subject"])
    names = {"estimated": ("estimated_average_precision", ""), "realised": ("average_precision", "")}
    values = {
        name: {part: float(found.loc[key, part]) for part in ("value", "low", "high")} for name, key in names.items()
    }
    alarms = found[found["alarm"]]
    return {**values, "alarms": [f"{measure_}:{subject}" for measure_, subject in alarms.index]}
