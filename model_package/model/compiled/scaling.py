"""Scalers as operators: the same arithmetic in the same order as scikit-learn's `transform`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from model.compiled.graph import Columns, Floats, Graph, Origin, Step
from model.compiled.links import exponential, logarithm, result, row_sums

NEARLY_NOUGHT = float(np.finfo(np.float64).eps)


def standardize(graph: Graph, columns: Columns, step: Step) -> Columns:
    """StandardScaler: subtract the mean, then divide by the scale."""
    scaler, width = step.estimator, columns.width
    name, mean, scale = columns.name, np.zeros(width), np.ones(width)
    if scaler.with_mean:
        mean = np.asarray(scaler.mean_, dtype=np.float64)
        name = graph.add("Sub", name, graph.constant(mean))
    if scaler.with_std:
        scale = np.asarray(scaler.scale_, dtype=np.float64)
        name = graph.add("Div", name, graph.constant(scale))
    return replace(columns, name=name, origins=_mapped(columns.origins, 1 / scale, -mean / scale))


def standardize_robustly(graph: Graph, columns: Columns, step: Step) -> Columns:
    """RobustScaler: subtract the median, then divide by the range between quantiles."""
    scaler, width = step.estimator, columns.width
    name, center, scale = columns.name, np.zeros(width), np.ones(width)
    if scaler.with_centering:
        center = np.asarray(scaler.center_, dtype=np.float64)
        name = graph.add("Sub", name, graph.constant(center))
    if scaler.with_scaling:
        scale = np.asarray(scaler.scale_, dtype=np.float64)
        name = graph.add("Div", name, graph.constant(scale))
    return replace(columns, name=name, origins=_mapped(columns.origins, 1 / scale, -center / scale))


def divide_by_largest(graph: Graph, columns: Columns, step: Step) -> Columns:
    """MaxAbsScaler: divide by the largest size seen; clip when asked for."""
    scale = np.asarray(step.estimator.scale_, dtype=np.float64)
    name = graph.add("Div", columns.name, graph.constant(scale))
    if step.estimator.clip:
        name = _clipped(graph, _clipped(graph, name, "Less", -1.0), "Greater", 1.0)
    return replace(columns, name=name, origins=_mapped(columns.origins, 1 / scale, np.zeros(columns.width)))


def normalize(graph: Graph, columns: Columns, step: Step) -> Columns:
    """Normalizer: each row divided by its own size. Sums over a row are right up to rounding, the largest is exact."""
    norm = step.estimator.norm
    size = _row_size(graph, columns, norm)
    # As scikit-learn has it: what is too small to divide by counts as 1.
    small = graph.add("Less", size, graph.constant(10 * NEARLY_NOUGHT))
    divisor = graph.add("Where", small, graph.constant(1.0), size)
    return result(graph.add("Div", columns.name, divisor), columns.width, rounded=columns.rounded or norm != "max")


def _row_size(graph: Graph, columns: Columns, norm: str) -> str:
    if norm == "l2":
        squares = graph.add("Mul", columns.name, columns.name)
        return graph.add("Sqrt", row_sums(graph, squares, columns.width))
    sizes = graph.add("Abs", columns.name)
    if norm == "l1":
        return row_sums(graph, sizes, columns.width)
    return graph.add("ReduceMax", sizes, graph.constant([1], np.int64), keepdims=1)


def power(graph: Graph, columns: Columns, step: Step) -> Columns:
    """PowerTransformer, Yeo-Johnson: right up to rounding, because ONNX has neither log1p nor expm1."""
    fitted = step.estimator
    if fitted.method != "yeo-johnson":
        raise step.refusal(f"method={fitted.method!r}, only 'yeo-johnson' is supported")
    powers = np.asarray(fitted.lambdas_, dtype=np.float64)
    above = _powered(graph, graph.add("Relu", columns.name), powers)
    below = graph.add("Neg", _powered(graph, graph.add("Relu", graph.add("Neg", columns.name)), 2.0 - powers))
    positive = graph.add("GreaterOrEqual", columns.name, graph.constant(0.0))
    transformed = result(graph.add("Where", positive, above, below), columns.width)
    if not fitted.standardize:
        return transformed
    return standardize(graph, transformed, step.inner("scaler", fitted._scaler))  # noqa: SLF001 - nowhere else


def _powered(graph: Graph, sizes: str, powers: Floats) -> str:
    """expm1(power * log1p(size)) / power, just log1p(size) where the power is 0; sizes from 0 up."""
    logarithms = _log1p(graph, sizes, len(powers))
    none = np.abs(powers) <= NEARLY_NOUGHT
    usable = graph.constant(np.where(none, 1.0, powers))
    divided = graph.add("Div", expm1(graph, graph.add("Mul", logarithms, usable), len(powers)), usable)
    return graph.add("Where", graph.constant(none, np.bool_), logarithms, divided)


def _log1p(graph: Graph, sizes: str, width: int) -> str:
    """log(1 + size), and what rounding took from 1 + size put back."""
    one = graph.constant(1.0)
    total = graph.add("Add", sizes, one)
    lost = graph.add("Sub", sizes, graph.add("Sub", total, one))
    return graph.add("Add", logarithm(graph, total, width), graph.add("Div", lost, total))


def expm1(graph: Graph, exponents: str, width: int = 1) -> str:
    """exp(x) - 1; between -1 and 1, where that would cancel, W. Kahan's (u - 1) x / log(u) with u = exp(x)."""
    one, power_of_e = graph.constant(1.0), exponential(graph, exponents)
    less = graph.add("Sub", power_of_e, one)
    short = graph.add("Div", graph.add("Mul", less, exponents), logarithm(graph, power_of_e, width))
    near = graph.add("Less", graph.add("Abs", exponents), one)
    beside_one = graph.add("Equal", power_of_e, one)
    return graph.add("Where", beside_one, exponents, graph.add("Where", near, short, less))


def rescale(graph: Graph, columns: Columns, step: Step) -> Columns:
    """MinMaxScaler: multiply, then add; clip when asked for."""
    scaler = step.estimator
    factor, offset = np.asarray(scaler.scale_, dtype=np.float64), np.asarray(scaler.min_, dtype=np.float64)
    scaled = graph.add("Mul", columns.name, graph.constant(factor))
    name = graph.add("Add", scaled, graph.constant(offset))
    if scaler.clip:
        lowest, highest = scaler.feature_range
        # Where, not Clip: NaN stays NaN whatever the runtime's Max and Min make of it.
        name = _clipped(graph, name, "Less", float(lowest))
        name = _clipped(graph, name, "Greater", float(highest))
    return replace(columns, name=name, origins=_mapped(columns.origins, factor, offset))


def _clipped(graph: Graph, name: str, beyond: str, bound: float) -> str:
    limit = graph.constant(bound)
    return graph.add("Where", graph.add(beyond, name, limit), limit, name)


def _mapped(origins: Sequence[Origin | None], factors: Floats, offsets: Floats) -> tuple[Origin | None, ...]:
    return tuple(
        origin and origin.mapped(float(factor), float(offset))
        for origin, factor, offset in zip(origins, factors, offsets, strict=True)
    )
