"""Bins and quantiles: where a number stands among those of the training part."""

from __future__ import annotations

import numpy as np

from model.compiled.encoding import one_hot
from model.compiled.graph import Columns, Graph, Step
from model.compiled.search import interpolate, places


def discretize(graph: Graph, columns: Columns, step: Step) -> Columns:
    """KBinsDiscretizer: the number of each one's bin, or one column a bin."""
    fitted = step.estimator
    step.needs_exact(columns)
    inner_edges = [np.asarray(edges, dtype=np.float64)[1:-1] for edges in fitted.bin_edges_]
    numbers = Columns(graph.double(places(graph, columns, inner_edges)), (None,) * columns.width)
    if fitted.encode == "ordinal":
        return numbers
    return one_hot(graph, numbers, step.inner("encoder", fitted._encoder))  # noqa: SLF001 - nowhere else


def quantiles(graph: Graph, columns: Columns, step: Step) -> Columns:
    """QuantileTransformer to the uniform distribution: interpolated from below and from above, and the mean of both."""
    fitted = step.estimator
    if fitted.output_distribution != "uniform":
        raise step.refusal("output_distribution='normal' needs a function that ONNX has not: 'uniform' compiles")
    step.needs_exact(columns)
    known, shares = np.asarray(fitted.quantiles_, dtype=np.float64), np.asarray(fitted.references_, dtype=np.float64)
    upwards = interpolate(graph, columns, [(points, shares) for points in known.T])
    turned = Columns(
        graph.add("Neg", columns.name), tuple(origin and origin.mapped(-1, 0) for origin in columns.origins)
    )
    downwards = interpolate(graph, turned, [(-points[::-1], -shares[::-1]) for points in known.T])
    mean = graph.add("Mul", graph.constant(0.5), graph.add("Sub", upwards, downwards))
    highest = graph.add("Equal", columns.name, graph.constant(known[-1]))
    lowest = graph.add("Equal", columns.name, graph.constant(known[0]))
    capped = graph.add("Where", highest, graph.constant(1.0), mean)
    return Columns(graph.add("Where", lowest, graph.constant(0.0), capped), (None,) * columns.width)
