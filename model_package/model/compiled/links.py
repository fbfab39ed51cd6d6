"""From raw scores to answers: the inverse links of the losses, in double."""

from __future__ import annotations

import numpy as np

from model.compiled.graph import Columns, Graph


def expit(graph: Graph, raw: str) -> str:
    """1 / (1 + exp(-raw)), as scipy's expit: where exp overflows to inf, that is 0."""
    one = graph.constant(1.0)
    return graph.add("Div", one, graph.add("Add", one, graph.add("Exp", graph.add("Neg", raw))))


def both(graph: Graph, positive: str) -> str:
    """[1 - p, p] of p [n, 1]."""
    return graph.add("Concat", graph.add("Sub", graph.constant(1.0), positive), positive, axis=1)


def softmax(graph: Graph, raw: str) -> str:
    """Softmax of raw scores [n, classes]; each row's largest is subtracted first, so that nothing overflows."""
    classes = graph.constant([1], np.int64)
    weights = graph.add("Exp", graph.add("Sub", raw, graph.add("ReduceMax", raw, classes, keepdims=1)))
    return graph.add("Div", weights, graph.add("ReduceSum", weights, classes, keepdims=1))


def probabilities(graph: Graph, raw: Columns) -> Columns:
    """[n, classes] of raw scores [n, 1] (two classes) or [n, classes]."""
    if raw.width == 1:
        return result(both(graph, expit(graph, raw.name)), 2)
    return result(softmax(graph, raw.name), raw.width)


def shares(graph: Graph, scores: str, classes: int) -> str:
    """Scores [n, classes], none below 0, divided by each row's sum; the same share for all where that is 0."""
    total = graph.add("ReduceSum", scores, graph.constant([1], np.int64), keepdims=1)
    nothing = graph.add("Equal", total, graph.constant(0.0))
    divided = graph.add("Div", scores, graph.add("Where", nothing, graph.constant(1.0), total))
    return graph.add("Where", nothing, graph.constant(1.0 / classes), divided)


def result(name: str, width: int, *, rounded: bool = True) -> Columns:
    """A tensor [n, width] of probabilities, scores or values."""
    return Columns(name, (None,) * width, rounded)
