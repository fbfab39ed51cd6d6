"""The walk from a fitted pipeline to the bytes of its compiled form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.base import is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from model.compiled.composition import steps_of
from model.compiled.estimators import answer
from model.compiled.graph import Columns, Graph, Step
from model.errors import CannotCompile, bounded

PROBABILITIES, VALUES = "probabilities", "values"


def compile_pipeline(pipeline: Pipeline, feature_names: Sequence[str]) -> bytes:
    """The ONNX form of a fitted pipeline: `rows` double [n, features] in, one double tensor out.

    A classifier's output is `probabilities` [n, classes], columns in the order of `classes_`; a regressor's is
    `values` [n]. `feature_names` are the columns it was fitted on, in order. The same pipeline gives the same bytes.

    A row that scikit-learn would refuse (a gap where its estimator takes none, a code that its encoder does not know
    and must) gets an answer from the compiled form: the contract has to refuse it first.

    Raises:
        CannotCompile: some step has no exact form here, or the pipeline is unfitted or was fitted on other columns.
    """
    graph, answered = build(pipeline, feature_names)
    if is_classifier(pipeline):
        return graph.serialized(answered.name, PROBABILITIES, ["n", answered.width])
    values = graph.add("Squeeze", answered.name, graph.constant([1], np.int64))
    return graph.serialized(values, VALUES, ["n"])


def build(pipeline: Pipeline, feature_names: Sequence[str]) -> tuple[Graph, Columns]:
    """The graph of a fitted pipeline, and in it the answer: probabilities [n, classes] or values [n, 1].

    Raises:
        CannotCompile: as `compile_pipeline`.
    """
    whole = Step("", pipeline)
    if type(pipeline) is not Pipeline:
        raise whole.refusal("a scikit-learn Pipeline is needed")
    _check_fitted_on(whole, feature_names)
    graph = Graph(len(feature_names))
    return graph, answer(graph, graph.rows, whole)


def _check_fitted_on(whole: Step, feature_names: Sequence[str]) -> None:
    """The pipeline must have learnt exactly these columns in this order."""
    pipeline = whole.estimator
    try:
        check_is_fitted(pipeline)
        for step in steps_of(whole):
            if not isinstance(step.estimator, str | None):
                check_is_fitted(step.estimator)
    except NotFittedError as error:
        raise CannotCompile(f"fit the pipeline first: {bounded(error)}") from error
    learnt = list(getattr(pipeline, "feature_names_in_", feature_names))
    if learnt != list(feature_names) or getattr(pipeline, "n_features_in_", len(feature_names)) != len(feature_names):
        raise CannotCompile(
            f"the pipeline was fitted on other columns than {bounded(list(feature_names))}: {bounded(learnt)}"
        )
