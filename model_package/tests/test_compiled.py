"""A compiled pipeline answers as the pipeline: proven for every supported step on random and on adversarial rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    StandardScaler,
)
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has none

from model.compiled import CannotCompile, adversarial_rows, compile_pipeline, prove_equal
from model.compiled.estimators import COMBINED, ESTIMATORS, SCORES
from model.compiled.proof import answers, worst_difference
from model.compiled.transformers import TRANSFORMERS
from model.scoring import Scorer
from model.testing.combinations import COMBINATIONS
from model.testing.exhaustive import times
from model.testing.last_steps import LAST_STEPS
from model.testing.pipelines import NAMES, TRAINED, Case, rows_like_training, target
from model.testing.preparations import PREPARATIONS

TRIED = 5_000
MANY = times(2_000, at_most=TRIED)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """OpenMP's threads spin while they wait for each other: on a shared machine that costs more than the work."""
    with threadpool_limits(1):
        yield


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", LAST_STEPS)
def test_each_last_step_answers_as_the_pipeline(name: str) -> None:
    case = LAST_STEPS[name]
    pipeline = case.fitted()
    prove_equal(pipeline, compile_pipeline(pipeline, NAMES), case.rows(pipeline, MANY), NAMES)


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", COMBINATIONS)
def test_each_combination_answers_as_the_pipeline(name: str) -> None:
    case = COMBINATIONS[name]
    pipeline = case.fitted()
    prove_equal(pipeline, compile_pipeline(pipeline, NAMES), case.rows(pipeline, MANY), NAMES)


@pytest.mark.parametrize("name", PREPARATIONS)
def test_each_preparation_answers_as_the_pipeline(name: str) -> None:
    last = GradientBoostingClassifier(n_estimators=15, max_depth=4, random_state=0)
    case = Case(lambda: [*PREPARATIONS[name](), last], "two")
    pipeline = case.fitted()
    prove_equal(pipeline, compile_pipeline(pipeline, NAMES), case.rows(pipeline, MANY), NAMES)


def test_every_supported_class_has_its_proof_above() -> None:
    cases = [case.steps() for case in (LAST_STEPS | COMBINATIONS).values()] + [
        steps() for steps in PREPARATIONS.values()
    ]
    proven = {type(value) for steps in cases for value in make_pipeline(*steps).get_params().values()}
    assert ({*ESTIMATORS, *COMBINED, *SCORES, *TRANSFORMERS} - proven) == set()


def test_unknown_codes_are_ignored_as_scikit_learn_ignores_them() -> None:
    for name in ("logistic, two classes", "histogram, categories"):
        pipeline = LAST_STEPS[name].fitted()
        rows = rows_like_training(500, 5, missing=True)
        rows[:250, 3] = np.resize([12.0, -1.0, 0.5, 99.0], 250)
        prove_equal(pipeline, compile_pipeline(pipeline, NAMES), rows, NAMES)


@pytest.mark.unmeasured
def test_ties_between_classes_fall_as_in_scikit_learn() -> None:
    """Sums of mixed fractions tie up to rounding: taking the first share for what the second leaves would not do."""
    random, names = np.random.default_rng(0), ["a", "b", "c"]
    rows = random.integers(0, 3, (1_000, 3)).astype(float)
    misled = 0
    for seed in range(12):
        learnt, labels = pd.DataFrame(rows[60 * seed :][:24], columns=names), np.arange(24) % 2
        for forest in (ExtraTreesClassifier(10, min_samples_leaf=2), RandomForestClassifier(6)):
            pipeline = make_pipeline(forest.set_params(random_state=seed)).fit(learnt, labels)
            prove_equal(pipeline, compile_pipeline(pipeline, names), rows, names)
            expected = answers(pipeline, rows, names)
            complement = 1 - expected[:, 1]
            misled += int(np.sum((expected[:, 0] >= expected[:, 1]) != (complement >= expected[:, 1])))
    assert misled > 0


def test_scores_beyond_the_range_of_exp_stay_probabilities() -> None:
    rows = np.array([[-1e4], [-800.0], [-1.0], [0.0], [1.0], [800.0], [1e4]])
    for classes in (2, 3):
        labels = np.arange(len(rows)) % classes
        pipeline = make_pipeline(LogisticRegression(C=1e-9)).fit(pd.DataFrame(rows, columns=["x"]), labels)
        pipeline[-1].coef_ = np.array([[1.0], [-1.0], [0.5]])[: 1 if classes == 2 else 3]
        prove_equal(pipeline, compile_pipeline(pipeline, ["x"]), rows, ["x"])


@pytest.mark.parametrize("name", LAST_STEPS | COMBINATIONS)
def test_an_answers_bits_do_not_depend_on_the_rows_asked_with_it(name: str) -> None:
    case = (LAST_STEPS | COMBINATIONS)[name]
    pipeline = case.fitted()
    scorer, rows = Scorer(compile_pipeline(pipeline, NAMES)), case.rows(pipeline, 1_000)
    whole = scorer.score(rows)
    for size in (1, 3, 50, 331):
        parts = [scorer.score(rows[i : i + size]) for i in range(0, min(len(rows), 60 * size), size)]
        together = np.concatenate(parts)
        np.testing.assert_array_equal(together, whole[: len(together)])


