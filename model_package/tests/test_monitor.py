"""Any window that the table of predictions can hold is measured, and the frame is tidy."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_contract import ODD

from model import Category, Contract, Integer, Number
from model.contracts import find, shipped
from model.errors import BundleError
from model.steps import monitor
from model.testing.bundles import good_frame, quick_training

CONTRACTS = {"odd": ODD, **{name: find(name).contract for name in shipped()}}
FEW = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])


@cache
def reference(name: str) -> monitor.Reference:
    """What a quickly trained model of the contract remembers."""
    return monitor.Reference.from_json(quick_training(CONTRACTS[name]).parts["reference.json"])


def window(contract: Contract, count: int, seed: int = 1) -> monitor.Window:
    """Rows as they were in training, with answers and truth."""
    rows = good_frame(contract, count, seed)
    truth = rows[contract.target.name]
    scores = np.random.default_rng(seed).random(count)
    return monitor.Window(rows, truth, scores, truth)


def cells(column: Any) -> st.SearchStrategy[Any]:
    """What the table's column can hold: also what another contract of that name once allowed, and nothing."""
    match column:
        case Number():
            return st.none() | st.floats(allow_nan=False)
        case Integer():
            return st.none() | st.integers(-(2**53), 2**53)
        case Category():
            known = st.none() | st.sampled_from(column.values)
            return known | (st.integers(0, 99) if isinstance(column.example, int) else st.text())
        case _:
            return st.none() | st.datetimes()


@st.composite
def stored(draw: st.DrawFn, contract: Contract) -> monitor.Window:
    """A window as SQL gives it: columns of objects, truth for some."""
    count = draw(st.integers(0, 12))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=count, max_size=count))

    rows = pd.DataFrame({one.name: pd.Series(column(cells(one)), dtype=object) for one in contract.columns})
    labels = st.sampled_from(contract.target.classes) if contract.target.labels else st.floats(allow_nan=False)
    scores = st.floats(0, 1) if contract.target.labels else st.floats(allow_nan=False)
    truth = draw(st.none() | st.just(column(st.none() | labels)))
    return monitor.Window(rows, column(labels), np.array(column(scores), dtype=np.float64), truth)


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_whatever_the_table_can_hold_is_measured(name: str) -> None:
    @FEW
    @given(stored(CONTRACTS[name]))
    def holds(found: monitor.Window) -> None:
        frame = monitor.measure(CONTRACTS[name], reference(name), found)
        assert tuple(frame.columns) == monitor.COLUMNS
        assert not frame[["measure", "subject"]].duplicated().any()
        assert not np.isinf(frame["value"]).any()
        assert frame["why"].str.len().gt(0).all()

    holds()


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_a_window_in_which_every_value_is_missing_is_measured(name: str) -> None:
    contract = CONTRACTS[name]
    labels = [contract.target.classes[0] if contract.target.labels else 1.0] * 50
    frame = monitor.measure(contract, reference(name), monitor.Window({}, labels, np.full(50, 0.5)))
    missing = frame[frame["measure"] == "missing"]
    assert set(missing["subject"]) == set(contract.column_names)
    assert (missing["value"] == 1).all()
    assert missing["alarm"].all()


def test_columns_as_arrow_or_numpy_arrays_give_the_same_figures_as_a_typed_frame() -> None:
    import pyarrow as pa

    contract = CONTRACTS["reggaeton"]
    typed = window(contract, 300)
    assert isinstance(typed.rows, pd.DataFrame)
    arrow = pa.Table.from_pandas(typed.rows)
    arrays = {name: typed.rows[name].to_numpy() for name in contract.column_names}
    expected = monitor.measure(contract, reference("reggaeton"), typed)
    for rows in ({name: arrow[name] for name in contract.column_names}, arrays):
        found = monitor.Window(rows, typed.labels, typed.scores, typed.truth)
        pd.testing.assert_frame_equal(monitor.measure(contract, reference("reggaeton"), found), expected)


def test_parts_of_different_lengths_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="another number of truth"):
        monitor.measure(ODD, reference("odd"), monitor.Window({}, ["yes"], np.array([0.5]), ["yes", "no"]))


def test_a_reference_goes_through_json_to_an_equal_one(contract: Contract) -> None:
    found = reference(contract.name)
    assert monitor.Reference.from_json(found.to_json()) == found


def test_a_reference_of_before_there_were_nulls_still_measures_drift() -> None:
    old = """{"rows": 1000, "scores": {"edges": [0.5], "shares": [0.5, 0.5]}, "columns": {
        "area": {"statistic": "psi", "missing": 0.1, "edges": [10, 20], "shares": [0.3, 0.3, 0.4]}}}"""
    found = monitor.Reference.from_json(old)
    assert found.columns["area"].rows == 900
    assert found.scores.rows == 1000
    assert found.scores.null is None


@pytest.mark.parametrize(
    "text", ["", "[]", '{"rows": "many"}', '{"format": 99, "rows": 1, "columns": {}, "scores": {}}']
)
def test_what_is_no_reference_is_refused_with_a_message(text: str) -> None:
    with pytest.raises(BundleError, match=r"reference\.json"):
        monitor.Reference.from_json(text)
