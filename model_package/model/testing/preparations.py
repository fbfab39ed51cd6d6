"""Every transformer that compiles, alone and nested: what the tests and `benchmarks/exactness` prove before trees."""

from __future__ import annotations

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

from model.testing.pipelines import CODES, NAMES, NUMBERS, Steps

PREPARATIONS: dict[str, Steps] = {
    "mean": lambda: [SimpleImputer(strategy="mean"), StandardScaler()],
    "most frequent": lambda: [SimpleImputer(strategy="most_frequent"), StandardScaler(with_mean=False)],
    "constant": lambda: [SimpleImputer(strategy="constant", fill_value=-1.0), StandardScaler(with_std=False)],
    "min max": lambda: [SimpleImputer(add_indicator=True), MinMaxScaler()],
    "clipped": lambda: [MinMaxScaler((0.1, 0.9), clip=True), SimpleImputer()],
    "by position and mask": lambda: [
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
    "remainder": lambda: [
        ColumnTransformer([("numbers", StandardScaler(), ["plays", "tempo"])], remainder="passthrough"),
        SimpleImputer(),
    ],
    "remainder estimator": lambda: [
        ColumnTransformer([("codes", "passthrough", CODES)], remainder=StandardScaler()),
        "passthrough",
        SimpleImputer(),
    ],
    "nested": lambda: [
        make_pipeline(ColumnTransformer([("inner", make_pipeline(SimpleImputer(), MinMaxScaler()), NAMES)]))
    ],
    "frames between steps": lambda: [
        SimpleImputer(add_indicator=True).set_output(transform="pandas"),
        ColumnTransformer([("some", MinMaxScaler(), ["plays", "missingindicator_key"])], remainder="passthrough"),
    ],
    "by chosen type": lambda: [
        ColumnTransformer([("all", SimpleImputer(), lambda frame: list(frame.columns[::-1]))]),
    ],
    "one hot, gaps are a category": lambda: [
        ColumnTransformer([("codes", OneHotEncoder(handle_unknown="error"), CODES), ("x", SimpleImputer(), ["tempo"])])
    ],
    "one hot, binary dropped": lambda: [
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
    "ordinal": lambda: [
        ColumnTransformer([("codes", OrdinalEncoder(encoded_missing_value=-1), CODES)], remainder=SimpleImputer())
    ],
    "ordinal, unknown": lambda: [
        ColumnTransformer(
            [("codes", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-2), CODES)],
            remainder="passthrough",
        ),
        SimpleImputer(add_indicator=True),
    ],
}
