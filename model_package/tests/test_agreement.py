"""The views that are derived from one contract accept and refuse the same rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandera.errors
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model import Category, Contract, Integer, Number, Timestamp
from model.contract import LARGEST_EXACT_INTEGER, Column
from model.derived import docs, encoding, frame, monitors, request, tables
from model.errors import RowsRefused
from model.testing import good_rows
from model.testing.bundles import good_frame
from model.testing.exhaustive import times

MANY = settings(
    max_examples=times(20, at_most=60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def values_near(column: Column) -> st.SearchStrategy[Any]:
    """Values inside, on and just outside what a column allows; None too."""
    match column:
        case Number():
            edges = [edge for edge in (column.minimum, column.maximum) if edge is not None]
            beyond = [np.nextafter(edge, way) for edge in edges for way in (-np.inf, np.inf)]
            inside = st.floats(column.minimum, column.maximum, allow_nan=False, allow_infinity=False)
            near = st.sampled_from([*edges, *map(float, beyond)]) if edges else inside
            return st.one_of(inside, near, st.none())
        case Integer():
            low = -LARGEST_EXACT_INTEGER if column.minimum is None else column.minimum
            high = LARGEST_EXACT_INTEGER if column.maximum is None else column.maximum
            return st.one_of(st.integers(low - 2, high + 2), st.none())
        case Category():
            other = st.integers(-3, 20) if isinstance(column.values[0], int) else st.text(max_size=5)
            return st.one_of(st.sampled_from(column.values), other, st.none())
        case Timestamp():
            edges = [edge for edge in (column.minimum, column.maximum) if edge is not None]
            steps = [edge + timedelta(microseconds=step) for edge in edges for step in (-1, 0, 1)]
            inside = st.datetimes(datetime(2021, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants them naive
            return st.one_of(inside, st.sampled_from(steps) if steps else inside, st.none())


def accepted_by_request(contract: Contract, row: dict[str, Any]) -> bool:
    body = {"data": {name: [request.json_value(value)] for name, value in row.items()}}
    try:
        parsed = request.parse(request.request_model(contract), json.dumps(body).encode())
    except RowsRefused:
        return False
    assert {name: values[0] for name, values in parsed.columns.items()} == row
    return True


def accepted_by_frame(contract: Contract, row: dict[str, Any]) -> bool:
    table = good_frame(contract, 1)
    kinds = {column.name: frame.dtype(column) for column in contract.columns}
    table = table.assign(**{name: [value] for name, value in row.items()}).astype(kinds)
    try:
        frame.schema(contract, labelled=True).validate(table, lazy=True)
    except (pandera.errors.SchemaErrors, pandera.errors.SchemaError):
        return False
    return True


def obeys(contract: Contract, row: dict[str, Any]) -> bool:
    """The contract read literally: what the derived views must agree with."""

    def allowed(column: Column, value: Any) -> bool:
        if value is None:
            return column.nullable
        if isinstance(column, Category):
            return value in column.values
        low = column.minimum is None or value >= column.minimum
        return low and (column.maximum is None or value <= column.maximum)

    return all(allowed(column, row[column.name]) for column in contract.columns)


@pytest.mark.unmeasured
@MANY
@given(data=st.data())
def test_request_frame_and_contract_agree_on_every_row(contract: Contract, data: st.DataObject) -> None:
    good = {name: values[0] for name, values in good_rows(contract, 1).items()}
    row = {column.name: good[column.name] for column in contract.columns}
    changed = data.draw(st.lists(st.sampled_from(contract.columns), max_size=2, unique_by=lambda column: column.name))
    row |= {column.name: data.draw(values_near(column)) for column in changed}
    verdict = obeys(contract, row)
    assert accepted_by_request(contract, row) == verdict
    assert accepted_by_frame(contract, row) == verdict


@pytest.mark.unmeasured
@MANY
@given(seed=st.integers(0, 10_000))
def test_rows_and_frames_are_encoded_to_the_same_bits(contract: Contract, seed: int) -> None:
    rows = good_rows(contract, 7, seed)
    one = encoding.encode(contract, rows)
    whole = frame.encode_frame(contract, good_frame(contract, 7, seed))
    assert list(whole.columns) == list(contract.feature_names)
    np.testing.assert_array_equal(one, whole.to_numpy())


def test_every_bound_enum_and_example_stands_in_the_request_s_json_schema(contract: Contract) -> None:
    said = request.request_model(contract).model_json_schema()["$defs"]["Columns"]["properties"]
    for column in contract.columns:
        items = said[column.name]["items"]
        options = items["anyOf"] if column.nullable else [items]
        match column:
            case Category():
                allowed = next(option.get("enum", [option.get("const")]) for option in options)
                assert allowed == list(column.values)
            case Number() | Integer():
                assert column.minimum is None or options[0]["minimum"] == column.minimum
                assert column.maximum is None or options[0]["maximum"] == column.maximum
            case Timestamp():
                assert options[0]["format"] == "date-time"
                assert column.minimum is None or options[0]["formatMinimum"] == column.minimum.isoformat()
                assert column.maximum is None or options[0]["formatMaximum"] == column.maximum.isoformat()
        if column.example is not None:
            assert said[column.name]["examples"] == [[request.json_value(column.example)]]


def test_the_example_request_is_accepted_and_is_what_the_docs_show(contract: Contract) -> None:
    body = request.example_request(contract)
    assert request.parse(request.request_model(contract), json.dumps(body).encode()).count == 1
    assert json.dumps(body) in docs.curl(contract)


def test_an_example_request_is_accepted_for_columns_without_examples_too() -> None:
    from model import Key, Source, Target

    bare = Contract(
        name="bare",
        key=Key("id"),
        target=Target("y"),
        sources=(Source("a.csv"),),
        columns=(
            Number("free"),
            Number("low", -3),
            Integer("high", None, -7),
            Category("kind", ("b", "a")),
            Timestamp("at"),
            Timestamp("since", datetime(2030, 1, 1, tzinfo=UTC)),
            Number("gap", 1, 2, nullable=True),
        ),
    )
    body = request.example_request(bare)
    assert body["data"]["gap"] == [None]
    assert request.parse(request.request_model(bare), json.dumps(body).encode()).count == 1


def test_the_table_holds_every_column_under_a_name_that_fits(contract: Contract) -> None:
    table = tables.predictions(contract, sa.MetaData())
    names = [column.name for column in table.columns]
    assert len(names) == len(set(names)) == 10 + len(contract.columns)
    assert all(len(name.encode()) <= tables.LONGEST_NAME for name in names)
    long = tables.identifier("ü" * 200)
    assert len(long.encode()) <= tables.LONGEST_NAME
    assert long != tables.identifier("ü" * 199)


def test_every_column_is_watched_and_described_once(contract: Contract) -> None:
    assert [monitor.column for monitor in monitors.plan(contract)] == list(contract.column_names)
    lines = docs.columns_table(contract).splitlines()
    assert len(lines) == 4 + len(contract.columns)


def refusal(contract: Contract, body: bytes) -> dict[str, str]:
    with pytest.raises(RowsRefused) as caught:
        request.parse(request.request_model(contract), body)
    return {failure.where: failure.message for failure in caught.value.failures}


def example_with(contract: Contract, **changed: Any) -> bytes:
    data = request.example_request(contract)["data"]
    return json.dumps({"data": data | changed}).encode()


def test_a_refused_request_names_every_field_that_is_wrong() -> None:
    from model.contracts import find

    tracks = find("reggaeton").contract
    said = refusal(tracks, example_with(tracks, tempo=[-5], popularity=[1e9], mode=[True], key=[9.0], energy=["1"]))
    assert set(said) == {"data.tempo[0]", "data.popularity[0]", "data.mode[0]", "data.key[0]", "data.energy[0]"}
    assert refusal(tracks, example_with(tracks, nonsense=[1])) == {"data.nonsense": "Extra inputs are not permitted"}
    unequal = refusal(tracks, example_with(tracks, tempo=[100, 101], id_new=[1, 2, 3]))
    assert set(unequal) == {"data.tempo", "data.id_new"}
    assert "number of rows" in unequal["data.tempo"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"\xff\xfe", "body"),
        (b'{"data": {"tempo": [NaN]}}', "body"),
        (b'{"data": {"tempo": [1], "tempo": [2]}}', "data.tempo"),
        (b'{"data": []}', "data"),
        (b'{"rows": []}', "data"),
        (b"[" * 100_000, "body"),
    ],
)
def test_a_body_that_is_no_request_is_refused_without_a_crash(body: bytes, field: str) -> None:
    from model.contracts import find

    assert field in refusal(find("reggaeton").contract, body)


def test_a_refusal_stays_short_however_long_the_request() -> None:
    from model.contracts import find

    tracks = find("reggaeton").contract
    with pytest.raises(RowsRefused) as caught:
        request.parse(request.request_model(tracks), example_with(tracks, **{f"x{n}" * 500: [1] for n in range(500)}))
    assert len(caught.value.failures) <= request.MOST_FIELDS
    assert len(str(caught.value)) < 5_000
