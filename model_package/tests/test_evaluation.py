"""Metrics equal scikit-learn's, and intervals come from resamples that could have been."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from model.steps import evaluation


def ones(count: int) -> np.ndarray:
    return np.ones((1, count))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=4, max_size=60))
def test_binary_measures_equal_scikit_learn_s_with_ties_and_all(pairs: list[tuple[int, int]]) -> None:
    truth = np.array([0, 1, *(pair[0] for pair in pairs)])
    scores = np.array([2, 3, *(pair[1] for pair in pairs)]) / 7
    output = np.column_stack([1 - scores, scores])
    ours = evaluation.point("binary", truth, output, 0.4)
    assert ours["roc_auc"] == pytest.approx(sk.roc_auc_score(truth, scores))
    assert ours["average_precision"] == pytest.approx(sk.average_precision_score(truth, scores))
    assert ours["brier"] == pytest.approx(sk.brier_score_loss(truth, scores))
    assert ours["log_loss"] == pytest.approx(sk.log_loss(truth, np.clip(output, 1e-15, 1), labels=[0, 1]))
    assert ours["f1_at_threshold"] == pytest.approx(sk.f1_score(truth, scores >= 0.4, zero_division=0))


def test_multiclass_measures_equal_scikit_learn_s() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 200)
    output = rng.dirichlet(np.ones(4), 200) * 0.6 + np.eye(4)[truth] * 0.4
    ours = evaluation.point("multiclass", truth, output, None)
    assert ours["log_loss"] == pytest.approx(sk.log_loss(truth, output))
    assert ours["accuracy"] == pytest.approx(sk.accuracy_score(truth, output.argmax(axis=1)))
    assert ours["macro_f1"] == pytest.approx(sk.f1_score(truth, output.argmax(axis=1), average="macro"))
    assert ours["macro_roc_auc"] == pytest.approx(sk.roc_auc_score(truth, output, multi_class="ovr"))


def test_regression_measures_equal_scikit_learn_s() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=300)
    values = truth + rng.normal(size=300)
    ours = evaluation.point("regression", truth, values, None)
    assert ours["rmse"] == pytest.approx(sk.root_mean_squared_error(truth, values))
    assert ours["mae"] == pytest.approx(sk.mean_absolute_error(truth, values))
    assert ours["r2"] == pytest.approx(sk.r2_score(truth, values))


def test_weights_mean_the_same_as_rows_drawn_so_often() -> None:
    rng = np.random.default_rng(1)
    truth, scores = rng.integers(0, 2, 80), rng.random(80).round(1)
    output = np.column_stack([1 - scores, scores])
    weights = next(evaluation.resamples(truth, 1, seed=3))
    drawn = np.repeat(np.arange(80), weights[0].astype(int))
    weighted = evaluation.measure("binary", truth, output, 0.5, weights)
    repeated = evaluation.point("binary", truth[drawn], output[drawn], 0.5)
    assert {name: values[0] for name, values in weighted.items()} == pytest.approx(repeated)


def test_every_resample_keeps_the_size_of_each_class() -> None:
    truth = np.array([1] * 3 + [0] * 97)
    blocks = np.vstack(list(evaluation.resamples(truth, 500, seed=0)))
    assert blocks.shape == (500, 100)
    assert set(blocks[:, truth == 1].sum(axis=1)) == {3.0}
    assert set(blocks[:, truth == 0].sum(axis=1)) == {97.0}


def test_memory_is_bounded_whatever_the_number_of_rows() -> None:
    block = next(evaluation.resamples(np.zeros(3_000_000), 1000, seed=0))
    assert block.size <= evaluation._CELLS_AT_ONCE


def test_the_interval_holds_the_value_and_narrows_with_rows() -> None:
    def width(rows: int) -> float:
        rng = np.random.default_rng(0)
        truth = rng.integers(0, 2, rows)
        scores = np.clip(truth * 0.3 + rng.random(rows) * 0.7, 0, 1)
        found = evaluation.evaluate("binary", truth, np.column_stack([1 - scores, scores]), 0.5, samples=400, seed=0)
        figure = found["roc_auc"]
        assert figure["low"] <= figure["value"] <= figure["high"]
        return figure["high"] - figure["low"]

    assert width(2000) < width(100) / 2


def test_a_gain_is_sure_of_a_better_model_and_unsure_of_an_equal_one() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 400)

    def answers(skill: float) -> evaluation.Answers:
        scores = np.clip(truth * skill + rng.random(400) * (1 - skill), 0, 1)
        return evaluation.Answers(np.column_stack([1 - scores, scores]), 0.5)

    good, bad = answers(0.5), answers(0.05)
    better = evaluation.gain("binary", truth, good, bad, samples=300, seed=0)
    assert better["gain"] > 0
    assert better["confidence"] > 0.99
    worse = evaluation.gain("binary", truth, bad, good, samples=300, seed=0)
    assert worse["confidence"] < 0.01
    same = evaluation.gain("binary", truth, good, good, samples=300, seed=0)
    assert (same["gain"], same["confidence"]) == (0.0, 0.5)


def test_a_lower_error_is_a_gain_in_a_regression() -> None:
    truth = np.linspace(0, 1, 50)
    close, far = evaluation.Answers(truth + 0.01, None), evaluation.Answers(truth + 0.5, None)
    found = evaluation.gain("regression", truth, close, far, samples=100, seed=0)
    assert found["gain"] == pytest.approx(0.49)
    assert found["confidence"] == 1.0
