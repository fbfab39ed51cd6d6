"""The gate judges by rows that neither model was trained on, by today's where there are enough, and by slices."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model import Category, Contract, Key, Label, Number, Retraining, Slice, Source, Target
from model.derived.encoding import Floats
from model.steps.evaluation import Answers, gain
from model.steps.folds import Plan
from model.steps.gate import Champion, Comparison, is_better, judge

PLAN = Plan(bootstrap_samples=400)
MADE = datetime(2026, 3, 1, tzinfo=UTC)
ROWS = 600


def contract(*slices: Slice) -> Contract:
    return Contract(
        name="tiny",
        key=Key("id"),
        target=Target("y", labels=(Label(0, "no"), Label(1, "yes"))),
        sources=(Source("t.csv"),),
        columns=(Number("a"), Category("g", ("x", "y", "rare"), role="context", nullable=True)),
        retraining=Retraining(slices=slices),
    )


def held_out() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"id": [f"k{number}" for number in range(ROWS)], "a": draw.random(ROWS)})
    return frame.assign(
        g=pd.array(["rare" if number == 0 else ("x", "y")[number % 2] for number in range(ROWS)], dtype="str"),
        y=pd.array((draw.random(ROWS) < 0.3).astype(int), dtype="Int64"),
    )


FRAME = held_out()
TRUTH = FRAME["y"].to_numpy(int)
SKILLED = np.clip(TRUTH * 0.5 + np.random.default_rng(1).random(ROWS) * 0.7, 0, 1)
NOISE = np.random.default_rng(2).random(ROWS)
IS_X = (FRAME["g"] == "x").to_numpy()


def output(scores: Floats) -> Floats:
    return np.column_stack([1 - scores, scores])


def moments(since: int) -> pd.Series[Any]:
    """Of the rows from `since` on: a minute apart, the last one a day after the champion was made."""
    after = [MADE + timedelta(days=1, minutes=number - ROWS) if number >= since else None for number in range(ROWS)]
    return pd.Series(pd.to_datetime(pd.Series(after, dtype=object), utc=True))


def judged(
    said: Contract, ours: Floats, theirs: Floats, *, arrived: pd.Series[Any] | None = None, made: datetime = MADE
) -> Comparison:
    champion = Champion(lambda _: Answers(output(theirs), 0.5), made, arrived)
    return judge(said, FRAME, FRAME[["a"]].to_numpy(), Answers(output(ours), 0.5), champion, PLAN)


def test_without_predictions_and_slices_the_gate_is_the_paired_bootstrap_and_nothing_else() -> None:
    ours, theirs = (Answers(output(scores), 0.5) for scores in (SKILLED, NOISE))
    found = judged(contract(), SKILLED, NOISE)
    assert found == gain("binary", TRUTH, ours, theirs, samples=PLAN.bootstrap_samples, seed=PLAN.seed)
    assert is_better(found)
    assert not is_better(judged(contract(), NOISE, SKILLED))


def test_rows_predicted_since_the_champion_was_made_are_judged_by_alone_where_they_are_enough() -> None:
    # Before row 450 the champion knows all answers, as if it had been trained on them.
    learned_by_heart = np.where(np.arange(ROWS) < 450, TRUTH, NOISE)
    found = judged(contract(), SKILLED, learned_by_heart, arrived=moments(450))
    assert (found["rows"], found["since"]) == (150, "2026-03-01T00:00:00+00:00")
    assert is_better(found)
    assert not is_better(judged(contract(), SKILLED, learned_by_heart))


@pytest.mark.parametrize("since", [ROWS - 20, ROWS])
def test_too_few_rows_of_today_leave_the_judgement_to_all_of_them(since: int) -> None:
    found = judged(contract(), SKILLED, NOISE, arrived=moments(since))
    assert found == judged(contract(), SKILLED, NOISE)


def test_rows_predicted_before_the_champion_was_made_are_no_rows_of_today() -> None:
    found = judged(contract(), SKILLED, NOISE, arrived=moments(0), made=MADE + timedelta(days=2))
    assert "rows" not in found


def test_who_is_better_on_the_whole_and_surely_worse_on_a_slice_is_not_promoted_and_the_slice_is_named() -> None:
    ours = np.where(IS_X, NOISE, TRUTH)
    theirs = np.where(IS_X, SKILLED, NOISE)
    assert is_better(judged(contract(), ours, theirs))
    found = judged(contract(Slice("g")), ours, theirs)
    assert float(found["confidence"]) > 0.95
    assert found["worse_on"] == "g=x"
    assert not is_better(found)
    assert is_better(judged(replace(contract(Slice("g", least_rows=ROWS))), ours, theirs)), "too few rows say nothing"


def test_the_latest_days_are_a_slice() -> None:
    late = np.arange(ROWS) >= 360
    ours, theirs = np.where(late, NOISE, TRUTH), np.where(late, SKILLED, NOISE)
    found = judged(contract(Slice(days=4 / 24)), ours, theirs, arrived=moments(0))
    assert found["worse_on"] == "the latest 0.166667 days"
    assert "worse_on" not in judged(contract(Slice(days=4 / 24)), ours, theirs), (
        "without moments there is no such slice"
    )


def test_equal_models_are_worse_on_no_slice_and_not_better() -> None:
    found = judged(contract(Slice("g"), Slice(days=1)), SKILLED, SKILLED, arrived=moments(0))
    assert found["confidence"] == 0.5
    assert "worse_on" not in found
    assert not is_better(found)
