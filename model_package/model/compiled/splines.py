"""B-splines by de Boor's recursion in the order of operations of scipy's `BSpline`, so that every bit is the same.

Source of the recursion: C. de Boor, A Practical Guide to Splines, chapter X, (8) and (9).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from model.compiled.graph import Columns, Floats, Graph, Step
from model.compiled.links import result
from model.compiled.search import places


@dataclass(frozen=True, slots=True)
class Knots:
    """The knots of all columns [columns, knots]; every column has `count` splines of the same degree."""

    all: Floats
    degree: int
    count: int

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.all)

    @property
    def intervals(self) -> int:
        """How many intervals between knots a number may lie in."""
        return int(self.all.shape[1]) - 2 * self.degree - 1

    def after(self, steps: int) -> Floats:
        """For each column and interval, one after another: the knot so many steps after the interval's first one."""
        begin = self.degree + steps
        return np.ravel(self.all[:, begin : begin + self.intervals])


def splines(graph: Graph, columns: Columns, step: Step) -> Columns:
    """SplineTransformer: [n, width * splines], column by column; nothing but noughts where a number is missing."""
    fitted = step.estimator
    if fitted.extrapolation == "error":
        raise step.refusal("extrapolation='error' has no answer for rows beyond the knots; the other four compile")
    if fitted.degree == 0 and fitted.extrapolation == "constant":
        raise step.refusal("scikit-learn cannot extrapolate a constant from splines of degree=0")
    step.needs_exact(columns)
    first = fitted.bsplines_[0]
    knots = Knots(np.stack([spline.t for spline in fitted.bsplines_]), first.k, first.c.shape[1])
    name = _within(graph, _periodic(graph, columns, knots) if fitted.extrapolation == "periodic" else columns, knots)
    repeated = graph.take(columns, np.repeat(np.arange(columns.width), knots.count)).name
    name = graph.add("Where", graph.add("IsNaN", repeated), graph.constant(0.0), name)
    if fitted.extrapolation in {"constant", "linear"}:
        name = _beyond(graph, repeated, name, fitted)
    made = result(name, columns.width * knots.count, rounded=False)
    if fitted.include_bias:
        return made
    numbers = np.arange(made.width)
    return graph.take(made, numbers[(numbers + 1) % knots.count != 0])


def _periodic(graph: Graph, columns: Columns, knots: Knots) -> Columns:
    """The numbers moved by whole periods between the first and the last knot, as numpy's remainder does it."""
    first = knots.all[:, knots.degree]
    period = knots.all[:, -knots.degree - 1] - first
    usable = graph.constant(np.where(period > 0, period, 1.0))
    left = graph.add("Mod", graph.add("Sub", columns.name, graph.constant(first)), usable, fmod=1)
    left = graph.add("Where", graph.add("Less", left, graph.constant(0.0)), graph.add("Add", left, usable), left)
    moved = graph.add("Add", graph.constant(first), left)
    name = graph.add("Where", graph.constant(period > 0, np.bool_), moved, graph.constant(0.0))
    return Columns(name, columns.origins)


def _within(graph: Graph, columns: Columns, knots: Knots) -> str:
    """The values of all splines [n, width * count] by the polynomials of the interval that each number lies in."""
    begins = np.arange(knots.width) * knots.intervals
    inner = knots.all[:, knots.degree + 1 : knots.degree + knots.intervals]
    at = graph.add("Add", places(graph, columns, list(inner)), graph.constant(begins, np.int64))
    values = _recursion(graph, columns.name, at, knots)
    column, interval = np.divmod(np.arange(knots.width * knots.intervals), knots.intervals)
    targets = [column * knots.count + (interval + place) % knots.count for place in range(knots.degree + 1)]
    where = [graph.add("Gather", graph.constant(target, np.int64), at, axis=0) for target in targets]
    count = graph.add("Shape", columns.name, start=0, end=1)
    shape = graph.add("Concat", count, graph.constant([knots.width * knots.count], np.int64), axis=0)
    noughts = graph.add("Expand", graph.constant([[0.0]]), shape)
    found, said = graph.add("Concat", *where, axis=1), graph.add("Concat", *values, axis=1)
    # In a short period two of an interval's splines are the same one: they add up.
    return graph.add("ScatterElements", noughts, found, said, axis=1, reduction="add")


def _recursion(graph: Graph, x: str, at: str, knots: Knots) -> list[str]:
    """The degree + 1 splines [n, width] that are not nought in an interval, the leftmost first."""

    def look_up(values: Floats) -> str:
        return graph.add("Gather", graph.constant(values), at, axis=0)

    degrees = range(1, knots.degree + 1)
    to_right = {steps: graph.add("Sub", look_up(knots.after(steps)), x) for steps in degrees}
    to_left = {steps: graph.add("Sub", x, look_up(knots.after(steps))) for steps in range(1 - knots.degree, 1)}
    ones = graph.add("Add", graph.add("Mul", x, graph.constant(0.0)), graph.constant(1.0))
    values = [ones]
    for degree in degrees:
        before, values = values, [graph.constant(0.0)]
        for place in range(1, degree + 1):
            span = knots.after(place) - knots.after(place - degree)
            # Where knots coincide there is no spline: a share of infinity is nought.
            share = graph.add("Div", before[place - 1], look_up(np.where(span == 0, np.inf, span)))
            values[-1] = graph.add("Add", values[-1], graph.add("Mul", share, to_right[place]))
            values.append(graph.add("Mul", share, to_left[place - degree]))
    return values


def _beyond(graph: Graph, x: str, name: str, fitted: Any) -> str:  # noqa: ANN401 - scikit-learn has no types
    """`name` with what lies beyond the outer knots replaced: by the values there, or by straight lines from there."""
    low, high = (np.concatenate(sides, axis=1) for sides in zip(*_sides(fitted), strict=True))
    for beyond, (knot, value, slope) in (("Less", low), ("Greater", high)):
        outside = graph.add(beyond, x, graph.constant(knot))
        distance = graph.add("Sub", x, graph.constant(knot))
        line = graph.add("Add", graph.constant(value), graph.add("Mul", distance, graph.constant(slope)))
        name = graph.add("Where", outside, line, name)
    return name


def _sides(fitted: Any) -> list[tuple[Floats, Floats]]:  # noqa: ANN401
    """For each column, below and above: [3, count] of the outer knot, the splines' values there, and their slopes.

    scikit-learn 1.9 raises a degree below 2 when it extrapolates linearly, and keeps it raised for the columns that
    follow: their outer knots are others. So they are here.
    """
    ends, sides = fitted.degree, []
    for spline in fitted.bsplines_:
        lowest, highest = spline.t[ends], spline.t[-ends - 1]
        linear = fitted.extrapolation == "linear"
        ends += 1 if linear and ends <= 1 else 0
        kept = np.arange(spline.c.shape[1]) < ends
        low = _side(spline, lowest, linear=linear)
        high = _side(spline, highest, linear=linear)
        low[1:, ~kept] = 0.0
        high[1:, ~kept[::-1]] = 0.0
        sides.append((low, high))
    return sides


def _side(spline: Any, knot: float, *, linear: bool) -> Floats:  # noqa: ANN401
    values = spline(knot)
    return np.stack([np.full_like(values, knot), values, spline(knot, nu=1) if linear else np.zeros_like(values)])
