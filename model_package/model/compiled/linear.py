"""Linear models: one product, one sum, then the link. Exact up to the rounding of the product."""

from __future__ import annotations

import numpy as np

from model.compiled.graph import Columns, Floats, Graph, Step
from model.compiled.links import both, expit, exponential, probabilities, result, shares


def linear_scores(graph: Graph, columns: Columns, step: Step) -> Columns:
    """The decision function: [n, 1] for two classes, [n, classes] for more."""
    fitted = step.estimator
    return _linear(graph, columns, np.atleast_2d(_double(fitted.coef_)), _double(fitted.intercept_))


def linear_regressor(graph: Graph, columns: Columns, step: Step) -> Columns:
    """LinearRegression, Ridge, Lasso and their kin: one weighted sum."""
    weights = _double(step.estimator.coef_)
    if weights.ndim != 1:
        raise step.refusal("it predicts several targets, one is supported")
    return _linear(graph, columns, weights[np.newaxis], _double(step.estimator.intercept_))


def log_linear_regressor(graph: Graph, columns: Columns, step: Step) -> Columns:
    """PoissonRegressor: the exponential of one weighted sum."""
    return result(exponential(graph, linear_regressor(graph, columns, step).name), 1)


def linear_classifier(graph: Graph, columns: Columns, step: Step) -> Columns:
    """LogisticRegression, LinearDiscriminantAnalysis: two classes by the logistic function, more by softmax."""
    return probabilities(graph, linear_scores(graph, columns, step))


def stochastic_classifier(graph: Graph, columns: Columns, step: Step) -> Columns:
    """SGDClassifier: each class against the rest, by the logistic function or by clipping, then shares of the sum."""
    raw, loss = linear_scores(graph, columns, step), step.estimator.loss
    positive = expit(graph, raw.name) if loss == "log_loss" else _clipped_to_one(graph, raw.name)
    if raw.width == 1:
        return result(both(graph, positive), 2)
    return result(shares(graph, positive, raw.width), raw.width)


def _clipped_to_one(graph: Graph, raw: str) -> str:
    """Scores from -1 to 1 become shares from 0 to 1: the modified Huber loss."""
    clipped = graph.add("Min", graph.add("Max", raw, graph.constant(-1.0)), graph.constant(1.0))
    return graph.add("Div", graph.add("Add", clipped, graph.constant(1.0)), graph.constant(2.0))


def _linear(graph: Graph, columns: Columns, weights: Floats, intercept: Floats) -> Columns:
    product = graph.add("MatMul", columns.name, graph.constant(weights.T))
    return result(graph.add("Add", product, graph.constant(intercept)), len(weights))


def _double(values: object) -> Floats:
    return np.asarray(values, dtype=np.float64)
