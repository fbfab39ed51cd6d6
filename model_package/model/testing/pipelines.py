"""Rows, targets and fitted pipelines to prove the compiled form on: three numbers of very different size, two codes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from model.compiled import adversarial_rows

Floats = NDArray[np.float64]
Steps = Callable[[], list[object]]

NAMES = ["tempo", "loudness", "plays", "key", "mode"]
NUMBERS, CODES = NAMES[:3], NAMES[3:]
TRAINED = 400


def rows_like_training(count: int, seed: int, *, missing: bool) -> Floats:
    """`count` rows [count, 5]; with gaps when `missing`."""
    random = np.random.default_rng(seed)
    columns = [
        random.normal(120, 30, count),
        random.uniform(-60, 0, count).round(3),
        10 ** random.uniform(0, 9, count),
        random.integers(0, 12, count).astype(float),
        random.integers(0, 2, count).astype(float),
    ]
    rows = np.column_stack(columns)
    if missing:
        rows[random.random(rows.shape) < 0.08] = np.nan  # noqa: PLR2004 - some gaps in most rows
    return rows


def target(rows: Floats, kind: str, seed: int = 7) -> NDArray[np.generic]:
    """Something to learn: "two" or "three" classes, a "value", a "positive" one, or a "count"."""
    filled = np.nan_to_num(rows, nan=1.0)
    noise = np.random.default_rng(seed).normal(scale=0.5, size=len(rows))
    value = np.sin(filled[:, 0] / 20) + filled[:, 1] / 30 + np.log10(filled[:, 2]) / 3 + (filled[:, 3] % 3) + noise
    cuts = {"two": [0.5], "three": [0.2, 0.8]}.get(kind)
    if cuts:
        return np.digitize(value, np.quantile(value, cuts))
    if kind == "value":
        return value * 100
    return np.round(np.exp(value / 2)) if kind == "count" else np.exp(value / 2)


def numbers_and_codes(*, drop: str | None = None) -> ColumnTransformer:
    """The usual preparation: impute and scale numbers, encode codes."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    codes = OneHotEncoder(handle_unknown="ignore", drop=drop, sparse_output=False)
    return ColumnTransformer([("numbers", numbers, NUMBERS), ("codes", codes, CODES)])


@dataclass(frozen=True)
class Case:
    """One pipeline, what it learns, and whether its rows may have gaps."""

    steps: Steps
    kind: str
    missing: bool = True

    def fitted(self) -> Pipeline:
        """The pipeline, fitted on a frame; converged or not."""
        rows = rows_like_training(TRAINED, 1, missing=self.missing)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return make_pipeline(*self.steps()).fit(pd.DataFrame(rows, columns=NAMES), target(rows, self.kind))

    def rows(self, pipeline: Pipeline, count: int = 5_000) -> Floats:
        """As many random rows as rows on the thresholds: `count` of each."""
        random = rows_like_training(count, 2, missing=self.missing)
        return np.concatenate([random, adversarial_rows(pipeline, random, count=count, seed=3)])
