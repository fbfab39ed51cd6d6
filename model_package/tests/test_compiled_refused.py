"""What has no exact form is refused, and the refusal names the step, the reason and what would compile."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor

from model.compiled import CannotCompile, compile_pipeline
from model.testing.last_steps import LAST_STEPS
from model.testing.pipelines import NAMES, NUMBERS, TRAINED, Case, Steps, rows_like_training, target

FOREST = RandomForestClassifier(2, random_state=0)
SCALED = make_pipeline(SimpleImputer(), StandardScaler())


class OwnForest(RandomForestClassifier):  # type: ignore[misc]  # scikit-learn has no types
    """A subclass, which may answer as it likes."""


REFUSED: dict[str, Steps] = {
    "a KNeighborsClassifier": lambda: [SimpleImputer(), KNeighborsClassifier()],
    "must boost single trees": lambda: [SimpleImputer(), AdaBoostClassifier(GaussianNB(), n_estimators=2)],
    "method='temperature'": lambda: [CalibratedClassifierCV(FOREST, method="temperature")],
    "so steep": lambda: [SCALED, CalibratedClassifierCV(LogisticRegression(), method="isotonic", cv=2)],
    "decision_function has no exact form": lambda: [
        SCALED,
        CalibratedClassifierCV(BaggingClassifier(LogisticRegression(), 2), cv=2),
    ],
    "a RidgeClassifier, .* no predict_proba; CalibratedClassifierCV": lambda: [SCALED, RidgeClassifier()],
    "a LinearSVC, .* no predict_proba": lambda: [SCALED, LinearSVC()],
    "a SGDClassifier, .* no predict_proba": lambda: [SCALED, SGDClassifier(random_state=0)],
    "a VotingClassifier, .* no predict_proba": lambda: [VotingClassifier([("a", FOREST), ("b", FOREST)])],
    "stackingclassifier.a'.* labels are stacked": lambda: [
        StackingClassifier([("a", FOREST)], cv=2, stack_method="predict")
    ],
    "baggingclassifier.0'": lambda: [SimpleImputer(), BaggingClassifier(KNeighborsClassifier(), 2)],
    "OwnForest": lambda: [OwnForest(2)],
    "PCA": lambda: [SimpleImputer(), PCA(), FOREST],
    "FunctionTransformer": lambda: [FunctionTransformer(np.abs), FOREST],
    "init=": lambda: [SimpleImputer(), GradientBoostingClassifier(init=LogisticRegression(), n_estimators=2)],
    "strategy='prior'": lambda: [DummyClassifier(strategy="uniform")],
    "must treat NaN": lambda: [SimpleImputer(), SimpleImputer(missing_values=0.0), FOREST],
    "a MissingIndicator, .* must treat NaN": lambda: [
        SimpleImputer(),
        ColumnTransformer([("a", MissingIndicator(missing_values=0.0), [4]), ("b", "passthrough", [0])]),
        FOREST,
    ],
    "handle_unknown": lambda: [OneHotEncoder(handle_unknown="infrequent_if_exist"), FOREST],
    "min_frequency": lambda: [OneHotEncoder(min_frequency=2), FOREST],
    "dtype": lambda: [OrdinalEncoder(dtype=np.int32, encoded_missing_value=-1), FOREST],
    "extrapolation='error'": lambda: [SimpleImputer(), SplineTransformer(extrapolation="error"), FOREST],
    "splines of degree=0": lambda: [SimpleImputer(), SplineTransformer(degree=0), FOREST],
    "degree=0 leaves": lambda: [SimpleImputer(), PolynomialFeatures(0), FOREST],
    "output_distribution='normal'": lambda: [
        SimpleImputer(),
        QuantileTransformer(n_quantiles=9, output_distribution="normal"),
        FOREST,
    ],
    "'box-cox'": lambda: [
        ColumnTransformer([("a", PowerTransformer("box-cox"), ["plays"])]),
        SimpleImputer(),
        LogisticRegression(),
    ],
    "exactly up to rounding": lambda: [SimpleImputer(), PowerTransformer(), FOREST],
    "a KBinsDiscretizer, .* up to rounding": lambda: [
        SCALED,
        Normalizer(),
        KBinsDiscretizer(2, strategy="uniform"),
        FOREST,
    ],
    "transformer_weights": lambda: [
        ColumnTransformer([("a", "passthrough", NAMES)], transformer_weights={"a": 2.0}),
        FOREST,
    ],
    "leaves no column": lambda: [ColumnTransformer([("a", "drop", NAMES)]), DummyClassifier(strategy="prior")],
    "by name, position or mask": lambda: [
        ColumnTransformer([("a", "passthrough", slice("tempo", "plays"))]),
        FOREST,
    ],
}

REFUSED_VALUES: dict[str, Steps] = {
    "out_of_bounds='clip'": lambda: [ColumnTransformer([("a", SimpleImputer(), ["tempo"])]), IsotonicRegression()],
    "inverse functions that compile": lambda: [
        SCALED,
        TransformedTargetRegressor(Ridge(), func=np.cbrt, inverse_func=lambda value: value**3),
    ],
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_has_no_exact_form_is_refused_by_name(words: str) -> None:
    pipeline = Case(REFUSED[words], "two").fitted()
    with pytest.raises(CannotCompile, match=words) as refusal:
        compile_pipeline(pipeline, NAMES)
    assert len(str(refusal.value)) < 500


@pytest.mark.parametrize("words", REFUSED_VALUES)
def test_regressors_without_an_exact_form_are_refused_by_name(words: str) -> None:
    pipeline = Case(REFUSED_VALUES[words], "value").fitted()
    with pytest.raises(CannotCompile, match=words):
        compile_pipeline(pipeline, NAMES)


def test_networks_and_curves_fitted_on_single_precision_are_refused() -> None:
    rows = rows_like_training(200, 1, missing=False).astype(np.float32)
    network = make_pipeline(StandardScaler(), MLPClassifier((2,), max_iter=500, tol=1.0)).fit(rows, target(rows, "two"))
    with pytest.raises(CannotCompile, match="single precision"):
        compile_pipeline(network, NAMES)
    one = ColumnTransformer([("a", "passthrough", [0])])
    curve = make_pipeline(one, IsotonicRegression(out_of_bounds="clip")).fit(rows, target(rows, "value"))
    with pytest.raises(CannotCompile, match="single precision"):
        compile_pipeline(curve, NAMES)


def test_several_labels_at_once_are_refused() -> None:
    rows = rows_like_training(200, 1, missing=False)
    several = np.column_stack([target(rows, "two"), target(rows, "two", seed=8)])
    network = make_pipeline(StandardScaler(), MLPClassifier((2,), max_iter=500, tol=1.0)).fit(rows, several)
    with pytest.raises(CannotCompile, match="several labels"):
        compile_pipeline(network, NAMES)


def test_a_refusal_names_the_nested_step_and_where_the_list_stands() -> None:
    inner = Pipeline([("fill", SimpleImputer()), ("whiten", PCA())])
    prepared = Pipeline([("prepare", ColumnTransformer([("numbers", inner, NUMBERS)])), ("last", LogisticRegression())])
    rows = rows_like_training(TRAINED, 1, missing=False)
    prepared.fit(pd.DataFrame(rows, columns=NAMES), target(rows, "two"))
    with pytest.raises(CannotCompile, match=r"'prepare\.numbers\.whiten', a PCA, .*docs/contract\.md"):
        compile_pipeline(prepared, NAMES)


def test_several_targets_are_refused() -> None:
    rows = rows_like_training(60, 1, missing=False)
    frame, two = pd.DataFrame(rows, columns=NAMES), np.column_stack([rows[:, 0], rows[:, 1]])
    for last in (LinearRegression(), RandomForestRegressor(2), DecisionTreeRegressor(), MLPRegressor(max_iter=500)):
        with pytest.raises(CannotCompile, match=type(last).__name__):
            compile_pipeline(make_pipeline(last).fit(frame, two), NAMES)


def test_only_a_fitted_pipeline_with_the_same_columns_compiles() -> None:
    with pytest.raises(CannotCompile, match="fit the pipeline first"):
        compile_pipeline(make_pipeline(Ridge()), NAMES)
    with pytest.raises(CannotCompile, match="a Ridge, cannot be compiled: a scikit-learn Pipeline is needed"):
        compile_pipeline(Ridge(), NAMES)
    pipeline = LAST_STEPS["ridge"].fitted()
    for names in (NAMES[::-1], NAMES[:4]):
        with pytest.raises(CannotCompile, match="fitted on other columns"):
            compile_pipeline(pipeline, names)
