"""/get_prediction in every form: columns, scalars, records; labels alone or with probabilities."""

from __future__ import annotations

import json
from typing import Any

import pytest
from protocol_cases import ANSWERED, MIXED, ROW, VALUE, VALUED

from app.protocols import get_prediction
from app.protocols.frames import Columns
from model.derived.request import MOST_ROWS
from model.errors import RowsRefused

COLUMNS = {name: [value] for name, value in ROW.items()}


def columns(body: Any) -> Columns:
    return get_prediction.columns(body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize("data", [COLUMNS, ROW, [ROW]], ids=["columns", "scalars", "records"])
def test_one_row_may_be_written_in_three_ways(data: Any) -> None:
    assert columns({"data": data}) == COLUMNS


def test_records_become_columns_in_their_order() -> None:
    assert columns({"data": [{"a": 1, "b": None}, {"b": "x", "a": 2.0}]}) == {"a": [1, 2.0], "b": [None, "x"]}


def test_values_are_left_to_the_decoder() -> None:
    odd = {"a": [[1], {}, True, 1.0, "x"]}
    assert columns({"data": odd}) == odd
    assert [type(value) for value in columns({"data": [{"a": 1.0}, {"a": True}]})["a"]] == [float, bool]


REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": (b"", "body"),
    "a list": ([], "body"),
    "no data": ({}, "data"),
    "data that is null": ({"data": None}, "data"),
    "data that is a text": ({"data": "tempo"}, "data"),
    "an unknown member": ({"data": ROW, "more": 1}, "more"),
    "data given twice": (b'{"data": {}, "data": {}}', "data.data"),
    "a column given twice": (b'{"data": {"a": 1, "a": 1}}', "data.a"),
    "a column given twice in a record": (b'{"data": [{"a": 1, "a": 1}]}', "data.a"),
    "no records": ({"data": []}, "data"),
    "too many records": ({"data": [{}] * (MOST_ROWS + 1)}, "data"),
    "a record that is a list": ({"data": [[1]]}, "data[0]"),
    "a record that is null": ({"data": [{"a": 1}, None]}, "data[1]"),
    "a record that lacks a column": ({"data": [{"a": 1, "b": 1}, {"a": 1}]}, "data[1].b"),
    "a record with a column more": ({"data": [{"a": 1}, {"a": 1, "b": 1}]}, "data[1].b"),
    "a scalar among lists": ({"data": {"a": [1], "b": 1}}, "data.b"),
    "a list among scalars": ({"data": {"a": 1, "b": [1]}}, "data.a"),
    "NaN": (b'{"data": {"a": NaN}}', "body"),
    "an infinite number": (b'{"data": {"a": -Infinity}}', "body"),
    "a number beyond doubles": (b'{"data": {"a": 1e400}}', "body"),
    "an integer of many digits": (b'{"data": {"a": ' + b"9" * 5_000 + b"}}", "body"),
    "half a surrogate pair": (b'{"data": {"a": "\\udc00"}}', "body"),
    "an integer beyond doubles": (b'{"data": {"a": ' + b"9" * 401 + b"}}", "body"),
    "more lists than rows": (b'{"data": {"a": [' + b"[]," * 50_000 + b"[]]}}", "body"),
    "more names than columns": (json.dumps({"data": {f"n{place}": 0 for place in range(6_000)}}).encode(), "body"),
    "nested too deeply": (b'{"data": ' + b"[" * 50_000, "body"),
    "UTF-32": (json.dumps({"data": ROW}).encode("utf-32"), "body"),
    "a byte-order mark": (b"\xef\xbb\xbf{}", "body"),
}


@pytest.mark.parametrize(("body", "field"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_such_form_is_refused_by_its_field(body: Any, field: str) -> None:
    with pytest.raises(RowsRefused) as caught:
        columns(body)
    assert caught.value.failures[0].where == field


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert columns(b'{"data": {"a": "\\ud83c\\udfb5"}}') == {"a": ["\U0001f3b5"]}


def test_several_rows_are_answered_by_lists() -> None:
    assert get_prediction.answer(ANSWERED, probabilities=False) == {"prediction": ["no", "yes"]}
    assert get_prediction.answer(ANSWERED, probabilities=True) == {
        "prediction": ["no", "yes"],
        "probabilities": [{"no": 0.75, "yes": 0.25}, {"no": 0.25, "yes": 0.75}],
    }


def test_one_row_is_answered_without_lists() -> None:
    assert get_prediction.answer(VALUE, probabilities=False) == {"prediction": 12.5}


@pytest.mark.parametrize(("said", "wanted"), [([], False), (["false"], False), (["true"], True)])
def test_the_query_asks_for_probabilities(said: list[str], *, wanted: bool) -> None:
    assert get_prediction.wants_probabilities(MIXED, said) is wanted


@pytest.mark.parametrize("said", [["True"], ["1"], [""], ["true", "true"], ["true", "false"]])
def test_a_query_that_cannot_be_read_is_refused(said: list[str]) -> None:
    with pytest.raises(RowsRefused, match=r"query\.probabilities: must be true or false"):
        get_prediction.wants_probabilities(MIXED, said)


def test_a_regression_has_no_probabilities() -> None:
    with pytest.raises(RowsRefused, match=r"query\.probabilities: cannot be had"):
        get_prediction.wants_probabilities(VALUED, ["true"])
    with pytest.raises(ValueError, match="no probabilities"):
        get_prediction.answer(VALUE, probabilities=True)
