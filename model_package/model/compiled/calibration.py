"""Calibrated classifiers: scores of a classifier through a fitted curve, class by class; and the curves themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.isotonic import IsotonicRegression

from model.compiled.graph import Columns, Floats, Graph, Step
from model.compiled.links import both, expit, result, shares
from model.compiled.parts import Parts, mean
from model.compiled.search import interpolate, steepest

# Rounding is at most this share of a score (two matrix products seldom differ by more) ...
ROUNDING = 8 * float(np.finfo(np.float64).eps)
# ... and must not grow beyond this on its way through a curve: half of what a probability may be off.
MOST_ENLARGED = 5e-13
TWO = 2


def calibrated(parts: Parts, graph: Graph, columns: Columns, step: Step) -> Columns:
    """CalibratedClassifierCV: the mean over its fitted pairs of classifier and curves."""
    fitted = step.estimator
    if fitted.method not in {"sigmoid", "isotonic"}:
        raise step.refusal(f"method={fitted.method!r}, only 'sigmoid' and 'isotonic' are supported")
    pairs = fitted.calibrated_classifiers_
    return mean(graph, [_pair(parts, graph, columns, step, pair) for pair in pairs])


def _pair(parts: Parts, graph: Graph, columns: Columns, step: Step, pair: Any) -> Columns:  # noqa: ANN401 - no types
    """One classifier's scores, each class's through its own curve; for two classes only the second has one."""
    scores = parts.scores(graph, columns, step.inner("estimator", pair.estimator))
    places = np.searchsorted(pair.classes, pair.estimator.classes_)
    classes = len(pair.classes)
    curves = {
        int(place): _curve(graph, graph.take(scores, np.array([score])), step, curve)
        for score, (place, curve) in enumerate(zip(places, pair.calibrators, strict=False))
    }
    if classes == TWO:
        return result(both(graph, next(iter(curves.values()))), TWO)
    nothing = graph.add("Mul", next(iter(curves.values())), graph.constant(0.0))
    beside = graph.add("Concat", *(curves.get(place, nothing) for place in range(classes)), axis=1)
    return result(graph.add("Min", shares(graph, beside, classes), graph.constant(1.0)), classes)


def _curve(graph: Graph, score: Columns, step: Step, curve: Any) -> str:  # noqa: ANN401
    if type(curve) is IsotonicRegression:
        level = interpolated(graph, score, step.inner("calibrator", curve))
        # What rounding lifts above 1 counts as 1, as scikit-learn has it.
        return graph.add("Min", level.name, graph.constant(1.0))
    bent = graph.add(
        "Add", graph.add("Mul", score.name, graph.constant(float(curve.a_))), graph.constant(float(curve.b_))
    )
    return expit(graph, graph.add("Neg", bent))


def isotonic(graph: Graph, columns: Columns, step: Step) -> Columns:
    """IsotonicRegression on one column, cut off at the outer points."""
    if columns.width != 1:
        raise step.refusal("it reads one column")
    if step.estimator.out_of_bounds != "clip":
        raise step.refusal("only out_of_bounds='clip' has an answer for every row")
    return interpolated(graph, columns, step)


def interpolated(graph: Graph, column: Columns, step: Step) -> Columns:
    """The isotonic curve at each number, unless it is so steep that a rounded number's rounding would show."""
    x = np.asarray(step.estimator.X_thresholds_, dtype=np.float64)
    y = np.asarray(step.estimator.y_thresholds_, dtype=np.float64)
    if step.estimator.X_thresholds_.dtype != np.float64:
        raise step.refusal("it was fitted on single precision")
    if column.rounded and _enlarged(x, y) > MOST_ENLARGED:
        raise step.refusal(
            "its steps are so steep that the rounding of the scores below would show; method='sigmoid' compiles, and "
            "so do steps over trees, whose scores are exact"
        )
    return result(interpolate(graph, column, [(x, y)]), 1, rounded=column.rounded)


def _enlarged(x: Floats, y: Floats) -> float:
    return steepest(x, y) * float(np.abs(x).max()) * ROUNDING
