"""How a server is asked for n rows, and how its answer is read: one shape for each protocol among the contenders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.serving.workload import Workload


@dataclass(frozen=True, slots=True)
class Shape:
    """path: where to post. ask: a workload, how many of its rows -> JSON. labels: the answer's JSON -> labels."""

    path: str
    ask: Callable[[Workload, int], Any]
    labels: Callable[[Any], list[int]]


def _lists(work: Workload, rows: int) -> dict[str, dict[str, list[float]]]:
    return {"data": {name: [row[at] for row in work.rows[:rows]] for at, name in enumerate(work.columns)}}


def _one_or_more(answer: Any) -> list[int]:  # noqa: ANN401 - JSON
    said = answer["prediction"]
    return list(said) if isinstance(said, list) else [said]


def _split(work: Workload, rows: int) -> dict[str, dict[str, list[Any]]]:
    return {"dataframe_split": {"columns": work.features, "data": [list(row) for row in work.fed[:rows]]}}


def _tensor(work: Workload, rows: int) -> dict[str, list[dict[str, Any]]]:
    numbers = [float(value) for row in work.fed[:rows] for value in row]
    shape = [rows, len(work.features)]
    return {"inputs": [{"name": "rows", "shape": shape, "datatype": "FP64", "data": numbers}]}


def _array(work: Workload, rows: int) -> dict[str, list[list[float]]]:
    return {"rows": [[float(value) for value in row] for row in work.fed[:rows]]}


def _records(work: Workload, rows: int) -> list[dict[str, float]]:
    return [dict(zip(work.features, row, strict=True)) for row in work.fed[:rows]]


README = Shape("/get_prediction", _lists, _one_or_more)
MLFLOW = Shape("/invocations", _split, lambda answer: list(answer["predictions"]))
OPEN_INFERENCE = Shape("/v2/models/reggaeton/infer", _tensor, lambda answer: list(answer["outputs"][0]["data"]))
BENTOML = Shape("/predict", _array, list)
VETIVER = Shape("/predict", _records, lambda answer: list(answer["predict"]))
LITSERVE = Shape("/predict", _lists, _one_or_more)
