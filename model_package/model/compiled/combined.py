"""Voting, stacking, bagging, and regressors of a transformed target: estimators made of estimators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from model.compiled.forests import SINGLE_TREES, bagged_trees
from model.compiled.graph import Columns, Graph, Positions, Step
from model.compiled.links import exponential, result
from model.compiled.parts import Parts, mean
from model.compiled.scaling import expm1

TWO = 2


def voting(parts: Parts, graph: Graph, columns: Columns, step: Step) -> Columns:
    """VotingClassifier (soft), VotingRegressor: the weighted mean of the members' answers."""
    members = [parts.answer(graph, columns, inner) for inner in _members(step)]
    weights = step.estimator._weights_not_none  # noqa: SLF001 - it leaves out what was dropped
    return mean(graph, members, weights)


def stacking(parts: Parts, graph: Graph, columns: Columns, step: Step) -> Columns:
    """StackingClassifier, StackingRegressor: the final estimator's answer to the members' answers."""
    final = step.inner("final_estimator", step.estimator.final_estimator_)
    return parts.answer(graph, _stacked(parts, graph, columns, step), final)


def stacking_scores(parts: Parts, graph: Graph, columns: Columns, step: Step) -> Columns:
    """The final estimator's scores of the members' answers."""
    final = step.inner("final_estimator", step.estimator.final_estimator_)
    return parts.scores(graph, _stacked(parts, graph, columns, step), final)


def _stacked(parts: Parts, graph: Graph, columns: Columns, step: Step) -> Columns:
    """The members' answers side by side (of two classes the second's), and the columns themselves when asked for."""
    blocks = []
    for inner, method in zip(_members(step), step.estimator.stack_method_, strict=True):
        if method == "predict" and is_classifier(inner.estimator):
            raise inner.refusal("its labels are stacked; only probabilities, scores and values can be")
        rule = parts.scores if method == "decision_function" else parts.answer
        block = rule(graph, columns, inner)
        second_only = method == "predict_proba" and block.width == TWO
        blocks.append(graph.take(block, np.array([1])) if second_only else block)
    return graph.beside([*blocks, columns] if step.estimator.passthrough else blocks)


def _members(step: Step) -> list[Step]:
    fitted = step.estimator
    names = [name for name, member in fitted.estimators if not (isinstance(member, str) and member == "drop")]
    return [step.inner(name, member) for name, member in zip(names, fitted.estimators_, strict=True)]


def bagging(parts: Parts, graph: Graph, columns: Columns, step: Step) -> Columns:
    """BaggingClassifier, BaggingRegressor: the mean of the members' answers, each to its own columns."""
    fitted = step.estimator
    if all(type(member) in SINGLE_TREES for member in fitted.estimators_):
        return bagged_trees(graph, columns, step)
    classes = len(getattr(fitted, "classes_", [0]))
    answers = []
    for place, (member, shown) in enumerate(zip(fitted.estimators_, fitted.estimators_features_, strict=True)):
        answer = parts.answer(graph, graph.take(columns, np.asarray(shown)), step.inner(str(place), member))
        known = np.asarray(getattr(member, "classes_", [0]), dtype=np.int64)
        answers.append(answer if len(known) == classes else _spread(graph, answer, known, classes))
    return mean(graph, answers)


def _spread(graph: Graph, answer: Columns, known: Positions, classes: int) -> Columns:
    """A member's answer [n, known] with noughts for the classes that it never saw: [n, classes]."""
    spread = (known[:, np.newaxis] == np.arange(classes)).astype(np.float64)
    return result(graph.add("MatMul", answer.name, graph.constant(spread)), classes, rounded=answer.rounded)


# ------------------------------------------------------------------------------------------- transformed targets

INVERSES: dict[Any, Callable[[Graph, str], str]] = {
    np.exp: exponential,
    np.expm1: expm1,
    np.square: lambda graph, value: graph.add("Mul", value, value),
}


def transformed_target(parts: Parts, graph: Graph, columns: Columns, step: Step) -> Columns:
    """TransformedTargetRegressor: the regressor's value through the inverse function or the inverse scaling."""
    fitted = step.estimator
    value = parts.answer(graph, columns, step.inner("regressor", fitted.regressor_))
    return result(_inverse(graph, value.name, step.inner("transformer", fitted.transformer_)), 1)


def _inverse(graph: Graph, value: str, step: Step) -> str:
    fitted = step.estimator
    if type(fitted) is FunctionTransformer and fitted.inverse_func is None:
        return value
    if type(fitted) is FunctionTransformer and fitted.inverse_func in INVERSES:
        return INVERSES[fitted.inverse_func](graph, value)
    if type(fitted) is StandardScaler:
        return _moved(graph, value, "Mul", fitted.scale_, fitted.mean_)
    if type(fitted) is MinMaxScaler:
        less = graph.add("Sub", value, graph.constant(fitted.min_))
        return graph.add("Div", less, graph.constant(fitted.scale_))
    raise step.refusal("inverse functions that compile are exp, expm1, square, and those of Standard- and MinMaxScaler")


def _moved(graph: Graph, value: str, operator: str, factor: Any, offset: Any) -> str:  # noqa: ANN401 - arrays or None
    scaled = value if factor is None else graph.add(operator, value, graph.constant(factor))
    return scaled if offset is None else graph.add("Add", scaled, graph.constant(offset))
