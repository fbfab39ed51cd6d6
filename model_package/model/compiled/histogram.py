"""HistGradientBoosting: trees that compare doubles, know where missing values go, and may ask for categories."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.compiled.encoding import known_categories, matches
from model.compiled.graph import Columns, Floats, Graph, Step
from model.compiled.links import exponential, result
from model.compiled.trees import NO_CHILD, Tree, boosted, watch

CATEGORIES_OF_A_WORD = 32
# Between an answer's "yes" (1: left) and "no" (2: right).
HALF_WAY = 1.5


def histogram_trees(fitted: Any) -> list[tuple[Tree, Any]]:  # noqa: ANN401
    """Each tree on the columns of the fit, with its predictor; a node that asks for a category names that column.

    With native categories scikit-learn moves those columns to the front: this undoes it.
    """
    order = np.arange(fitted.n_features_in_)
    if fitted.is_categorical_ is not None:
        order = np.concatenate([order[fitted.is_categorical_], order[~fitted.is_categorical_]])
    return [
        (_histogram_tree(predictor.nodes, order, target), predictor)
        for stage in fitted._predictors  # noqa: SLF001 - the trees are nowhere else
        for target, predictor in enumerate(stage)
    ]


def _histogram_tree(nodes: NDArray[Any], order: NDArray[np.int64], target: int) -> Tree:
    leaf = nodes["is_leaf"].astype(np.bool_)
    return Tree(
        feature=order[np.where(leaf, 0, nodes["feature_idx"])],
        threshold=nodes["num_threshold"].astype(np.float64),
        left=np.where(leaf, NO_CHILD, nodes["left"].astype(np.int64)),
        right=np.where(leaf, NO_CHILD, nodes["right"].astype(np.int64)),
        missing_left=nodes["missing_go_to_left"].astype(np.bool_),
        value=nodes["value"].astype(np.float64),
        target=target,
        rows=nodes["count"].astype(np.float64),
    )


def histogram_scores(graph: Graph, columns: Columns, step: Step) -> Columns:
    """HistGradientBoosting before its link: compares doubles; missing values go where each node sends them."""
    fitted = step.estimator
    step.needs_exact(columns)
    trees, asked = histogram_trees(fitted), columns
    grove = [tree for tree, _ in trees]
    watch(graph, columns, grove, ignored=[fit.nodes["is_categorical"].astype(np.bool_) for _, fit in trees])
    if fitted.is_categorical_ is not None:
        asked, grove = _with_category_answers(graph, columns, step, trees)
    start = fitted._baseline_prediction[0]  # noqa: SLF001 - nowhere else
    return result(boosted(graph, asked.name, asked.width, start, grove), len(start), rounded=False)


def histogram_regressor(graph: Graph, columns: Columns, step: Step) -> Columns:
    """HistGradientBoostingRegressor: the raw score, or its exponential for losses of positive values."""
    raw = histogram_scores(graph, columns, step)
    return result(exponential(graph, raw.name), 1) if step.estimator.loss in {"poisson", "gamma"} else raw


def _with_category_answers(
    graph: Graph, columns: Columns, step: Step, trees: list[tuple[Tree, Any]]
) -> tuple[Columns, list[Tree]]:
    """The columns plus one per different question "is this category one of these?", and trees that read those.

    An answer is 1 (yes: left), 2 (no: right) or NaN (missing or unknown, which scikit-learn treats alike).
    """
    fitted = step.estimator
    encoder = step.inner("encoder", fitted._preprocessor.named_transformers_["encoder"])  # noqa: SLF001
    codes = [values[~np.isnan(values)] for values in known_categories(encoder.estimator, encoder)]
    positions = np.flatnonzero(fitted.is_categorical_)
    questions: dict[tuple[int, bytes], int] = {}
    rewired = [_rewired(tree, predictor, questions, columns.width) for tree, predictor in trees]
    if not questions:
        return columns, rewired
    flags = matches(graph, graph.take(columns, positions), codes, step)
    weights = np.column_stack([_answers(question, codes, positions) for question in questions])
    sums = graph.add("MatMul", flags.name, graph.constant(weights))
    unknown = graph.add("Equal", sums, graph.constant(0.0))
    answers = graph.add("Where", unknown, graph.constant(np.nan), sums)
    return graph.beside([columns, Columns(answers, (None,) * len(questions))]), rewired


def _rewired(tree: Tree, predictor: Any, questions: dict[tuple[int, bytes], int], width: int) -> Tree:  # noqa: ANN401
    """The tree with its category nodes reading the answer's column; new questions are written down."""
    feature, threshold = tree.feature.copy(), tree.threshold.copy()
    for node in np.flatnonzero(predictor.nodes["is_categorical"].astype(np.bool_) & ~tree.is_leaf):
        words = predictor.raw_left_cat_bitsets[predictor.nodes["bitset_idx"][node]]
        question = (int(tree.feature[node]), words.tobytes())
        feature[node] = width + questions.setdefault(question, len(questions))
        threshold[node] = HALF_WAY
    return replace(tree, feature=feature, threshold=threshold)


def _answers(question: tuple[int, bytes], codes: list[Floats], positions: NDArray[np.int64]) -> Floats:
    """1 or 2 for each known category of the question's column, 0 for all other columns' categories."""
    column, words = question
    rank = np.arange(max(map(len, codes)))
    bits = np.frombuffer(words, dtype=np.uint32)[rank // CATEGORIES_OF_A_WORD] >> (rank % CATEGORIES_OF_A_WORD) & 1
    blocks = zip(codes, positions, strict=True)
    return np.concatenate([np.where(bits[: len(known)], 1.0, 2.0) * (place == column) for known, place in blocks])
