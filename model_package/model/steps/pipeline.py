"""The pipeline that is fitted on the training part only: made here, unfitted; fitted where it is told to."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from model.contract import Category, Contract
from model.derived.encoding import Floats
from model.errors import TrainingError, bounded

MOST_NATIVE_VALUES = 255  # of a category, as histogram gradient boosting bins it


def unfitted_pipeline(contract: Contract, estimator: object | None = None) -> Pipeline:
    """A contract's pipeline, not fitted yet.

    A user's `Pipeline` is taken whole; any other estimator stands behind the usual preparation: medians for missing
    numbers, one column per value for categories. It is fed float64 columns named like the features. Without an
    estimator it is histogram gradient boosting, which takes missing values and categories as they are.
    """
    if isinstance(estimator, Pipeline):
        return estimator
    if estimator is None:
        return Pipeline([("estimator", _default(contract))])
    return Pipeline([("prepare", _preparation(contract)), ("estimator", estimator)])


def _preparation(contract: Contract) -> ColumnTransformer:
    categories = [column for column in contract.features if isinstance(column, Category)]
    numbers = [column.name for column in contract.features if not isinstance(column, Category)]
    codes = [np.arange(len(column.values), dtype=np.float64) for column in categories]
    one_hot = OneHotEncoder(categories=codes, handle_unknown="ignore", sparse_output=False)
    steps = [
        ("numbers", SimpleImputer(strategy="median", keep_empty_features=True), numbers),
        ("categories", one_hot, [column.name for column in categories]),
    ]
    return ColumnTransformer([step for step in steps if step[2]], verbose_feature_names_out=False)


def _default(contract: Contract) -> HistGradientBoostingClassifier | HistGradientBoostingRegressor:
    categories = [column for column in contract.features if isinstance(column, Category)]
    native = [column.name for column in categories if len(column.values) <= MOST_NATIVE_VALUES]
    regression = contract.target.task == "regression"
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    return kind(categorical_features=native or None, random_state=0)


def fit(pipeline: Pipeline, features: pd.DataFrame, target: NDArray[Any]) -> Pipeline:
    """A fitted copy. Raises TrainingError, naming the estimator, when it cannot be fitted."""
    try:
        with warnings.catch_warnings():
            # A model that has not converged is judged by its figures like any other.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return clone(pipeline).fit(features, target)
    except (ValueError, TypeError) as error:
        name = type(pipeline.steps[-1][1]).__name__
        raise TrainingError(f"{name} cannot be fitted on {len(features)} rows: {bounded(error, 400)}") from error


def output(fitted: Pipeline, features: pd.DataFrame, classes: int) -> Floats:
    """Probabilities [n, classes], a class that the fit never saw at 0; or values [n] when there are no classes."""
    if not classes:
        return np.asarray(fitted.predict(features), dtype=np.float64)
    probabilities = np.zeros((len(features), classes))
    probabilities[:, fitted.classes_.astype(int)] = fitted.predict_proba(features)
    return probabilities
