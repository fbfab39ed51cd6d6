"""Everything that may stand at the end of a pipeline, as operators: probabilities [n, classes] or values [n, 1]."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor

from model.compiled.bayes import gaussian_bayes
from model.compiled.boosting import adaptive_boosting, adaptive_scores, gradient_scores
from model.compiled.calibration import calibrated, isotonic
from model.compiled.combined import bagging, stacking, stacking_scores, transformed_target, voting
from model.compiled.composition import in_turn, steps_of
from model.compiled.forests import forest, single_tree
from model.compiled.graph import UNKNOWN, Columns, Graph, Step
from model.compiled.histogram import histogram_regressor, histogram_scores
from model.compiled.linear import (
    linear_classifier,
    linear_regressor,
    linear_scores,
    log_linear_regressor,
    stochastic_classifier,
)
from model.compiled.links import probabilities, result
from model.compiled.networks import network_classifier, network_regressor
from model.compiled.parts import Parts, Rule

TWO = 2


def answer(graph: Graph, columns: Columns, step: Step) -> Columns:
    """Probabilities [n, classes] or values [n, 1] of a fitted estimator, or of a pipeline that ends in one.

    Classes are matched exactly: a subclass may answer differently.

    Raises:
        CannotCompile: a step, or a step inside it, that has no exact form here.
    """
    kind = type(step.estimator)
    if kind in WRAPPERS:
        return answer(graph, *WRAPPERS[kind](graph, columns, step))
    if is_classifier(step.estimator) and not hasattr(step.estimator, "predict_proba"):
        raise step.refusal("it has no predict_proba; CalibratedClassifierCV gives it one")
    if kind in COMBINED:
        return COMBINED[kind](PARTS, graph, columns, step)
    if kind not in ESTIMATORS:
        raise step.refusal(UNKNOWN)
    return ESTIMATORS[kind](graph, columns, step)


def scores(graph: Graph, columns: Columns, step: Step) -> Columns:
    """What calibration reads of a classifier: its `decision_function`, else its probabilities; [n, 1] for two classes.

    Raises:
        CannotCompile: as `answer`.
    """
    kind = type(step.estimator)
    if kind in WRAPPERS:
        return scores(graph, *WRAPPERS[kind](graph, columns, step))
    if kind in SCORES:
        return SCORES[kind](graph, columns, step)
    if kind is StackingClassifier and hasattr(step.estimator, "decision_function"):
        return stacking_scores(PARTS, graph, columns, step)
    if hasattr(step.estimator, "decision_function"):
        raise step.refusal("its decision_function has no exact form here")
    shares = answer(graph, columns, step)
    return graph.take(shares, np.array([1])) if shares.width == TWO else shares


def _last_of_pipeline(graph: Graph, columns: Columns, step: Step) -> tuple[Columns, Step]:
    *preparing, last = steps_of(step)
    return in_turn(graph, columns, preparing), last


def _frozen(_graph: Graph, columns: Columns, step: Step) -> tuple[Columns, Step]:
    return columns, step.inner("estimator", step.estimator.estimator)


def prior(graph: Graph, columns: Columns, step: Step) -> Columns:
    """DummyClassifier(strategy="prior"): the same probabilities for every row."""
    fitted = step.estimator
    if fitted.strategy != "prior" or fitted.n_outputs_ != 1:
        raise step.refusal("only strategy='prior' with one target is supported")
    shares = np.asarray(fitted.class_prior_, dtype=np.float64)[np.newaxis]
    count = graph.add("Shape", columns.name, start=0, end=1)
    shape = graph.add("Concat", count, graph.constant([shares.shape[1]], np.int64), axis=0)
    return result(graph.add("Expand", graph.constant(shares), shape), shares.shape[1], rounded=False)


def gradient_classifier(graph: Graph, columns: Columns, step: Step) -> Columns:
    """GradientBoostingClassifier: the raw scores through the link of the loss."""
    raw = gradient_scores(graph, columns, step)
    if step.estimator.loss == "exponential":
        raw = result(graph.add("Mul", raw.name, graph.constant(2.0)), raw.width)
    return probabilities(graph, raw)


def histogram_classifier(graph: Graph, columns: Columns, step: Step) -> Columns:
    """HistGradientBoostingClassifier: the raw scores through the logistic function or softmax."""
    return probabilities(graph, histogram_scores(graph, columns, step))


# What scikit-learn calls `decision_function`: [n, 1] for two classes, [n, classes] for more.
SCORES: dict[type, Rule] = {
    AdaBoostClassifier: adaptive_scores,
    GradientBoostingClassifier: gradient_scores,
    HistGradientBoostingClassifier: histogram_scores,
    LinearDiscriminantAnalysis: linear_scores,
    LinearSVC: linear_scores,
    LogisticRegression: linear_scores,
    RidgeClassifier: linear_scores,
    SGDClassifier: linear_scores,
}

ESTIMATORS: dict[type, Rule] = {
    AdaBoostClassifier: adaptive_boosting,
    DecisionTreeClassifier: single_tree,
    DecisionTreeRegressor: single_tree,
    DummyClassifier: prior,
    ElasticNet: linear_regressor,
    ExtraTreeClassifier: single_tree,
    ExtraTreeRegressor: single_tree,
    ExtraTreesClassifier: forest,
    ExtraTreesRegressor: forest,
    GaussianNB: gaussian_bayes,
    GradientBoostingClassifier: gradient_classifier,
    GradientBoostingRegressor: gradient_scores,
    HistGradientBoostingClassifier: histogram_classifier,
    HistGradientBoostingRegressor: histogram_regressor,
    IsotonicRegression: isotonic,
    Lasso: linear_regressor,
    LinearDiscriminantAnalysis: linear_classifier,
    LinearRegression: linear_regressor,
    LogisticRegression: linear_classifier,
    MLPClassifier: network_classifier,
    MLPRegressor: network_regressor,
    PoissonRegressor: log_linear_regressor,
    RandomForestClassifier: forest,
    RandomForestRegressor: forest,
    Ridge: linear_regressor,
    SGDClassifier: stochastic_classifier,
    SGDRegressor: linear_regressor,
}

# Made of other estimators, which may be any of these.
COMBINED: dict[type, Callable[[Parts, Graph, Columns, Step], Columns]] = {
    BaggingClassifier: bagging,
    BaggingRegressor: bagging,
    CalibratedClassifierCV: calibrated,
    StackingClassifier: stacking,
    StackingRegressor: stacking,
    TransformedTargetRegressor: transformed_target,
    VotingClassifier: voting,
    VotingRegressor: voting,
}

# What leads to the estimator that answers: the columns it reads, and it.
WRAPPERS: dict[type, Callable[[Graph, Columns, Step], tuple[Columns, Step]]] = {
    FrozenEstimator: _frozen,
    Pipeline: _last_of_pipeline,
}

PARTS = Parts(answer, scores)
