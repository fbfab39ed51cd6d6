"""Gradient boosting and AdaBoost: trees in turn, each adding to raw scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from model.compiled.forests import as_single
from model.compiled.graph import Columns, Graph, Step
from model.compiled.links import result, softmax
from model.compiled.trees import Tree, boosted, ensemble, grown

TWO = 2


def gradient_scores(graph: Graph, columns: Columns, step: Step) -> Columns:
    """GradientBoosting before its link: the start, then every stage in turn."""
    fitted = step.estimator
    if fitted.init not in {None, "zero"}:
        raise step.refusal("only init=None and init='zero' are supported")
    trees = _stages(fitted)
    # The start is the same for every row: private, but the only place that has it bit for bit.
    start = fitted._raw_predict_init(np.zeros((1, columns.width), dtype=np.float32))[0]  # noqa: SLF001
    seen = graph.double(as_single(graph, columns, step, trees))
    return result(boosted(graph, seen, columns.width, start, trees), len(start), rounded=False)


def _stages(boosting: Any) -> list[Tree]:  # noqa: ANN401 - scikit-learn has no types
    """The stages of gradient boosting, each leaf times the learning rate (scikit-learn, too, goes leaf by leaf)."""
    return [
        grown(member.tree_, boosting.learning_rate * member.tree_.value[:, 0, 0], target)
        for stage in boosting.estimators_
        for target, member in enumerate(stage)
    ]


def adaptive_scores(graph: Graph, columns: Columns, step: Step) -> Columns:
    """AdaBoostClassifier before its softmax: the trees' weighted votes, for two classes second minus first: [n, 1]."""
    fitted = step.estimator
    if any(type(member) not in {DecisionTreeClassifier, ExtraTreeClassifier} for member in fitted.estimators_):
        raise step.refusal("it must boost single trees: other members vote by labels that rounding can turn over")
    targets = range(fitted.n_classes_)
    trees = [tree for target in targets for tree in _votes(fitted, target)]
    seen = graph.double(as_single(graph, columns, step, trees))
    total = ensemble(graph, seen, columns.width, trees, targets=len(targets))
    votes = graph.add("Div", total, graph.constant(float(fitted.estimator_weights_.sum())))
    if len(targets) != TWO:
        return result(votes, len(targets), rounded=False)
    second_minus_first = graph.constant([[-1.0], [1.0]])
    return result(graph.add("MatMul", votes, second_minus_first), 1, rounded=False)


def adaptive_boosting(graph: Graph, columns: Columns, step: Step) -> Columns:
    """AdaBoostClassifier (SAMME): the softmax of the weighted votes."""
    scores = adaptive_scores(graph, columns, step)
    if scores.width == 1:
        opposed = graph.add("Concat", graph.add("Neg", scores.name), scores.name, axis=1)
        return result(softmax(graph, graph.add("Div", opposed, graph.constant(2.0)), TWO), TWO)
    divided = graph.add("Div", scores.name, graph.constant(scores.width - 1.0))
    return result(softmax(graph, divided, scores.width), scores.width)


def _votes(fitted: Any, target: int) -> list[Tree]:  # noqa: ANN401
    """Each tree's leaves: its weight where the leaf's label is the target's class, else the rest's share against it."""
    pairs = zip(fitted.estimators_, fitted.estimator_weights_, strict=False)
    return [grown(member.tree_, _vote(member, weight, target, fitted), target) for member, weight in pairs]


def _vote(member: Any, weight: float, target: int, fitted: Any) -> Any:  # noqa: ANN401
    labels = member.classes_[member.tree_.value[:, 0, :].argmax(axis=1)]
    return np.where(labels == fitted.classes_[target], weight, -1 / (fitted.n_classes_ - 1) * weight)
