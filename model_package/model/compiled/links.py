"""From raw scores to answers: the inverse links of the losses, in double.

An answer's bits must not depend on the rows that are asked with it: what was served in one batch is recomputed in
another. ONNX Runtime 1.32 works Exp, Log, Tanh and ReduceSum out in vectors and the last few numbers one by one, which
differ in the last bit. Pow goes one by one always, and MatMul adds every row up in the same order.
"""

from __future__ import annotations

import numpy as np

from model.compiled.graph import Columns, Graph

LONGEST_VECTOR = 8  # doubles in 512 bits


def exponential(graph: Graph, exponents: str) -> str:
    """E to the power of each number."""
    return graph.add("Pow", graph.constant(np.e), exponents)


def logarithm(graph: Graph, values: str, width: int) -> str:
    """The natural logarithm of [n, width]: of as many copies as the longest vector has places, so that none is left."""
    copies = graph.add("Log", graph.add("Concat", *[values] * LONGEST_VECTOR, axis=1))
    return graph.add("Gather", copies, graph.constant(np.arange(width), np.int64), axis=1)


def row_sums(graph: Graph, values: str, width: int) -> str:
    """[n, 1] of [n, width]."""
    return graph.add("MatMul", values, graph.constant(np.ones((width, 1))))


def expit(graph: Graph, raw: str) -> str:
    """1 / (1 + exp(-raw)), as scipy's expit: where exp overflows to inf, that is 0."""
    one = graph.constant(1.0)
    return graph.add("Div", one, graph.add("Add", one, exponential(graph, graph.add("Neg", raw))))


def tanh(graph: Graph, values: str) -> str:
    """1 - 2 / (1 + exp(2 x)): right to the last bit of 1, which is what a layer adds up."""
    one, two = graph.constant(1.0), graph.constant(2.0)
    grown = graph.add("Add", one, exponential(graph, graph.add("Mul", two, values)))
    return graph.add("Sub", one, graph.add("Div", two, grown))


def both(graph: Graph, positive: str) -> str:
    """[1 - p, p] of p [n, 1]."""
    return graph.add("Concat", graph.add("Sub", graph.constant(1.0), positive), positive, axis=1)


def softmax(graph: Graph, raw: str, width: int) -> str:
    """Softmax of raw scores [n, classes]; each row's largest is subtracted first, so that nothing overflows."""
    classes = graph.constant([1], np.int64)
    weights = exponential(graph, graph.add("Sub", raw, graph.add("ReduceMax", raw, classes, keepdims=1)))
    return graph.add("Div", weights, row_sums(graph, weights, width))


def probabilities(graph: Graph, raw: Columns) -> Columns:
    """[n, classes] of raw scores [n, 1] (two classes) or [n, classes]."""
    if raw.width == 1:
        return result(both(graph, expit(graph, raw.name)), 2)
    return result(softmax(graph, raw.name, raw.width), raw.width)


def shares(graph: Graph, scores: str, classes: int) -> str:
    """Scores [n, classes], none below 0, divided by each row's sum; the same share for all where that is 0."""
    total = row_sums(graph, scores, classes)
    nothing = graph.add("Equal", total, graph.constant(0.0))
    divided = graph.add("Div", scores, graph.add("Where", nothing, graph.constant(1.0), total))
    return graph.add("Where", nothing, graph.constant(1.0 / classes), divided)


def result(name: str, width: int, *, rounded: bool = True) -> Columns:
    """A tensor [n, width] of probabilities, scores or values."""
    return Columns(name, (None,) * width, rounded)