def test_threads_change_no_more_than_rounding() -> None:
    case = LAST_STEPS["gradient boosting, two classes"]
    pipeline = case.fitted()
    model, rows = compile_pipeline(pipeline, NAMES), case.rows(pipeline)[-1_000:]
    assert worst_difference(Scorer(model).score(rows), Scorer(model, threads=2).score(rows)) <= 1e-12


def test_the_same_pipeline_gives_the_same_bytes() -> None:
    first, second = (LAST_STEPS["logistic, two classes"].fitted() for _ in range(2))
    assert compile_pipeline(first, NAMES) == compile_pipeline(first, NAMES) == compile_pipeline(second, NAMES)


def test_a_pipeline_fitted_on_arrays_compiles_too() -> None:
    rows = rows_like_training(TRAINED, 1, missing=False)
    pipeline = make_pipeline(StandardScaler(), Ridge()).fit(rows, target(rows, "value"))
    prove_equal(pipeline, compile_pipeline(pipeline, NAMES), rows, NAMES)


# ------------------------------------------------------------------------------------------- hard rows


def test_adversarial_rows_show_what_random_rows_do_not() -> None:
    """The rows do their work: a threshold moved by one float64 step is noticed."""
    case = LAST_STEPS["histogram, no gaps"]
    pipeline = case.fitted()
    rows = case.rows(pipeline)
    expected = answers(pipeline, rows, NAMES)
    for stage in pipeline[-1]._predictors:
        nodes = stage[0].nodes
        nodes["num_threshold"] = np.nextafter(nodes["num_threshold"], np.inf)
    moved = Scorer(compile_pipeline(pipeline, NAMES)).score(rows)
    assert worst_difference(expected[:TRIED], moved[:TRIED]) < 1e-15
    assert worst_difference(expected[TRIED:], moved[TRIED:]) > 0.01


def test_adversarial_rows_land_on_thresholds_behind_a_scaler() -> None:
    case = Case(
        lambda: [StandardScaler(), RandomForestRegressor(5, max_depth=3, random_state=0)], "value", missing=False
    )
    pipeline = case.fitted()
    hard = adversarial_rows(pipeline, rows_like_training(100, 2, missing=False), count=2_000, seed=0)
    seen = pipeline[:-1].transform(pd.DataFrame(hard, columns=NAMES)).astype(np.float32)
    tree = pipeline[-1].estimators_[0].tree_
    inner = tree.feature >= 0
    nearest = np.abs(seen[:, tree.feature[inner]] - tree.threshold[inner]).min(axis=0)
    assert (nearest <= np.spacing(np.abs(tree.threshold[inner]).astype(np.float32))).all()


def test_adversarial_rows_keep_codes_and_have_gaps_only_where_the_data_has() -> None:
    pipeline = LAST_STEPS["logistic, two classes"].fitted()
    rows = rows_like_training(200, 2, missing=False)
    rows[::5, 0] = np.nan
    hard = adversarial_rows(pipeline, rows, count=1_000, seed=0)
    assert hard.shape == (1_000, len(NAMES))
    assert np.isnan(hard).any(axis=0).tolist() == [True, False, False, False, False]
    assert set(hard[:, 3]) <= set(range(12))
    np.testing.assert_array_equal(hard, adversarial_rows(pipeline, rows, count=1_000, seed=0))


# ------------------------------------------------------------------------------------------- the proof


def test_the_proof_fails_with_the_worst_difference_and_the_wrong_labels() -> None:
    case = LAST_STEPS["logistic, two classes"]
    pipeline = case.fitted()
    model = compile_pipeline(pipeline, NAMES)
    pipeline[-1].intercept_ = pipeline[-1].intercept_ + 0.5
    with pytest.raises(CannotCompile, match=r"worst difference 0\.1.*[1-9]\d* wrong labels"):
        prove_equal(pipeline, model, rows_like_training(1_000, 2, missing=True), NAMES)


def test_the_proof_holds_values_to_a_relative_difference() -> None:
    pipeline = LAST_STEPS["ridge"].fitted()
    model = compile_pipeline(pipeline, NAMES)
    pipeline[-1].coef_ = pipeline[-1].coef_ * (1 + 1e-8)
    with pytest.raises(CannotCompile, match="worst difference 1e-08"):
        prove_equal(pipeline, model, rows_like_training(1_000, 2, missing=True), NAMES)


def test_a_value_next_to_nought_is_measured_by_the_size_of_the_others() -> None:
    expected = np.array([0.0, 1e-20, 50.0])
    assert worst_difference(expected, expected + np.array([1e-15, 0.0, 0.0])) < 1e-12
    assert worst_difference(expected, expected + np.array([0.0, 0.0, 1e-6])) == pytest.approx(2e-8)
    assert worst_difference(expected, expected + np.array([1e-6, 0.0, 0.0])) > 1e-9
    assert worst_difference(np.zeros(2), np.zeros(2)) == 0.0
    assert np.isnan(worst_difference(expected, np.full(3, np.nan)))
