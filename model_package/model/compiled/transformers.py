"""Imputers, scalers and encoders as operators: the same arithmetic in the same order as scikit-learn's `transform`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from model.compiled.graph import Columns, Floats, Graph, Origin, Step


def impute(graph: Graph, columns: Columns, step: Step) -> Columns:
    """SimpleImputer: each NaN becomes its column's statistic; indicators (0, 1) follow when asked for."""
    imputer = step.estimator
    if not _is_nan(imputer.missing_values):
        raise step.refusal("it must treat NaN, and nothing else, as missing")
    statistics = np.asarray(imputer.statistics_, dtype=np.float64)
    kept = np.arange(len(statistics)) if imputer.keep_empty_features else np.flatnonzero(~np.isnan(statistics))
    chosen = graph.take(columns, kept)
    missing = graph.add("IsNaN", chosen.name)
    filled = graph.add("Where", missing, graph.constant(statistics[kept]), chosen.name)
    blocks = [Columns(filled, chosen.origins)]
    if imputer.indicator_ is not None:
        blocks.append(_indicators(graph, columns, imputer.indicator_.features_))
    return graph.beside(blocks)


def _indicators(graph: Graph, columns: Columns, features: Any) -> Columns:  # noqa: ANN401 - an integer array
    watched = graph.take(columns, np.asarray(features, dtype=np.int64))
    return Columns(graph.double(graph.add("IsNaN", watched.name)), (None,) * watched.width)


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
    return Columns(name, _mapped(columns.origins, 1 / scale, -mean / scale))


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
    return Columns(name, _mapped(columns.origins, factor, offset))


def _clipped(graph: Graph, name: str, beyond: str, bound: float) -> str:
    limit = graph.constant(bound)
    return graph.add("Where", graph.add(beyond, name, limit), limit, name)


def _mapped(origins: Sequence[Origin | None], factors: Floats, offsets: Floats) -> tuple[Origin | None, ...]:
    return tuple(
        origin and origin.mapped(float(factor), float(offset))
        for origin, factor, offset in zip(origins, factors, offsets, strict=True)
    )


def one_hot(graph: Graph, columns: Columns, step: Step) -> Columns:
    """OneHotEncoder: one column 0 or 1 per kept category; an unknown code gives zeros (scikit-learn may raise)."""
    encoder = step.estimator
    if encoder.handle_unknown not in {"ignore", "error"}:
        raise step.refusal(f"handle_unknown={encoder.handle_unknown!r}, only 'ignore' and 'error' are supported")
    categories = known_categories(encoder, step)
    dropped = encoder.drop_idx_ if encoder.drop_idx_ is not None else [None] * len(categories)
    pairs = zip(categories, dropped, strict=True)
    return matches(graph, columns, [values if drop is None else np.delete(values, int(drop)) for values, drop in pairs])


def ordinal(graph: Graph, columns: Columns, step: Step) -> Columns:
    """OrdinalEncoder: each code becomes its rank among the known ones; unknown and missing ones their stand-ins."""
    encoder = step.estimator
    if encoder.dtype not in {np.float64, float}:
        raise step.refusal("its dtype must be float64")
    categories = known_categories(encoder, step)
    flags = matches(graph, columns, categories)
    owner = np.repeat(np.arange(len(categories)), [len(values) for values in categories])
    owns = (owner[:, np.newaxis] == np.arange(len(categories))).astype(np.float64)
    ranks = np.concatenate([np.arange(len(values), dtype=np.float64) for values in categories])
    name = graph.add("MatMul", flags.name, graph.constant(owns * ranks[:, np.newaxis]))
    with_nan = np.array([bool(np.isnan(values).any()) for values in categories])
    if with_nan.any():
        missing = graph.add("And", graph.add("IsNaN", columns.name), graph.constant(with_nan, np.bool_))
        name = graph.add("Where", missing, graph.constant(float(encoder.encoded_missing_value)), name)
    if encoder.handle_unknown == "use_encoded_value":
        known = graph.add("Greater", graph.add("MatMul", flags.name, graph.constant(owns)), graph.constant(0.5))
        name = graph.add("Where", known, name, graph.constant(float(encoder.unknown_value)))
    return Columns(name, (None,) * columns.width)


def known_categories(encoder: Any, step: Step) -> list[Floats]:  # noqa: ANN401 - scikit-learn has no types
    """The codes that an encoder learnt, one array per column; refuses strings and grouped rare categories."""
    if any(np.asarray(values).dtype.kind not in "fiub" for values in encoder.categories_):
        raise step.refusal("its categories must be numbers: category codes, not strings")
    if getattr(encoder, "min_frequency", None) is not None or getattr(encoder, "max_categories", None) is not None:
        raise step.refusal("min_frequency and max_categories are not supported")
    return [np.asarray(values, dtype=np.float64) for values in encoder.categories_]


def matches(graph: Graph, columns: Columns, categories: Sequence[Floats]) -> Columns:
    """One column per (column, category), 1.0 where they are equal, else 0.0; a NaN category matches NaN."""
    graph.codes.update(origin.position for origin in columns.origins if origin)
    owner = np.repeat(np.arange(len(categories)), [len(values) for values in categories])
    wanted = np.concatenate(categories)
    repeated = graph.take(columns, owner).name
    equal = graph.add("Equal", repeated, graph.constant(wanted))
    if np.isnan(wanted).any():
        missing = graph.add("And", graph.add("IsNaN", repeated), graph.constant(np.isnan(wanted), np.bool_))
        equal = graph.add("Or", equal, missing)
    return Columns(graph.double(equal), (None,) * len(wanted))


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and bool(np.isnan(value))


TRANSFORMERS: dict[type, Callable[[Graph, Columns, Step], Columns]] = {
    SimpleImputer: impute,
    StandardScaler: standardize,
    MinMaxScaler: rescale,
    OneHotEncoder: one_hot,
    OrdinalEncoder: ordinal,
}
