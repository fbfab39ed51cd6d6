"""Every transformer that compiles, alone and nested: what the tests and `benchmarks/exactness` prove before trees."""

from __future__ import annotations

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesClassifier
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
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)

from model.testing.pipelines import CODES, NAMES, NUMBERS, Steps

PREPARATIONS: dict[str, Steps] = {
    "filled, mean": lambda: [SimpleImputer(strategy="mean"), StandardScaler()],
    "filled, most frequent": lambda: [SimpleImputer(strategy="most_frequent"), StandardScaler(with_mean=False)],
    "filled, constant": lambda: [SimpleImputer(strategy="constant", fill_value=-1.0), StandardScaler(with_std=False)],
    "scaled, min max": lambda: [SimpleImputer(add_indicator=True), MinMaxScaler()],
    "scaled, clipped": lambda: [MinMaxScaler((0.1, 0.9), clip=True), SimpleImputer()],
    "columns, by position and mask": lambda: [
        ColumnTransformer(
            [
                ("one", SimpleImputer(), [-1, 0]),
                ("mask", MinMaxScaler(), np.array([False, True, True, False, False])),
                ("slice", "passthrough", slice(2, 4)),
                ("gone", "drop", ["mode"]),
            ]
        ),
        SimpleImputer(),
    ],
    "columns, remainder": lambda: [
        ColumnTransformer([("numbers", StandardScaler(), ["plays", "tempo"])], remainder="passthrough"),
        SimpleImputer(),
    ],
    "columns, remainder estimator": lambda: [
        ColumnTransformer([("codes", "passthrough", CODES)], remainder=StandardScaler()),
        "passthrough",
        SimpleImputer(),
    ],
    "columns, nested": lambda: [
        make_pipeline(ColumnTransformer([("inner", make_pipeline(SimpleImputer(), MinMaxScaler()), NAMES)]))
    ],
    "columns, frames between steps": lambda: [
        SimpleImputer(add_indicator=True).set_output(transform="pandas"),
        ColumnTransformer([("some", MinMaxScaler(), ["plays", "missingindicator_key"])], remainder="passthrough"),
    ],
    "columns, by chosen type": lambda: [
        ColumnTransformer([("all", SimpleImputer(), lambda frame: list(frame.columns[::-1]))]),
    ],
    "codes, gaps are a category": lambda: [
        ColumnTransformer([("codes", OneHotEncoder(handle_unknown="error"), CODES), ("x", SimpleImputer(), ["tempo"])])
    ],
    "codes, binary dropped": lambda: [
        ColumnTransformer(
            [
                (
                    "codes",
                    make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(drop="if_binary")),
                    CODES,
                ),
                ("numbers", SimpleImputer(), NUMBERS),
            ]
        )
    ],
    "codes, ordinal": lambda: [
        ColumnTransformer([("codes", OrdinalEncoder(encoded_missing_value=-1), CODES)], remainder=SimpleImputer())
    ],
    "codes, ordinal unknown": lambda: [
        ColumnTransformer(
            [("codes", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-2), CODES)],
            remainder="passthrough",
        ),
        SimpleImputer(add_indicator=True),
    ],
    "splines, continued": lambda: [SimpleImputer(), SplineTransformer(extrapolation="continue")],
    "splines, constant": lambda: [SplineTransformer(handle_missing="zeros", include_bias=False, knots="quantile")],
    "splines, linear": lambda: [SplineTransformer(handle_missing="zeros", extrapolation="linear", n_knots=9)],
    "splines, steps": lambda: [SplineTransformer(degree=1, handle_missing="zeros", extrapolation="linear")],
    "splines, periodic": lambda: [SimpleImputer(), SplineTransformer(extrapolation="periodic", degree=2)],
    "splines, of some": lambda: [
        ColumnTransformer(
            [("numbers", make_pipeline(SimpleImputer(), SplineTransformer(degree=3)), NUMBERS)],
            remainder=SimpleImputer(),
        )
    ],
    "products, all": lambda: [SimpleImputer(), PolynomialFeatures(3, include_bias=False)],
    "products, interactions": lambda: [SimpleImputer(), PolynomialFeatures((2, 3), interaction_only=True)],
    "scaled, robust": lambda: [RobustScaler(), SimpleImputer()],
    "scaled, largest": lambda: [MaxAbsScaler(clip=True), SimpleImputer()],
    "scaled, rows of size one": lambda: [SimpleImputer(), Normalizer("max")],
    "bins, quantiles": lambda: [QuantileTransformer(n_quantiles=60), SimpleImputer()],
    "bins, one column each": lambda: [
        ColumnTransformer([("few", SimpleImputer(), NUMBERS)]),
        KBinsDiscretizer(6, quantile_method="averaged_inverted_cdf"),
    ],
    "bins, even": lambda: [SimpleImputer(), KBinsDiscretizer(9, encode="ordinal", strategy="uniform")],
    "codes, means of the target": lambda: [
        ColumnTransformer([("codes", TargetEncoder(cv=KFold(3)), CODES)], remainder=SimpleImputer())
    ],
    "filled, missing or not": lambda: [
        ColumnTransformer([("gaps", MissingIndicator(), NAMES), ("numbers", SimpleImputer(), NUMBERS)])
    ],
    "chosen, by score": lambda: [
        SimpleImputer(),
        VarianceThreshold(),
        SelectKBest(k=4),
        SelectPercentile(percentile=90),
    ],
    "chosen, by an estimator": lambda: [
        SimpleImputer(),
        SelectFromModel(ExtraTreesClassifier(5, random_state=0)),
        GenericUnivariateSelect(mode="k_best", param=2),
    ],
    "chosen, by elimination": lambda: [
        SimpleImputer(),
        StandardScaler(),
        RFE(LogisticRegression(), n_features_to_select=4),
        RFECV(LogisticRegression(), cv=2),
        SequentialFeatureSelector(LogisticRegression(), n_features_to_select=1, cv=2),
    ],
}
