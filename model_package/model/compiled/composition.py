"""Pipelines and column transformers: steps after one another, and side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from model.compiled.graph import UNKNOWN, Columns, Graph, Positions, Step
from model.compiled.transformers import TRANSFORMERS


def transform(graph: Graph, columns: Columns, step: Step) -> Columns:
    """The columns that `step` makes of `columns`.

    Classes are matched exactly: a subclass may answer differently.

    Raises:
        CannotCompile: a step, or a step inside it, that has no exact form here.
    """
    kind = type(step.estimator)
    if _passes_through(step.estimator):
        return columns
    if kind is Pipeline:
        return in_turn(graph, columns, steps_of(step))
    if kind is ColumnTransformer:
        return side_by_side(graph, columns, step)
    if kind not in TRANSFORMERS:
        raise step.refusal(UNKNOWN)
    return TRANSFORMERS[kind](graph, columns, step)


def in_turn(graph: Graph, columns: Columns, steps: Sequence[Step]) -> Columns:
    """Each step takes what the one before it gave."""
    for step in steps:
        columns = transform(graph, columns, step)
    return columns


def steps_of(step: Step) -> list[Step]:
    """The steps of a pipeline, named `outer.inner`."""
    return [step.inner(name, estimator) for name, estimator in step.estimator.steps]


def side_by_side(graph: Graph, columns: Columns, step: Step) -> Columns:
    """ColumnTransformer: each block takes its columns; the results stand beside one another, in order."""
    if step.estimator.transformer_weights:
        raise step.refusal("transformer_weights are not supported")
    blocks = [
        transform(graph, graph.take(columns, positions), inner) for inner, positions in _blocks(step, columns.width)
    ]
    if not any(block.width for block in blocks):
        raise step.refusal("it leaves no column")
    return graph.beside(blocks)


def _blocks(step: Step, width: int) -> Iterator[tuple[Step, Positions]]:
    """The fitted blocks that keep any column, each with its columns' positions."""
    names = [str(name) for name in getattr(step.estimator, "feature_names_in_", ())]
    for name, transformer, wanted in step.estimator.transformers_:
        inner = step.inner(name, transformer)
        positions = _positions(wanted, names, width, inner)
        if len(positions) and not (isinstance(transformer, str) and transformer == "drop"):
            yield inner, positions


def _positions(wanted: Any, names: Sequence[str], width: int, step: Step) -> Positions:  # noqa: ANN401 - any selector
    """Where the `wanted` columns stand: names, positions (also negative), a mask, a slice, or one of them alone."""
    if isinstance(wanted, slice) and not any(isinstance(end, str) for end in (wanted.start, wanted.stop)):
        return np.arange(width)[wanted]
    if isinstance(wanted, slice) or callable(wanted):
        raise step.refusal("choose its columns by name, position or mask")
    chosen = np.atleast_1d(np.asarray(wanted))
    if chosen.dtype.kind in "UO":
        return np.array([names.index(str(name)) for name in chosen], dtype=np.int64)
    return np.arange(width)[chosen if len(chosen) else slice(0)]


def _passes_through(transformer: Any) -> bool:  # noqa: ANN401 - any step
    """'passthrough', None, and the identity that a fitted ColumnTransformer puts in their place."""
    if type(transformer) is FunctionTransformer:
        return bool(transformer.func is None)
    return transformer is None or (isinstance(transformer, str) and transformer == "passthrough")
