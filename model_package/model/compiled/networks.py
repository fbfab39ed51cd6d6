"""Neural networks: layer by layer as scikit-learn goes, weights, then intercepts, then the activation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from model.compiled.graph import Columns, Graph, Step
from model.compiled.links import both, expit, exponential, result, softmax, tanh

ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "identity": lambda _graph, layer: layer,
    "relu": lambda graph, layer: graph.add("Relu", layer),
    "tanh": tanh,
    "logistic": expit,
}


def network_classifier(graph: Graph, columns: Columns, step: Step) -> Columns:
    """MLPClassifier: two classes by the logistic function, more by softmax."""
    fitted, raw = step.estimator, _raw(graph, columns, step)
    if fitted.out_activation_ == "softmax":
        return result(softmax(graph, raw, fitted.n_outputs_), fitted.n_outputs_)
    if fitted.n_outputs_ != 1:
        raise step.refusal("it predicts several labels at once, one is supported")
    return result(both(graph, expit(graph, raw)), 2)


def network_regressor(graph: Graph, columns: Columns, step: Step) -> Columns:
    """MLPRegressor: the last layer's one value, through exp when it was fitted to the Poisson loss."""
    fitted = step.estimator
    if fitted.n_outputs_ != 1:
        raise step.refusal("it predicts several targets, one is supported")
    if fitted.out_activation_ not in {"identity", "exp"}:
        raise step.refusal(f"its last activation is {fitted.out_activation_!r}")
    raw = _raw(graph, columns, step)
    return result(exponential(graph, raw) if fitted.out_activation_ == "exp" else raw, 1)


def _raw(graph: Graph, columns: Columns, step: Step) -> str:
    fitted: Any = step.estimator
    layer, last = columns.name, len(fitted.coefs_) - 1
    for place, (weights, intercepts) in enumerate(zip(fitted.coefs_, fitted.intercepts_, strict=True)):
        if weights.dtype != np.float64:
            raise step.refusal("it was fitted on single precision")
        layer = graph.add("MatMul", layer, graph.constant(weights))
        layer = graph.add("Add", layer, graph.constant(intercepts))
        if place != last:
            layer = ACTIVATIONS[fitted.activation](graph, layer)
    return layer
