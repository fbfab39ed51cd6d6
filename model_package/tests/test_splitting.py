"""The hold-out is drawn as the contract says, by rows and seed alone, and shares no row with the training part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model import contracts
from model.contract import Category, Contract, Integer, Key, Label, Number, Source, Split, Target
from model.derived.frame import dtype
from model.errors import DataError
from model.steps.data import split
from model.steps.likeness import groups, rows_are_distinctive
from model.steps.typed import target_column, wanted_columns
from model.testing import good_rows, odd_contracts
from model.testing.exhaustive import times

ALL = {**{name: contracts.find(name).contract for name in contracts.shipped()}, **odd_contracts()}
BINARY = Contract(
    name="tiny",
    key=Key("id"),
    target=Target("y", labels=(Label(0, "no"), Label(1, "yes"))),
    sources=(Source("t.csv"),),
    columns=(
        Number("a"),
        Integer("day", role="context", nullable=True),
        Category("g", tuple("abcdefghij"), role="context", nullable=True),
    ),
)


def typed_frame(contract: Contract, count: int, seed: int = 0) -> pd.DataFrame:
    frame = pd.DataFrame(good_rows(contract, count, seed))
    types = {column.name: dtype(column) for column in (*contract.columns, target_column(contract.target))}
    return frame.astype({contract.key.name: "str", **types})


def keys(frame: pd.DataFrame) -> set[str]:
    return set(frame.iloc[:, 0])


@pytest.mark.parametrize("name", ALL)
def test_every_contract_splits_into_two_sides_of_about_its_share(name: str) -> None:
    contract = ALL[name]
    frame = typed_frame(contract, 600)
    train, held = split(contract, frame, seed=1)
    assert not keys(train) & keys(held)
    assert abs(len(held) / len(frame) - contract.split.share) < 0.05
    if rows_are_distinctive(contract):
        both = pd.concat([train, held], ignore_index=True)
        codes = groups(both, contract.feature_names)
        assert not set(codes[: len(train)]) & set(codes[len(train) :])


@pytest.mark.parametrize("name", ALL)
def test_the_rows_order_does_not_matter_and_the_seed_does(name: str) -> None:
    contract = ALL[name]
    frame = typed_frame(contract, 600)
    _, held = split(contract, frame, seed=1)
    _, again = split(contract, frame.sample(frac=1, random_state=5), seed=1)
    _, other = split(contract, frame, seed=2)
    assert keys(held) == keys(again)
    assert (keys(held) != keys(other)) == (contract.split.by != "time")


def test_each_label_has_its_share() -> None:
    frame = typed_frame(BINARY, 1_000)
    frame["y"] = pd.Series([1] * 70 + [0] * 930, dtype="Int64")
    train, held = split(BINARY, frame, seed=0)
    assert (len(train), len(held), held["y"].sum()) == (800, 200, 14)


def test_a_regression_has_its_share_of_every_tenth_of_the_values() -> None:
    contract = replace(BINARY, target=Target("y"))
    frame = typed_frame(contract, 1_000)
    frame["a"] = np.arange(1_000.0)
    _, held = split(contract, frame, seed=0)
    tenths = pd.qcut(frame["y"], 10, labels=False)[frame["id"].isin(held["id"])]
    assert tenths.value_counts().tolist() == [20] * 10


@pytest.mark.unmeasured
@settings(max_examples=times(30, at_most=100), deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 1), st.integers(0, 9)), min_size=60, max_size=90),
    st.sampled_from(["stratified", "group"]),
    st.integers(0, 3),
)
def test_equal_rows_and_whole_groups_stay_on_one_side(rows: list[tuple[int, int, int]], by: str, seed: int) -> None:
    column = "g" if by == "group" else None
    contract = replace(BINARY, split=Split(by, column=column))  # type: ignore[arg-type]  # the literals
    frame = typed_frame(BINARY, len(rows))
    frame["a"] = [float(value) if by == "stratified" else index for index, (value, _, _) in enumerate(rows)]
    frame["y"] = pd.Series([label for _, label, _ in rows], dtype="Int64")
    frame["g"] = pd.Series(["abcdefghij"[group] for _, _, group in rows], dtype="str")
    try:
        train, held = split(contract, frame, seed=seed)
    except DataError as error:
        assert "no row of the label" in str(error) or "empty" in str(error)  # noqa: PT017 - either outcome is right
        return
    assert len(train) + len(held) == len(frame)
    assert not set(train["a"]) & set(held["a"])
    assert column is None or not set(train[column]) & set(held[column])


def test_rows_without_a_group_stand_alone() -> None:
    contract = replace(BINARY, split=Split("group", column="g"))
    frame = typed_frame(BINARY, 200)
    frame["g"] = pd.Series([None] * 200, dtype="str")
    _, held = split(contract, frame, seed=0)
    assert len(held) == 40


def test_by_time_the_latest_are_held_out_and_moments_stay_whole() -> None:
    contract = replace(BINARY, split=Split("time", column="day"))
    frame = typed_frame(BINARY, 100)
    frame["day"] = pd.Series([index // 8 for index in range(100)], dtype="Int64")
    frame["day"] = frame["day"].mask(frame["id"] == "k0-100")
    train, held = split(contract, frame, seed=0)
    assert train["day"].max() < held["day"].min()
    assert len(held) == 19
    assert "k0-100" in keys(train)


def test_by_time_a_row_that_comes_again_is_left_out_of_training() -> None:
    contract = replace(BINARY, split=Split("time", column="day"))
    frame = typed_frame(BINARY, 100)
    frame["day"] = pd.Series(range(100), dtype="Int64")
    frame["a"] = frame["a"].mask(frame["id"] == "k0-100", frame["a"][3])
    train, held = split(contract, frame, seed=0)
    assert "k0-4" not in keys(train)
    assert (len(train), len(held)) == (79, 20)


@pytest.mark.parametrize(
    ("by", "change", "says"),
    [
        (Split("group", column="g"), {"g": "a"}, "the hold-out would be empty"),
        (Split("time", column="day"), {"day": 1}, "the training part would be empty"),
        (Split("time", column="day"), {"day": None}, "no row has a time"),
        (Split("time", column="day"), {"y": 0}, "no row of the label 1"),
    ],
)
def test_a_split_that_cannot_be_is_refused_in_words(by: Split, change: dict[str, object], says: str) -> None:
    frame = typed_frame(BINARY, 100)
    for name, value in change.items():
        frame[name] = pd.Series([value] * 100, dtype=frame[name].dtype)
    with pytest.raises(DataError, match=says):
        split(replace(BINARY, split=by), frame, seed=0)


def test_the_key_and_all_columns_are_wanted() -> None:
    names = [column.name for column in wanted_columns(BINARY, labelled=True)]
    assert names == ["id", "a", "day", "g", "y"]
    assert np.isfinite(typed_frame(BINARY, 10)["a"]).all()
