"""Imputers and selectors as operators, and the table of all transformers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFromModel,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

from model.compiled.bins import discretize, quantiles
from model.compiled.encoding import one_hot, ordinal, target_means
from model.compiled.graph import Columns, Graph, Step
from model.compiled.polynomials import polynomials
from model.compiled.scaling import divide_by_largest, normalize, power, rescale, standardize, standardize_robustly
from model.compiled.splines import splines


def impute(graph: Graph, columns: Columns, step: Step) -> Columns:
    """SimpleImputer: each NaN becomes its column's statistic; indicators (0, 1) follow when asked for."""
    imputer = step.estimator
    if not _is_nan(imputer.missing_values):
        raise step.refusal("it must treat NaN, and nothing else, as missing")
    statistics = np.asarray(imputer.statistics_, dtype=np.float64)
    kept = np.arange(len(statistics)) if imputer.keep_empty_features else np.flatnonzero(~np.isnan(statistics))
    chosen = graph.take(columns, kept)
    missing = graph.add("IsNaN", chosen.name)
    filled = graph.add("Where", missing, graph.constant(statistics[kept]), chosen.name)
    blocks = [replace(chosen, name=filled)]
    if imputer.indicator_ is not None:
        blocks.append(_indicators(graph, columns, imputer.indicator_.features_))
    return graph.beside(blocks)


def indicate_missing(graph: Graph, columns: Columns, step: Step) -> Columns:
    """MissingIndicator: 1 where a watched column is missing, else 0."""
    if not _is_nan(step.estimator.missing_values):
        raise step.refusal("it must treat NaN, and nothing else, as missing")
    return _indicators(graph, columns, step.estimator.features_)


def select(graph: Graph, columns: Columns, step: Step) -> Columns:
    """Every selector of features: the columns that it chose."""
    return graph.take(columns, np.asarray(step.estimator.get_support(indices=True), dtype=np.int64))


def _indicators(graph: Graph, columns: Columns, features: Any) -> Columns:  # noqa: ANN401 - an integer array
    watched = graph.take(columns, np.asarray(features, dtype=np.int64))
    return Columns(graph.double(graph.add("IsNaN", watched.name)), (None,) * watched.width)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and bool(np.isnan(value))


TRANSFORMERS: dict[type, Callable[[Graph, Columns, Step], Columns]] = {
    GenericUnivariateSelect: select,
    KBinsDiscretizer: discretize,
    MaxAbsScaler: divide_by_largest,
    MinMaxScaler: rescale,
    MissingIndicator: indicate_missing,
    Normalizer: normalize,
    OneHotEncoder: one_hot,
    OrdinalEncoder: ordinal,
    PolynomialFeatures: polynomials,
    PowerTransformer: power,
    QuantileTransformer: quantiles,
    RFE: select,
    RFECV: select,
    RobustScaler: standardize_robustly,
    SelectFromModel: select,
    SelectKBest: select,
    SelectPercentile: select,
    SequentialFeatureSelector: select,
    SimpleImputer: impute,
    SplineTransformer: splines,
    StandardScaler: standardize,
    TargetEncoder: target_means,
    VarianceThreshold: select,
}
