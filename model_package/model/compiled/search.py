"""Finding a number's place among sorted ones, and interpolating there, bit for bit as numpy does it.

A place is found by a `TreeEnsemble` of one tree a column: a binary search. Comparing with each edge would cost more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model.compiled.graph import Columns, Floats, Graph
from model.compiled.trees import NO_CHILD, Tree, constant, ensemble


def places(graph: Graph, columns: Columns, edges: Sequence[Floats]) -> str:
    """How many of its column's edges are at most each number: int64 [n, width]; a missing number's place is 0.

    The numbers must be exact (`Step.needs_exact`): next to an edge another last bit is another place.
    """
    for origin, values in zip(columns.origins, edges, strict=True):
        graph.watch(origin, np.unique(values).tolist())
    trees = [_searching(np.asarray(values), column) for column, values in enumerate(edges)]
    found = ensemble(graph, columns.name, columns.width, trees, targets=columns.width)
    return graph.add("Cast", found, to=7)


def _searching(edges: Floats, column: int) -> Tree:
    """A balanced tree that adds a number's place among `edges` to target `column`."""
    if not len(edges):
        return constant(0.0, column)
    nodes: list[tuple[float, int, int, float]] = []
    _grow(nodes, edges, 0, len(edges))
    threshold, left, right, value = (np.array(parts) for parts in zip(*nodes, strict=True))
    everywhere = np.full(len(nodes), column)
    return Tree(everywhere, threshold, left, right, np.ones(len(nodes), dtype=np.bool_), value, column)


def _grow(nodes: list[tuple[float, int, int, float]], edges: Floats, low: int, high: int) -> int:
    """Append the nodes that tell the places from `low` to `high` apart; returns the first one's number."""
    here = len(nodes)
    nodes.append((0.0, NO_CHILD, NO_CHILD, float(low)))
    if low < high:
        middle = (low + high) // 2
        # Left goes what is at most the threshold, and that is what is below the edge.
        below = float(np.nextafter(edges[middle], -np.inf))
        left = _grow(nodes, edges, low, middle)
        nodes[here] = (below, left, _grow(nodes, edges, middle + 1, high), 0.0)
    return here


def interpolate(graph: Graph, columns: Columns, known: Sequence[tuple[Floats, Floats]]) -> str:
    """`numpy.interp` of each column between its known points (x ascending, y); NaN stays NaN: [n, width]."""
    found = places(graph, columns, [x for x, _ in known])
    starts = np.cumsum([0, *(len(x) + 1 for x, _ in known)])[:-1]
    at = graph.add("Add", found, graph.constant(starts, np.int64))
    pieces = np.concatenate([_pieces(x, y) for x, y in known])
    slope, x, y = (graph.add("Gather", graph.constant(piece), at, axis=0) for piece in pieces.T)
    return graph.add("Add", graph.add("Mul", slope, graph.add("Sub", columns.name, x)), y)


def _pieces(x: Floats, y: Floats) -> Floats:
    """[len(x) + 1, 3]: slope, x and y of the line right of each point; level before the first and from the last on."""
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.where(np.diff(x) > 0, np.diff(y) / np.diff(x), 0.0)
    level = np.array([0.0])
    return np.column_stack(
        [
            np.concatenate([level, slopes, level]),
            np.concatenate([x[:1], x]),
            np.concatenate([y[:1], y]),
        ]
    )


def steepest(x: Floats, y: Floats) -> float:
    """The largest slope between the points: by how much interpolating can enlarge a rounding."""
    return float(np.max(np.abs(_pieces(x, y)[:, 0]), initial=0.0))
