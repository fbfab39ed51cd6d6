"""Products of columns, each multiplied in the order in which scikit-learn multiplies it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from model.compiled.graph import Columns, Graph, Step
from model.compiled.links import result

Pair = tuple[int, int]


def polynomials(graph: Graph, columns: Columns, step: Step) -> Columns:
    """PolynomialFeatures: a product of degree d is one of degree d - 1 times a column."""
    fitted = step.estimator
    lowest, highest = fitted._min_degree, fitted._max_degree  # noqa: SLF001 - nowhere else
    if highest == 0:
        raise step.refusal("degree=0 leaves no column of the data")
    blocks = [_ones(graph, columns)] if fitted.include_bias else []
    products = columns
    for degree, pairs in enumerate([[], *_degrees(fitted, columns.width, highest)], start=1):
        if pairs:
            earlier, feature = (np.array(ends, dtype=np.int64) for ends in zip(*pairs, strict=True))
            times = graph.take(columns, feature)
            name = graph.add("Mul", graph.take(products, earlier).name, times.name)
            products = result(name, len(pairs), rounded=columns.rounded)
        if degree >= lowest and (pairs or degree == 1):
            blocks.append(products)
    return graph.beside(blocks)


def _degrees(fitted: Any, width: int, highest: int) -> list[list[Pair]]:  # noqa: ANN401 - scikit-learn has no types
    """For each degree from 2: which product of the degree before is multiplied with which column, in order."""
    starts, found = [*range(width), width], []
    for _ in range(2, highest + 1):
        pairs: list[Pair] = []
        begins: list[int] = []
        for feature, (start, following) in enumerate(pairwise(starts)):
            begins.append(len(pairs))
            first = following if fitted.interaction_only else start
            pairs += [(earlier, feature) for earlier in range(first, starts[-1])]
        starts = [*begins, len(pairs)]
        found.append(pairs)
    return found


def _ones(graph: Graph, columns: Columns) -> Columns:
    count = graph.add("Shape", columns.name, start=0, end=1)
    shape = graph.add("Concat", count, graph.constant([1], np.int64), axis=0)
    return result(graph.add("Expand", graph.constant([[1.0]]), shape), 1, rounded=False)
