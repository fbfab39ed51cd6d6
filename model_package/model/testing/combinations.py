"""Estimators made of estimators that compile: what the tests and `benchmarks/exactness` prove."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from model.testing.pipelines import NAMES, TRAINED, Case, numbers_and_codes, rows_like_training, target

TREES = {"n_estimators": 10, "random_state": 0}


def _fitted_elsewhere(estimator: Any) -> FrozenEstimator:  # noqa: ANN401 - scikit-learn has no types
    """An estimator fitted on other rows, to be calibrated here as it is."""
    rows = rows_like_training(TRAINED, 4, missing=False)
    return FrozenEstimator(estimator.fit(pd.DataFrame(rows, columns=NAMES), target(rows, "two")))


def _logistic() -> object:
    return make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=500))


COMBINATIONS: dict[str, Case] = {
    "calibrated, forest sigmoid": Case(lambda: [CalibratedClassifierCV(ExtraTreesClassifier(**TREES))], "two"),
    "calibrated, forest isotonic": Case(
        lambda: [CalibratedClassifierCV(RandomForestClassifier(**TREES), method="isotonic", cv=3)], "two"
    ),
    "calibrated, forest three classes": Case(
        lambda: [CalibratedClassifierCV(RandomForestClassifier(**TREES), method="isotonic", cv=3)], "three"
    ),
    "calibrated, once": Case(
        lambda: [CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=15), ensemble=False)], "two"
    ),
    "calibrated, once isotonic": Case(
        lambda: [
            CalibratedClassifierCV(HistGradientBoostingClassifier(max_iter=10), method="isotonic", ensemble=False, cv=3)
        ],
        "three",
    ),
    "calibrated, boosting isotonic": Case(
        lambda: [
            SimpleImputer(),
            CalibratedClassifierCV(GradientBoostingClassifier(n_estimators=15), method="isotonic", cv=3),
        ],
        "two",
    ),
    "calibrated, fitted elsewhere": Case(
        lambda: [CalibratedClassifierCV(_fitted_elsewhere(RandomForestClassifier(**TREES)))], "two", missing=False
    ),
    "calibrated, logistic": Case(lambda: [numbers_and_codes(), CalibratedClassifierCV(_logistic())], "three"),
    "calibrated, support vectors": Case(lambda: [numbers_and_codes(), CalibratedClassifierCV(LinearSVC())], "two"),
    "calibrated, ridge": Case(lambda: [numbers_and_codes(), CalibratedClassifierCV(RidgeClassifier())], "three"),
    "calibrated, network": Case(
        lambda: [numbers_and_codes(), CalibratedClassifierCV(MLPClassifier((8,), max_iter=30, random_state=0), cv=2)],
        "two",
    ),
    "calibrated, votes": Case(
        lambda: [SimpleImputer(), CalibratedClassifierCV(AdaBoostClassifier(n_estimators=8, random_state=0), cv=2)],
        "three",
    ),
    "calibrated, stack": Case(
        lambda: [
            CalibratedClassifierCV(
                _fitted_elsewhere(StackingClassifier([("trees", ExtraTreesClassifier(**TREES))], cv=2))
            )
        ],
        "two",
        missing=False,
    ),
    "voting": Case(
        lambda: [
            VotingClassifier(
                [
                    ("trees", ExtraTreesClassifier(**TREES)),
                    ("boosting", HistGradientBoostingClassifier(max_iter=10)),
                    ("gone", "drop"),
                    ("line", _logistic()),
                ],
                voting="soft",
            )
        ],
        "two",
    ),
    "voting, of trees weighted": Case(
        lambda: [
            VotingClassifier(
                [("extra", ExtraTreesClassifier(**TREES)), ("random", RandomForestClassifier(**TREES))],
                voting="soft",
                weights=[1, 2],
            )
        ],
        "three",
    ),
    "voting, value": Case(
        lambda: [
            SimpleImputer(),
            VotingRegressor(
                [("line", LinearRegression()), ("trees", ExtraTreesRegressor(**TREES))], weights=[0.3, 0.7]
            ),
        ],
        "value",
    ),
    "stacking": Case(
        lambda: [
            StackingClassifier(
                [("trees", ExtraTreesClassifier(**TREES)), ("line", _logistic())], LogisticRegression(), cv=2
            )
        ],
        "two",
    ),
    "stacking, columns too": Case(
        lambda: [
            numbers_and_codes(),
            StackingClassifier(
                [("trees", ExtraTreesClassifier(**TREES)), ("machine", LinearSVC())],
                make_pipeline(StandardScaler(), LogisticRegression()),
                cv=2,
                passthrough=True,
            ),
        ],
        "three",
    ),
    "stacking, trees on trees": Case(
        lambda: [
            StackingClassifier(
                [("random", RandomForestClassifier(**TREES)), ("extra", ExtraTreesClassifier(**TREES))],
                HistGradientBoostingClassifier(max_iter=10),
                cv=2,
            )
        ],
        "two",
    ),
    "stacking, value": Case(
        lambda: [
            numbers_and_codes(),
            StackingRegressor([("line", Ridge()), ("trees", ExtraTreesRegressor(**TREES))], Ridge(), cv=2),
        ],
        "value",
    ),
    "bagging": Case(
        lambda: [BaggingClassifier(DecisionTreeClassifier(min_samples_leaf=3), max_features=3, random_state=0)], "two"
    ),
    "bagging, few rows": Case(lambda: [BaggingClassifier(max_samples=4, random_state=0)], "three"),
    "bagging, of lines": Case(
        lambda: [
            SimpleImputer(),
            StandardScaler(),
            BaggingClassifier(LogisticRegression(), max_features=4, random_state=0),
        ],
        "two",
    ),
    "bagging, of lines and few rows": Case(
        lambda: [
            SimpleImputer(),
            StandardScaler(),
            BaggingClassifier(make_pipeline(LogisticRegression()), max_samples=9, random_state=4),
        ],
        "three",
    ),
    "bagging, value": Case(lambda: [BaggingRegressor(random_state=0)], "value"),
    "naive bayes": Case(lambda: [SimpleImputer(), StandardScaler(), GaussianNB()], "three"),
    "isotonic": Case(
        lambda: [
            ColumnTransformer([("one", SimpleImputer(), ["tempo"])]),
            IsotonicRegression(out_of_bounds="clip"),
        ],
        "value",
    ),
    "target, logarithm": Case(
        lambda: [
            TransformedTargetRegressor(HistGradientBoostingRegressor(max_iter=10), func=np.log1p, inverse_func=np.expm1)
        ],
        "count",
    ),
    "target, exponential": Case(
        lambda: [
            numbers_and_codes(),
            TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp, check_inverse=False),
        ],
        "positive",
    ),
    "target, square": Case(
        lambda: [numbers_and_codes(), TransformedTargetRegressor(Ridge(), func=np.sqrt, inverse_func=np.square)],
        "count",
    ),
    "target, standardized": Case(
        lambda: [numbers_and_codes(), TransformedTargetRegressor(Ridge(), transformer=StandardScaler())], "value"
    ),
    "target, between bounds": Case(
        lambda: [numbers_and_codes(), TransformedTargetRegressor(PoissonRegressor(), transformer=MinMaxScaler())],
        "count",
    ),
    "target, as it is": Case(lambda: [numbers_and_codes(), TransformedTargetRegressor(LinearRegression())], "value"),
}
