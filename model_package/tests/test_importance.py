"""Importance finds what a model uses, has intervals that hold, and stands in the card and the figures of a bundle."""

from __future__ import annotations

import json

import numpy as np
import pytest

from model.contract import Contract, Task
from model.steps import importance as step
from model.steps.card import importance_table
from model.steps.importance import importance
from model.testing.bundles import quick_training

ROWS = 600
NAMES = ("used", "weak", "unused")


def probabilities(rows: np.ndarray) -> np.ndarray:
    positive = 1 / (1 + np.exp(-(3 * rows[:, 0] + rows[:, 1])))
    return np.column_stack([1 - positive, positive])


def values(rows: np.ndarray) -> np.ndarray:
    return 3 * rows[:, 0] + rows[:, 1]


@pytest.mark.parametrize(("task", "score"), [("binary", probabilities), ("regression", values)])
def test_a_column_matters_as_much_as_the_model_uses_it_and_an_unused_one_not_at_all(task: Task, score: object) -> None:
    rows = np.random.default_rng(1).normal(size=(ROWS, 3))
    noise = np.random.default_rng(2).normal(size=ROWS)
    truth = values(rows) + noise if task == "regression" else (values(rows) + noise > 0).astype(np.int64)
    found = importance(task, NAMES, rows, truth, score, None, seed=0)  # type: ignore[arg-type]
    assert list(found) == ["used", "weak", "unused"]
    assert found["used"]["low"] > found["weak"]["high"]
    assert found["weak"]["low"] > 0
    assert found["unused"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert all(lost["low"] <= lost["value"] <= lost["high"] for lost in found.values())
    assert found == importance(task, NAMES, rows, truth, score, None, seed=0)  # type: ignore[arg-type]


def test_its_work_is_bounded_whatever_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "MOST_ROWS", 100)
    asked: list[int] = []

    def score(rows: np.ndarray) -> np.ndarray:
        asked.append(len(rows))
        return values(rows)

    rows = np.random.default_rng(1).normal(size=(ROWS, 50))
    monkeypatch.setattr(step, "MOST_SCORED", 50 * 100 * 3)
    importance("regression", [str(number) for number in range(50)], rows, values(rows), score, None, seed=0)
    assert asked == [100] * (1 + 50 * 3)


def test_the_card_tells_the_first_columns_with_their_intervals_and_the_figures_tell_all(contract: Contract) -> None:
    trained = quick_training(contract)
    assert set(trained.metrics["importance"]) == set(contract.feature_names)
    first, lost = next(iter(trained.metrics["importance"].items()))
    assert (
        f"| {first} | {lost['value']:.3f} [{lost['low']:.3f}, {lost['high']:.3f}] |"
        in trained.parts["card.md"].decode()
    )
    assert json.loads(trained.parts["metrics.json"])["importance"] == trained.metrics["importance"]
    assert trained.parts["pictures/importance.png"].startswith(b"\x89PNG")


def test_a_bundle_of_before_there_was_such_a_figure_has_no_table_of_it() -> None:
    assert importance_table({"primary": "rmse"}) == ""
    many = {f"c{number}": {"value": 0.1, "low": 0.0, "high": 0.2} for number in range(30)}
    assert "10 more columns" in importance_table({"primary": "rmse", "importance": many})
