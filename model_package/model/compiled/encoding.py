"""Category codes as operators: one column a category, ranks, and means of the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from model.compiled.graph import Columns, Floats, Graph, Step


def one_hot(graph: Graph, columns: Columns, step: Step) -> Columns:
    """OneHotEncoder: one column 0 or 1 per kept category; an unknown code gives zeros (scikit-learn may raise)."""
    encoder = step.estimator
    if encoder.handle_unknown not in {"ignore", "error"}:
        raise step.refusal(f"handle_unknown={encoder.handle_unknown!r}, only 'ignore' and 'error' are supported")
    categories = known_categories(encoder, step)
    dropped = encoder.drop_idx_ if encoder.drop_idx_ is not None else [None] * len(categories)
    pairs = zip(categories, dropped, strict=True)
    kept = [values if drop is None else np.delete(values, int(drop)) for values, drop in pairs]
    return matches(graph, columns, kept, step)


def ordinal(graph: Graph, columns: Columns, step: Step) -> Columns:
    """OrdinalEncoder: each code becomes its rank among the known ones; unknown and missing ones their stand-ins."""
    encoder = step.estimator
    if encoder.dtype not in {np.float64, float}:
        raise step.refusal("its dtype must be float64")
    categories = known_categories(encoder, step)
    flags = matches(graph, columns, categories, step)
    owns = _owns(categories)
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


def target_means(graph: Graph, columns: Columns, step: Step) -> Columns:
    """TargetEncoder: each code becomes what it stood for in training, an unknown one the mean; by class for several."""
    encoder = step.estimator
    categories = known_categories(encoder, step)
    flags = matches(graph, columns, categories, step)
    each = len(encoder.encodings_) // len(categories)
    weights = np.zeros((flags.width, len(encoder.encodings_)))
    ends = np.cumsum([0, *map(len, categories)])
    for place, encoding in enumerate(encoder.encodings_):
        weights[ends[place // each] : ends[place // each + 1], place] = encoding
    means = np.tile(np.broadcast_to(encoder.target_mean_, each), len(categories))
    name = graph.add("MatMul", flags.name, graph.constant(weights))
    known = graph.add(
        "Greater", graph.add("MatMul", flags.name, graph.constant(_owns(categories, each))), graph.constant(0.5)
    )
    return Columns(graph.add("Where", known, name, graph.constant(means)), (None,) * len(means))


def _owns(categories: Sequence[Floats], each: int = 1) -> Floats:
    """[all categories, columns * each]: 1 where the category is the column's."""
    owner = np.repeat(np.arange(len(categories)), [len(values) for values in categories])
    return np.repeat((owner[:, np.newaxis] == np.arange(len(categories))).astype(np.float64), each, axis=1)


def known_categories(encoder: Any, step: Step) -> list[Floats]:  # noqa: ANN401 - scikit-learn has no types
    """The codes that an encoder learnt, one array per column; refuses strings and grouped rare categories."""
    if any(np.asarray(values).dtype.kind not in "fiub" for values in encoder.categories_):
        raise step.refusal("its categories must be numbers: category codes, not strings")
    if getattr(encoder, "min_frequency", None) is not None or getattr(encoder, "max_categories", None) is not None:
        raise step.refusal("min_frequency and max_categories are not supported")
    return [np.asarray(values, dtype=np.float64) for values in encoder.categories_]


def matches(graph: Graph, columns: Columns, categories: Sequence[Floats], step: Step) -> Columns:
    """One column per (column, category), 1.0 where they are equal, else 0.0; a NaN category matches NaN."""
    step.needs_exact(columns)
    graph.codes.update(origin.position for origin in columns.origins if origin)
    owner = np.repeat(np.arange(len(categories)), [len(values) for values in categories])
    wanted = np.concatenate(categories)
    repeated = graph.take(columns, owner).name
    equal = graph.add("Equal", repeated, graph.constant(wanted))
    if np.isnan(wanted).any():
        missing = graph.add("And", graph.add("IsNaN", repeated), graph.constant(np.isnan(wanted), np.bool_))
        equal = graph.add("Or", equal, missing)
    return Columns(graph.double(equal), (None,) * len(wanted))
