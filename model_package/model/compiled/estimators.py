"""Everything that may stand at the end of a pipeline, as operators: probabilities [n, classes] or values [n]."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from model.compiled.graph import Columns, Floats, Graph, Step
from model.compiled.histogram import histogram_boosting, histogram_trees
from model.compiled.links import flat, probabilities
from model.compiled.trees import Tree, boosted, ensemble, grown

# Far above the rounding of a sum over thousands of trees (1e-13), far below what happens often.
NEARLY_A_TIE = 1e-9

# ------------------------------------------------------------------------------------------- forests


def forest(graph: Graph, columns: Columns, step: Step) -> str:
    """Random forests and extra trees: the sum of the trees' answers, then one division, as scikit-learn does it."""
    fitted = step.estimator
    if fitted.n_outputs_ != 1:
        raise step.refusal("it predicts several targets, one is supported")
    seen = _as_single(graph, columns)
    if not hasattr(fitted, "classes_"):
        return flat(graph, _mean(graph, seen, fitted, [0]))
    if len(fitted.classes_) == 2:  # noqa: PLR2004 - "two classes" says it best
        return _two_shares(graph, seen, fitted)
    return _mean(graph, seen, fitted, range(len(fitted.classes_)))


def _mean(graph: Graph, seen: str, forest: Any, targets: Sequence[int]) -> str:  # noqa: ANN401 - scikit-learn has no types
    """The mean over the trees of each target's leaf values: [n, targets]. A tree is copied for each target."""
    trees = [
        grown(member.tree_, member.tree_.value[:, 0, target], place)
        for member in forest.estimators_
        for place, target in enumerate(targets)
    ]
    total = ensemble(graph, seen, trees, len(targets))
    return graph.add("Div", total, graph.constant(float(len(forest.estimators_))))


def _two_shares(graph: Graph, seen: str, forest: Any) -> str:  # noqa: ANN401
    """[n, 2] of two classes: the first is what the second leaves, but near a tie it is summed up on its own.

    An ONNX leaf adds to one target, so that both shares cost twice the time. scikit-learn sums both, and where they
    are all but equal the rounding of both sums decides on the label.
    """
    second = _mean(graph, seen, forest, [1])
    first = graph.add("Sub", graph.constant(1.0), second)
    # Sums over pure leaves are exact: then the complement ties where the sums do.
    if not all(np.isin(member.tree_.value, (0.0, 1.0)).all() for member in forest.estimators_):
        distance = graph.add("Abs", graph.add("Sub", second, graph.constant(0.5)))
        close = graph.add("Less", distance, graph.constant(NEARLY_A_TIE))
        summed = graph.only_if_any(close, lambda: _mean(graph, seen, forest, [0]), first)
        first = graph.add("Where", close, summed, first)
    return graph.add("Concat", first, second, axis=1)


def _as_single(graph: Graph, columns: Columns) -> str:
    """The numbers as scikit-learn's trees see them: rounded to float32, then compared with double thresholds.

    Beyond float32's range they become infinite, where scikit-learn raises.
    """
    return graph.double(graph.add("Cast", columns.name, to=TensorProto.FLOAT))


# ------------------------------------------------------------------------------------------- gradient boosting


def boosted_trees(boosting: Any) -> list[Tree]:  # noqa: ANN401
    """The stages of gradient boosting, each leaf times the learning rate (scikit-learn, too, goes leaf by leaf)."""
    return [
        grown(member.tree_, boosting.learning_rate * member.tree_.value[:, 0, 0], target)
        for stage in boosting.estimators_
        for target, member in enumerate(stage)
    ]


