"""From raw scores to answers: the inverse links of the losses, in double."""

from __future__ import annotations

import numpy as np

from model.compiled.graph import Graph


def logistic(graph: Graph, raw: str) -> str:
    """[1 - p, p] of raw scores [n, 1], p = 1 / (1 + exp(-raw)) as scipy's expit: where exp overflows to inf, p is 0."""
    one = graph.constant(1.0)
    grown_by_one = graph.add("Add", one, graph.add("Exp", graph.add("Neg", raw)))
    positive = graph.add("Div", one, grown_by_one)
    return graph.add("Concat", graph.add("Sub", one, positive), positive, axis=1)


def softmax(graph: Graph, raw: str) -> str:
    """Softmax of raw scores [n, classes]; each row's largest is subtracted first, so that nothing overflows."""
    classes = graph.constant([1], np.int64)
    shifted = graph.add("Sub", raw, graph.add("ReduceMax", raw, classes, keepdims=1))
    weights = graph.add("Exp", shifted)
    return graph.add("Div", weights, graph.add("ReduceSum", weights, classes, keepdims=1))


def probabilities(graph: Graph, raw: str, scores: int) -> str:
    """[n, classes] of raw scores [n, 1] (two classes) or [n, classes]."""
    return logistic(graph, raw) if scores == 1 else softmax(graph, raw)


def flat(graph: Graph, column: str) -> str:
    """[n] of [n, 1]."""
    return graph.add("Squeeze", column, graph.constant([1], np.int64))
