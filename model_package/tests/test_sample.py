"""A sample is bounded, drawn by chance, and the same whatever the order and the parts in which rows come."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from model.steps.sample import Sample

ROWS = 5_000


def rows(seed: int = 0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    ids = [f"{number:016x}" for number in generator.integers(0, 2**63, ROWS)]
    return pd.DataFrame({"id": pd.array(ids, dtype="str"), "place": np.arange(ROWS)})


def sampled(frame: pd.DataFrame, most: int, part: int) -> Sample:
    sample = Sample(most)
    for begin in range(0, len(frame), part):
        some = frame.iloc[begin : begin + part].reset_index(drop=True)
        sample.add(some["id"], some, some[["place"]])
    return sample


@pytest.mark.parametrize("part", [7, 400, ROWS])
@pytest.mark.parametrize("most", [1, 300, ROWS - 1])
def test_as_many_rows_as_may_are_drawn_and_all_are_counted(most: int, part: int) -> None:
    sample = sampled(rows(), most, part)
    whole, places = sample.frames()
    assert (len(whole), sample.total) == (most, ROWS)
    assert whole["place"].tolist() == places["place"].tolist()
    assert whole["id"].is_unique


@pytest.mark.parametrize("most", [ROWS, ROWS + 1])
def test_where_all_rows_may_stay_all_do_in_their_order(most: int) -> None:
    assert sampled(rows(), most, 400).frames()[0].equals(rows())


def test_order_and_parts_change_nothing() -> None:
    frame = rows()
    shuffled = frame.sample(frac=1, random_state=1).reset_index(drop=True)
    drawn = [set(sampled(one, 300, part).frames()[0]["id"]) for one, part in ((frame, 7), (shuffled, 900))]
    assert drawn[0] == drawn[1]


def test_the_draw_knows_nothing_of_the_rows() -> None:
    places = sampled(rows(), 1_000, 400).frames()[0]["place"]
    assert stats.kstest(places, "uniform", args=(0, ROWS)).pvalue > 0.001