def boosting(graph: Graph, columns: Columns, step: Step) -> str:
    """GradientBoosting: the start, then every stage in turn, then the link of its loss."""
    fitted = step.estimator
    if fitted.init not in {None, "zero"}:
        raise step.refusal("only init=None and init='zero' are supported")
    # The start is the same for every row: private, but the only place that has it bit for bit.
    start = fitted._raw_predict_init(np.zeros((1, columns.width), dtype=np.float32))[0]  # noqa: SLF001
    raw = boosted(graph, _as_single(graph, columns), start, boosted_trees(fitted))
    if not hasattr(fitted, "classes_"):
        return flat(graph, raw)
    if fitted.loss == "exponential":
        raw = graph.add("Mul", raw, graph.constant(2.0))
    return probabilities(graph, raw, len(start))


# ------------------------------------------------------------------------------------------- the rest


def linear_classifier(graph: Graph, columns: Columns, step: Step) -> str:
    """LogisticRegression: two classes by the logistic function, more by softmax."""
    weights = np.asarray(step.estimator.coef_, dtype=np.float64)
    raw = _linear(graph, columns, weights, np.asarray(step.estimator.intercept_, dtype=np.float64))
    return probabilities(graph, raw, len(weights))


def linear_regressor(graph: Graph, columns: Columns, step: Step) -> str:
    """LinearRegression, Ridge: one weighted sum."""
    weights = np.asarray(step.estimator.coef_, dtype=np.float64)
    if weights.ndim != 1:
        raise step.refusal("it predicts several targets, one is supported")
    return flat(
        graph, _linear(graph, columns, weights[np.newaxis], np.asarray(step.estimator.intercept_, dtype=np.float64))
    )


def _linear(graph: Graph, columns: Columns, weights: Floats, intercept: Floats) -> str:
    product = graph.add("MatMul", columns.name, graph.constant(weights.T))
    return graph.add("Add", product, graph.constant(intercept))


def prior(graph: Graph, columns: Columns, step: Step) -> str:
    """DummyClassifier(strategy="prior"): the same probabilities for every row."""
    fitted = step.estimator
    if fitted.strategy != "prior" or fitted.n_outputs_ != 1:
        raise step.refusal("only strategy='prior' with one target is supported")
    shares = np.asarray(fitted.class_prior_, dtype=np.float64)[np.newaxis]
    count = graph.add("Shape", columns.name, start=0, end=1)
    shape = graph.add("Concat", count, graph.constant([shares.shape[1]], np.int64), axis=0)
    return graph.add("Expand", graph.constant(shares), shape)


# ------------------------------------------------------------------------------------------- what there is

ESTIMATORS: dict[type, Callable[[Graph, Columns, Step], str]] = {
    DummyClassifier: prior,
    ExtraTreesClassifier: forest,
    ExtraTreesRegressor: forest,
    GradientBoostingClassifier: boosting,
    GradientBoostingRegressor: boosting,
    HistGradientBoostingClassifier: histogram_boosting,
    HistGradientBoostingRegressor: histogram_boosting,
    LinearRegression: linear_regressor,
    LogisticRegression: linear_classifier,
    RandomForestClassifier: forest,
    RandomForestRegressor: forest,
    Ridge: linear_regressor,
}


def split_points(estimator: Any) -> Iterable[tuple[int, float]]:  # noqa: ANN401
    """(column, threshold) of every numerical split of a fitted estimator; nothing when it has no trees."""
    rule = ESTIMATORS.get(type(estimator))
    if rule is histogram_boosting:
        return [
            point
            for tree, fitted in histogram_trees(estimator)
            for point in _splits(tree, fitted.nodes["is_categorical"])
        ]
    if rule in {forest, boosting}:
        members = np.ravel(estimator.estimators_)
        return [point for member in members for point in _splits(grown(member.tree_, member.tree_.threshold))]
    return []


def _splits(tree: Tree, by_category: NDArray[np.uint8] | None = None) -> Iterable[tuple[int, float]]:
    chosen = ~tree.is_leaf & np.isfinite(tree.threshold)
    if by_category is not None:
        chosen &= by_category == 0
    return zip(tree.feature[chosen].tolist(), tree.threshold[chosen].tolist(), strict=True)
