"""Whatever rows keep the contract, every protocol gives the labels that /get_prediction gives."""

from __future__ import annotations

import csv
import io
import json
import struct
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest

from app.predictor import Predictor
from app.protocols import get_prediction, mlflow
from app.protocols.door import Answered
from app.protocols.reading import JSON
from app.protocols.v2 import request
from app.protocols.v2.answer import encoded
from app.protocols.v2.metadata import model
from app.testing import PredictorDoor
from model.contract import LARGEST_EXACT_INTEGER, Category, Column, Contract, Integer, Number, Timestamp
from model.contracts import find
from model.errors import RowsRefused
from model.registry import Registry
from model.testing.exhaustive import times

hypothesis = pytest.importorskip("hypothesis", reason="the service's own lock has no hypothesis")
st = hypothesis.strategies

Rows = list[dict[str, Any]]
MANY = hypothesis.settings(
    max_examples=times(10, at_most=25),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
CODES = {"FP64": "<f8", "INT64": "<i8"}


def valid(column: Column) -> Any:
    """Values that a column allows, as JSON says them."""
    match column:
        case Number():
            present = st.floats(column.minimum, column.maximum, allow_nan=False, allow_infinity=False)
        case Integer():
            low = -LARGEST_EXACT_INTEGER if column.minimum is None else column.minimum
            high = LARGEST_EXACT_INTEGER if column.maximum is None else column.maximum
            present = st.integers(low, high)
        case Category():
            present = st.sampled_from(column.values)
        case Timestamp():
            low_, high_ = (column.minimum, column.maximum)
            begin = (low_ or datetime(2021, 1, 1, tzinfo=UTC)).replace(tzinfo=None)
            end = (high_ or datetime(2031, 1, 1, tzinfo=UTC)).replace(tzinfo=None)
            present = st.datetimes(begin, end, timezones=st.just(UTC)).map(datetime.isoformat)
    return st.one_of(st.none(), present) if column.nullable else present


@cache
def rows_of(name: str) -> Any:
    """One to five rows that keep the shipped contract of that name, all with a key or none."""
    contract = find(name).contract
    row = st.fixed_dictionaries({column.name: valid(column) for column in contract.columns})
    keys = st.text("k7é ,;\"'\r\n\U0001f3b5", min_size=1, max_size=20)
    keyed = st.tuples(row, keys).map(lambda pair: {**pair[0], contract.key.name: pair[1]})
    return st.one_of(st.lists(row, min_size=1, max_size=5), st.lists(keyed, min_size=1, max_size=5))


@pytest.fixture(scope="session")
def doors(bundles: Callable[[str], Path]) -> Callable[[str], PredictorDoor]:
    """Contract name -> the door to its champion."""

    @cache
    def door(name: str) -> PredictorDoor:
        predictor = Predictor(Registry(bundles(name), name), name, retry_seconds=0)
        predictor.refresh()
        return PredictorDoor(predictor)

    return door


def predicted(door: PredictorDoor, columns: dict[str, list[Any]]) -> Answered:
    return anyio.run(door.predict, columns)


def in_columns(rows: Rows) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def as_csv(rows: Rows) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def by_mlflow(contract: Contract, form: str, value: Any) -> dict[str, list[Any]]:
    return mlflow.asked(contract, as_json({form: value}), JSON).columns


# ----------------------------------------------------------------------------- as a client writes it


def tensors(door: PredictorDoor, rows: Rows, *, behind: list[bytes] | None = None) -> list[dict[str, Any]]:
    """Named tensors of the announced datatypes; their bytes go to `behind` if there is one."""
    announced = {tensor.name: tensor.datatype for tensor in model(door.served()).inputs}
    made = []
    for name, values in in_columns(rows).items():
        tensor = {"name": name, "shape": [len(rows), 1], "datatype": announced[name]}
        if behind is None:
            made.append({**tensor, "data": values})
        else:
            behind.append(packed(announced[name], values))
            made.append({**tensor, "parameters": {"binary_data_size": len(behind[-1])}})
    return made


def packed(datatype: str, values: list[Any]) -> bytes:
    if datatype != "BYTES":
        return np.array(values, CODES[datatype]).tobytes()  # None becomes NaN
    texts = [(value or "").encode() for value in values]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def by_json(door: PredictorDoor, rows: Rows) -> request.Asked:
    return request.asked(door.served(), as_json({"inputs": tensors(door, rows)}), None)


def by_bytes(door: PredictorDoor, rows: Rows) -> request.Asked:
    behind: list[bytes] = []
    text = as_json({"inputs": tensors(door, rows, behind=behind), "parameters": {"binary_data_output": True}})
    return request.asked(door.served(), b"".join([text, *behind]), str(len(text)))


def by_one_tensor(door: PredictorDoor, rows: Rows) -> request.Asked:
    names = door.served().contract.column_names
    matrix = np.array([[row[name] for name in names] for row in rows], "<f8")
    tensor = {"name": "x", "shape": list(matrix.shape), "datatype": "FP64"}
    text = as_json({"inputs": [{**tensor, "parameters": {"binary_data_size": matrix.nbytes}}]})
    return request.asked(door.served(), text + matrix.tobytes(), str(len(text)))


def labels_told(answered: Answered, asked: request.Asked) -> list[Any]:
    """The labels that a client reads from the answer."""
    made = encoded(answered, asked)
    output = json.loads(made.body[: made.json_length])["outputs"][0]
    assert output["name"] == "prediction"
    if made.json_length is None:
        return list(output["data"])
    data = made.body[made.json_length :][: output["parameters"]["binary_data_size"]]
    if output["datatype"] != "BYTES":
        return list(np.frombuffer(data, CODES[output["datatype"]]).tolist())
    texts, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        texts.append(data[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return texts


@MANY
@hypothesis.given(data=st.data())
def test_every_protocol_gives_the_labels_of_get_prediction(
    doors: Callable[[str], PredictorDoor], contract: Contract, data: Any
) -> None:
    door = doors(contract.name)
    rows: Rows = data.draw(rows_of(contract.name))
    expected = predicted(door, in_columns(rows))
    frame = {"columns": list(rows[0]), "data": [[row[name] for name in rows[0]] for row in rows]}
    forms = {
        "records": get_prediction.columns(as_json({"data": rows})),
        "columns": get_prediction.columns(as_json({"data": in_columns(rows)})),
        "dataframe_split": by_mlflow(contract, "dataframe_split", frame),
        "dataframe_records": by_mlflow(contract, "dataframe_records", rows),
        "instances": by_mlflow(contract, "instances", rows),
        "inputs": by_mlflow(contract, "inputs", in_columns(rows)),
        "csv": mlflow.asked(contract, as_csv(rows), mlflow.CSV).columns,
    }
    if len(rows) == 1:
        forms["scalars"] = get_prediction.columns(as_json({"data": rows[0]}))
    for form, columns in forms.items():
        answered = predicted(door, columns)
        assert (form, answered.labels, answered.scores) == (form, expected.labels, expected.scores)


@MANY
@hypothesis.given(data=st.data())
def test_every_form_of_tensors_gives_the_labels_of_get_prediction(
    doors: Callable[[str], PredictorDoor], contract: Contract, data: Any
) -> None:
    door = doors(contract.name)
    rows: Rows = data.draw(rows_of(contract.name))
    expected = predicted(door, in_columns(rows))
    ways: list[Callable[[PredictorDoor, Rows], request.Asked]] = [by_json, by_bytes]
    texts = any(isinstance(row[name], str) for row in rows for name in contract.column_names)
    if not texts:
        ways.append(by_one_tensor)
    for way in ways:
        asked = way(door, rows)
        answered = predicted(door, asked.columns)
        assert answered.scores == expected.scores
        assert labels_told(answered, asked) == expected.labels


@MANY
@hypothesis.given(body=st.binary(max_size=60), length=st.one_of(st.none(), st.text(max_size=4), st.integers(0, 80)))
def test_any_bytes_are_read_or_refused(doors: Callable[[str], PredictorDoor], body: bytes, length: Any) -> None:
    served = doors("reggaeton").served()
    said = None if length is None else str(length)
    for translation in (
        get_prediction.columns,
        partial(mlflow.asked, served.contract, kind=JSON),
        partial(mlflow.asked, served.contract, kind=mlflow.CSV),
        partial(request.asked, served, json_length=said),
    ):
        check(translation, body)


def check(translation: Callable[[bytes], Any], body: bytes) -> None:
    """Every other exception fails the test."""
    with suppress(RowsRefused):
        translation(body)


WORDS = (
    "inputs outputs name shape datatype data parameters binary_data_size tempo dataframe_split dataframe_records "
    "instances columns params"
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(["tempo", "x", "FP64", "BYTES", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS.split()), inner, max_size=5),
    max_leaves=20,
)


@pytest.mark.unmeasured
@hypothesis.settings(MANY, max_examples=times(40, at_most=100))
@hypothesis.given(value=ANY_JSON)
def test_any_json_is_read_or_refused(doors: Callable[[str], PredictorDoor], value: Any) -> None:
    served = doors("reggaeton").served()
    for body in (as_json(value), as_json({"inputs": value}), as_json({"data": value})):
        check(get_prediction.columns, body)
        check(partial(mlflow.asked, served.contract, kind=JSON), body)
        check(partial(request.asked, served, json_length=None), body)
