"""Estimates without truth beside what came true, on windows whose concept has not changed.

What comes true is drawn too. With an average precision of A on a window of P positives its standard error is about
sqrt(A (1 - A) / P) (Boyd, Eng and Page 2013). So a distance of 0.03 is asked for on windows that are large enough to
tell it, those of `ENOUGH` positives and more (1.96 standard errors of A = .75 are .022 there), and of models whose
training table tells it. Everywhere else the estimate is judged by its interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.monitoring.goal import Row
from model.contracts.reggaeton import contract, stream
from model.steps.monitor import measure

if TYPE_CHECKING:
    from benchmarks.monitoring.scale import Report, Scale
    from benchmarks.monitoring.trained import Model

DRIFTS: tuple[tuple[str, float], ...] = (("none", 0.0), ("inputs", 0.3), ("inputs", 1.0))
MEASURES = {"average_precision": "average precision", "roc_auc": "ROC AUC"}
NEAR, COVERED, ENOUGH = 0.03, 0.85, 1_500
NORMAL_95 = 1.96
KEPT = "beside the realised, concept kept"


def measured(small: list[Model], large: list[Model], scale: Scale, report: Report) -> list[Row]:
    """How far estimates lie from what came true where that can be told, and whether their intervals hold it."""
    sizes = ", ".join(f"{rows:,}" for rows in (*scale.interval_rows, *scale.estimate_rows))
    report(f"estimating windows of {sizes} rows")
    judged = _windows(large, scale, scale.estimate_rows, 0)
    by_interval = _windows(large, scale, scale.interval_rows, 3_000)
    of_small = _windows(small, scale, scale.interval_rows, 6_000)
    learned = f"learned from {min(scale.many):,} rows"
    return [
        *_distances(judged, f"{learned}, windows of {ENOUGH:,} positives and more"),
        *_large_enough(judged),
        *_told(of_small, max(scale.interval_rows), small),
        *_intervals("small", of_small, "learned from 2,200 rows"),
        *_intervals("large", [*by_interval, *judged], learned),
    ]


def _distances(windows: list[dict[str, Any]], where: str) -> list[Row]:
    """The goal itself: every window, and so the farthest."""
    rows = []
    for name, words in MEASURES.items():
        errors, what = _errors(windows, name), f"estimated {words} {KEPT}: {where}"
        rows += [
            Row(f"{name}_large", f"{what}: the farthest", max(errors), "<=", NEAR, detail={"windows": windows}),
            Row(f"{name}_large_mean", f"{what}: mean", _mean(errors), "<="),
        ]
    return rows


def _large_enough(windows: list[dict[str, Any]]) -> list[Row]:
    """That chance in what came true is no excuse on these windows, nor a help."""
    fewest = min(one["positives"] for one in windows)
    noisy = max(NORMAL_95 * _standard_error(one["average_precision"]["realised"], one["positives"]) for one in windows)
    what = "1.96 standard errors of the realised average precision of these windows: the largest"
    return [
        Row("fewest_positives", "positives of these windows: the fewest", fewest, ">=", ENOUGH),
        Row("realised_error", what, noisy, "<=", NEAR),
    ]


def _told(windows: list[dict[str, Any]], rows: int, models: list[Model]) -> list[Row]:
    """Small tables: their few positives do not tell average precision to `NEAR`, by whatever method."""
    here = [one for one in windows if one["rows"] == rows]
    where = f"learned from 2,200 rows, windows of {rows:,} rows"
    found = []
    for name, words in MEASURES.items():
        errors, what = _errors(here, name), f"estimated {words} {KEPT}: {where}"
        found += [
            Row(f"{name}_small", f"{what}: mean", _mean(errors), detail={"windows": here}),
            Row(f"{name}_small_worst", f"{what}: the farthest", max(errors)),
        ]
    positives = _mean([model.positives for model in models])
    known = _standard_error(_mean([one["average_precision"]["realised"] for one in here]), positives)
    what = f"standard error of an average precision that {positives:.0f} positives tell (those of 2,200 rows)"
    return [*found, Row("small_known", what, known)]


def _intervals(name: str, windows: list[dict[str, Any]], where: str) -> list[Row]:
    found = [one["average_precision"] for one in windows]
    what = f"95 % interval of the estimated average precision: {where}"
    half = _mean([(one["high"] - one["low"]) / 2 for one in found])
    inside = _mean([one["inside"] for one in found])
    return [
        Row(f"covered_{name}", f"{what}: holds what came true", inside, ">=", COVERED, "%"),
        Row(f"half_{name}", f"{what}: half its width, mean", half),
    ]


def _errors(windows: list[dict[str, Any]], name: str) -> list[float]:
    return [abs(one[name]["estimated"] - one[name]["realised"]) for one in windows]


def _standard_error(average_precision: float, positives: float) -> float:
    return float((average_precision * (1 - average_precision) / positives) ** 0.5)


def _mean(values: list[float]) -> float:
    return float(np.mean(values))


def _windows(models: list[Model], scale: Scale, sizes: tuple[int, ...], first: int) -> list[dict[str, Any]]:
    """Every model's windows of every size and drift; `first`: number of the first seed."""
    asked = [(model, rows, drift) for model in models for rows in sizes for drift in DRIFTS]
    return [
        _window(model, rows, scale.seeds.estimated_window(first + place), *drift)
        for place, (model, rows, drift) in enumerate(asked)
    ]


def _window(model: Model, rows: int, seed: int, drift: str, strength: float) -> dict[str, Any]:
    window = model.window(stream(rows, seed=seed, drift=drift, strength=strength))
    frame = measure(contract, model.reference, window).set_index(["measure", "subject"])
    positives = int((window.truth == 1).sum())
    told: dict[str, Any] = {"rows": rows, "drift": drift, "strength": strength, "positives": positives}
    for name in MEASURES:
        realised, estimated = frame.loc[(name, "")], frame.loc[(f"estimated_{name}", "")]
        inside = bool(estimated["low"] <= realised["value"] <= estimated["high"])
        values = {"estimated": float(estimated["value"]), "realised": float(realised["value"])}
        told[name] = {**values, "low": float(estimated["low"]), "high": float(estimated["high"]), "inside": inside}
    return told
