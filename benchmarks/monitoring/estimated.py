"""Estimates without truth beside what came true, on windows whose concept has not changed.

What comes true is drawn too, and so is what a model was trained on. With an average precision of A on P positives its
standard error is about sqrt(A (1 - A) / P) (Boyd, Eng and Page 2013). So a distance of 0.03 is asked for where figures
can tell it: on windows of `ENOUGH` positives and more, and of models whose training part has as many (1.96 standard
errors of A = .75 are .022 there). Of smaller tables distances are told beside what their positives can tell, and the
estimates are judged by their intervals.
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


def measured(small: list[Model], large: list[Model], judged: list[Model], scale: Scale, report: Report) -> list[Row]:
    """How far estimates lie from what came true where that can be told, and whether their intervals hold it."""
    sizes = ", ".join(f"{rows:,}" for rows in (*scale.interval_rows, *scale.estimate_rows))
    report(f"estimating windows of {sizes} rows")
    judging = _windows(judged, scale, scale.estimate_rows, 0)
    of_large = _windows(large, scale, scale.estimate_rows, 1_000)
    by_interval = _windows(large, scale, scale.interval_rows, 3_000)
    of_small = _windows(small, scale, scale.interval_rows, 6_000)
    longest = max(scale.interval_rows)
    largest, larger, smaller = (f"learned from {rows:,} rows" for rows in (min(scale.judged), min(scale.many), 2_200))
    widest = [one for one in of_small if one["rows"] == longest]
    return [
        *_distances("judged", judging, f"{largest}, windows of {ENOUGH:,} positives and more", NEAR),
        *_large_enough(judged, judging, largest),
        *_distances("large", of_large, f"{larger}, which do not tell it to {NEAR}: the same windows' sizes"),
        _known("large", large, of_large, larger),
        *_distances("small", widest, f"{smaller}, which do not tell it to {NEAR}: windows of {longest:,} rows"),
        _known("small", small, widest, smaller),
        *_intervals("small", of_small, smaller),
        *_intervals("large", [*by_interval, *of_large], larger),
        *_intervals("judged", judging, largest),
    ]


def _distances(name: str, windows: list[dict[str, Any]], where: str, goal: float | None = None) -> list[Row]:
    """The farthest of all windows, which has the goal where there is one, and the mean."""
    rows = []
    for measure_, words in MEASURES.items():
        errors, what = _errors(windows, measure_), f"estimated {words} {KEPT}: {where}"
        detail = {"windows": windows}
        rows += [
            Row(f"{measure_}_{name}", f"{what}: the farthest", max(errors), "<=", goal, detail=detail),
            Row(f"{measure_}_{name}_mean", f"{what}: mean", _mean(errors)),
        ]
    return rows


def _large_enough(models: list[Model], windows: list[dict[str, Any]], where: str) -> list[Row]:
    """That chance in what came true, or in what was learned from, is no excuse on these windows, nor a help."""
    learned = min(model.positives for model in models)
    fewest = min(one["positives"] for one in windows)
    errors = f"{NORMAL_95} standard errors of"
    realised = [_standard_error(one["average_precision"]["realised"], one["positives"]) for one in windows]
    known = _standard_error(_realised(windows), learned)
    return [
        Row("fewest_learned", f"positives {where}: the fewest", learned, ">=", ENOUGH),
        Row("fewest_positives", "positives of these windows: the fewest", fewest, ">=", ENOUGH),
        Row("known_error", f"{errors} an average precision that so many tell", NORMAL_95 * known, "<=", NEAR),
        Row(
            "realised_error",
            f"{errors} the realised average precision of these windows: the largest",
            NORMAL_95 * max(realised),
            "<=",
            NEAR,
        ),
    ]


def _known(name: str, models: list[Model], windows: list[dict[str, Any]], where: str) -> Row:
    """What a table's positives tell of average precision, by whatever method."""
    positives = _mean([model.positives for model in models])
    what = f"{NORMAL_95} standard errors of an average precision that {positives:.0f} positives tell ({where})"
    return Row(f"{name}_known", what, NORMAL_95 * _standard_error(_realised(windows), positives))


def _realised(windows: list[dict[str, Any]]) -> float:
    return _mean([one["average_precision"]["realised"] for one in windows])


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
