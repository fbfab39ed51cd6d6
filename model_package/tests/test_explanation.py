"""Contributions add up to the score, are exact where effects add up, and come close to all orders elsewhere."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from model import Contract
from model.contracts import find
from model.derived.encoding import encode
from model.explanation import evaluations, explain, orders, shapley
from model.registry import Registry
from model.testing import good_rows
from model.testing.bundles import quick_bundle


def test_contributions_and_base_are_the_score_of_every_contract(contract: Contract, tmp_path: Path) -> None:
    version = quick_bundle(contract, tmp_path)
    served = Registry(tmp_path, contract.name).load(version)
    rows = encode(contract, good_rows(contract, 20, seed=5))
    told = explain(served, rows)
    answered = served.predict(rows)
    assert told.contributions.shape == (20, len(contract.features))
    assert np.abs(told.base + told.contributions.sum(axis=1) - answered.scores).max() < 1e-9
    assert np.abs(told.contributions).max() > 0
    alone = explain(served, rows[3:4])
    assert alone.contributions.tolist() == told.contributions[3:4].tolist(), "whoever is asked about beside it"


def test_a_pipeline_that_serves_itself_is_explained_too(tmp_path: Path) -> None:
    contract = find("wine").contract
    version = quick_bundle(contract, tmp_path, compiled=False)
    served = Registry(tmp_path, contract.name).load(version)
    rows = encode(contract, good_rows(contract, 2, seed=5))
    told = explain(served, rows)
    assert np.abs(told.base + told.contributions.sum(axis=1) - served.predict(rows).scores).max() < 1e-9
    served.close()


def test_effects_that_only_add_up_are_told_exactly() -> None:
    chance = np.random.default_rng(1)
    weights, background, row = chance.normal(size=6), chance.normal(size=(8, 6)), chance.normal(size=6)
    base, told = shapley(lambda points: points @ weights + 3, row, np.vstack([background, background]), orders(6, 8))
    assert base == pytest.approx(3 + background.mean(axis=0) @ weights)
    assert told == pytest.approx(weights * (row - background.mean(axis=0)))


def test_an_interaction_of_two_is_shared_out_as_over_all_orders() -> None:
    """A walk and its reverse are all the orders that two features have among themselves."""
    chance = np.random.default_rng(2)
    background, row = chance.normal(size=(8, 4)), chance.normal(size=4)

    def score(points: np.ndarray) -> np.ndarray:
        return np.asarray(points[:, 0] * points[:, 3] + points[:, 1] ** 2)

    every = np.array(list(permutations(range(4))))
    starts = np.repeat(background, len(every), axis=0)
    _, exact = shapley(score, row, starts, np.tile(every, (8, 1)))
    _, told = shapley(score, row, np.vstack([background, background]), orders(4, 8))
    assert told == pytest.approx(exact)
    assert told[2] == 0, "what the score does not depend on contributes nothing"


def test_as_many_rows_are_scored_as_is_said() -> None:
    seen: list[int] = []

    def score(points: np.ndarray) -> np.ndarray:
        seen.append(len(points))
        return points.sum(axis=1)

    shapley(score, np.ones(5), np.zeros((14, 5)), orders(5, 7))
    assert seen == [evaluations(5, 7)]
