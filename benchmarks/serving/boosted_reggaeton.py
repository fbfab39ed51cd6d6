"""The shipped reggaeton contract with the benchmark's model: imputing, scaling, gradient boosting of 300 trees."""

from __future__ import annotations

from typing import Any

from model.contracts.reggaeton import contract, write_example

__all__ = ["contract", "estimator", "write_example"]
TREES = 300


def estimator() -> Any:  # noqa: ANN401 - scikit-learn has no type for "an estimator"
    """What a peer can serve as a plain array of numbers as well as by column names."""
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    trees = GradientBoostingClassifier(n_estimators=TREES, random_state=0)
    return Pipeline([("impute", SimpleImputer(strategy="median")), ("scale", StandardScaler()), ("trees", trees)])
