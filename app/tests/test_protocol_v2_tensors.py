"""The Open Inference Protocol: every way of writing a value means that value, and the answer says it in each form."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from protocol_cases import ANSWERED, MIXED, ROW, SERVED, VALUE, VALUED

from app.protocols.door import Served
from app.protocols.v2.answer import encoded
from app.protocols.v2.metadata import model
from app.protocols.v2.request import Asked, Wanted, asked
from model.errors import RowsRefused


def ask(*inputs: dict[str, Any], behind: bytes = b"", served: Served = SERVED, **members: Any) -> Asked:
    text = json.dumps({"inputs": list(inputs), **members}).encode()
    return asked(served, text + behind, str(len(text)) if behind else None)


def one(name: str, datatype: str, *data: Any) -> list[Any]:
    """The values that a tensor of JSON data becomes."""
    return ask({"name": name, "datatype": datatype, "shape": [len(data)], "data": list(data)}).columns[name]


def bytes_of(name: str, datatype: str, data: bytes, rows: int = 1) -> list[Any]:
    """The values that a tensor of bytes becomes."""
    parameters = {"binary_data_size": len(data)}
    return ask({"name": name, "datatype": datatype, "shape": [rows], "parameters": parameters}, behind=data).columns[
        name
    ]


def refused_field(*inputs: dict[str, Any], **members: Any) -> str:
    with pytest.raises(RowsRefused) as caught:
        ask(*inputs, **members)
    return caught.value.failures[0].where


# ------------------------------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("name", "datatype", "said", "meant"),
    [
        ("size", "FP64", 0.1, 0.1),
        ("size", "FP32", 0.1, 0.1),  # as it is written: the text is more exact than the datatype
        ("size", "FP64", 7, 7),
        ("size", "INT32", -7, -7),
        ("size", "UINT64", 2**64 - 1, 2**64 - 1),
        ("weight", "FP64", None, None),
        ("weight", "FP64", float("nan"), None),
        ("weight", "INT64", None, None),
        ("count", "INT64", 3, 3),
        ("count", "UINT8", 255, 255),
        ("count", "FP64", 3.0, 3),
        ("visits", "FP64", float("nan"), None),
        ("visits", "FP32", 2.0, 2),
        ("level", "INT8", 2, 2),
        ("level", "FP64", 2.0, 2),
        ("flag", "BOOL", True, 1),
        ("flag", "BOOL", False, 0),
        ("flag", "BOOL", None, None),
        ("plan", "BYTES", "plus", "plus"),
        ("note", "BYTES", "", ""),  # one of its values
        ("note", "BYTES", None, None),
        ("colour", "BYTES", "", None),
        ("colour", "BYTES", "débil", "débil"),
        ("at", "BYTES", "2025-06-01T00:00:00Z", "2025-06-01T00:00:00Z"),
        ("row", "BYTES", "k1", "k1"),
        ("row", "INT64", 17, 17),
    ],
)
def test_json_data_means_what_it_says(name: str, datatype: str, said: Any, meant: Any) -> None:
    (value,) = one(name, datatype, said)
    assert (type(value), value) == (type(meant), meant)


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
def test_floats_behind_the_json_are_widened_exactly(datatype: str) -> None:
    code = {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}[datatype]
    array = np.array([0.1, -2.5, np.nan], code)
    values = bytes_of("weight", datatype, array.tobytes(), 3)
    assert values == [float(array[0]), -2.5, None]
    assert all(type(value) is float for value in values[:2])


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
@pytest.mark.parametrize("sign", ["INT", "UINT"])
def test_integers_behind_the_json_keep_their_ends(sign: str, bits: int) -> None:
    ends = np.iinfo(f"{sign.lower()}{bits}")
    array = np.array([ends.min, ends.max], f"<{'u' if sign == 'UINT' else 'i'}{bits // 8}")
    assert bytes_of("size", f"{sign}{bits}", array.tobytes(), 2) == [ends.min, ends.max]


def test_bools_and_texts_behind_the_json_are_read() -> None:
    assert bytes_of("flag", "BOOL", b"\x01\x00", 2) == [1, 0]
    texts = [text.encode() for text in ("débil", "", "red")]
    data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    assert bytes_of("colour", "BYTES", data, 3) == ["débil", None, "red"]


@pytest.mark.parametrize("data", [[1, 2, 3], [[1], [2], [3]]], ids=["flat", "nested"])
def test_a_column_may_be_nested_as_its_shape_is(data: list[Any]) -> None:
    assert ask({"name": "size", "datatype": "FP64", "shape": [3, 1], "data": data}).columns == {"size": [1, 2, 3]}


@pytest.mark.parametrize(
    ("name", "datatype", "said"),
    [
        ("size", "FP64", None),
        ("size", "FP64", float("nan")),
        ("count", "FP64", 2.5),
        ("plan", "INT64", 1),
        ("at", "INT64", 1),
        ("at", "FP64", 1.0),
        ("level", "BOOL", True),
        ("level", "BYTES", "2"),
        ("row", "FP64", 1.0),
        ("row", "BOOL", True),
    ],
)
def test_what_would_lose_or_invent_something_is_refused(name: str, datatype: str, said: Any) -> None:
    where = refused_field({"name": name, "datatype": datatype, "shape": [1], "data": [said]})
    assert where in (f"data.{name}[0]", f"inputs.{name}.datatype")


def test_an_empty_text_where_a_value_always_is_is_left_to_the_decoder() -> None:
    assert one("plan", "BYTES", "") == [""]


# -------------------------------------------------------------------------- one tensor for all columns


def test_one_tensor_holds_the_columns_in_the_contract_s_order() -> None:
    served = Served(VALUED, "v2")
    data = [[60.5, 2], [80, 3]]
    nested = ask({"name": "x", "datatype": "FP64", "shape": [2, 2], "data": data}, served=served)
    flat = ask({"name": "x", "datatype": "FP64", "shape": [2, 2], "data": [60.5, 2, 80, 3]}, served=served)
    behind = np.array(data, "<f4").tobytes()
    parameters = {"binary_data_size": len(behind)}
    packed = ask(
        {"name": "x", "datatype": "FP32", "shape": [2, 2], "parameters": parameters}, served=served, behind=behind
    )
    assert nested.columns == flat.columns == packed.columns == {"size": [60.5, 80.0], "rooms": [2, 3]}
    assert [type(value) for value in packed.columns["rooms"]] == [int, int]


def test_the_key_may_stand_beside_one_tensor() -> None:
    whole = {"name": "x", "datatype": "FP64", "shape": [1, 2], "data": [60.5, 2]}
    key = {"name": "row", "datatype": "BYTES", "shape": [1, 1], "data": ["k1"]}
    for inputs in ([whole, key], [key, whole]):
        assert ask(*inputs, served=Served(VALUED, "v2")).columns == {"size": [60.5], "rooms": [2], "row": ["k1"]}


def test_one_tensor_is_refused_where_a_column_is_text() -> None:
    width = len(MIXED.columns)
    whole = {"name": "x", "datatype": "FP64", "shape": [1, width], "data": [0] * width}
    assert refused_field(whole) == "inputs.x.datatype"


# ------------------------------------------------------------------------------------------ outputs


def outputs(**members: Any) -> tuple[Wanted, ...]:
    return ask({"name": "size", "datatype": "FP64", "shape": [1], "data": [1]}, **members).outputs


@pytest.mark.parametrize("members", [{}, {"outputs": []}, {"outputs": None}], ids=str)
def test_without_a_choice_every_output_comes_as_json(members: dict[str, Any]) -> None:
    assert outputs(**members) == (Wanted("prediction", False), Wanted("score", False), Wanted("probabilities", False))


def test_outputs_come_in_the_order_and_form_that_were_asked_for() -> None:
    listed = [{"name": "score"}, {"name": "prediction", "parameters": {"binary_data": False}}]
    chosen = outputs(outputs=listed, parameters={"binary_data_output": True})
    assert chosen == (Wanted("score", True), Wanted("prediction", False))


def test_a_regression_has_no_probabilities() -> None:
    served = Served(VALUED, "v2")
    sized = {"name": "size", "datatype": "FP64", "shape": [1], "data": [1]}
    assert [wanted.name for wanted in ask(sized, served=served).outputs] == ["prediction", "score"]
    assert refused_field(sized, served=served, outputs=[{"name": "probabilities"}]) == "outputs[0].name"


def test_an_answer_says_its_outputs_as_json() -> None:
    wanted = Asked({}, (Wanted("prediction", False), Wanted("probabilities", False), Wanted("score", False)), "mine")
    made = encoded(ANSWERED, wanted)
    assert made.json_length is None
    assert json.loads(made.body) == {
        "model_name": "mixed",
        "model_version": "v1",
        "id": "mine",
        "parameters": {"prediction_id": "0" * 32},
        "outputs": [
            {"name": "prediction", "datatype": "BYTES", "shape": [2], "data": ["no", "yes"]},
            {"name": "probabilities", "datatype": "FP64", "shape": [2, 2], "data": [0.75, 0.25, 0.25, 0.75]},
            {"name": "score", "datatype": "FP64", "shape": [2], "data": [0.25, 0.75]},
        ],
    }


def test_an_answer_says_its_outputs_as_bytes_in_their_order() -> None:
    made = encoded(ANSWERED, Asked({}, (Wanted("score", True), Wanted("prediction", True)), None))
    assert made.json_length is not None
    said = json.loads(made.body[: made.json_length])
    assert [output["parameters"]["binary_data_size"] for output in said["outputs"]] == [16, 13]
    assert all("data" not in output for output in said["outputs"])
    assert "id" not in said
    behind = made.body[made.json_length :]
    assert np.frombuffer(behind[:16], "<f8").tolist() == [0.25, 0.75]
    assert behind[16:] == b"\x02\x00\x00\x00no\x03\x00\x00\x00yes"


def test_json_and_bytes_may_be_mixed() -> None:
    made = encoded(VALUE, Asked({}, (Wanted("prediction", False), Wanted("score", True)), None))
    assert made.json_length is not None
    first, second = json.loads(made.body[: made.json_length])["outputs"]
    assert first == {"name": "prediction", "datatype": "FP64", "shape": [1], "data": [12.5]}
    assert second == {"name": "score", "datatype": "FP64", "shape": [1], "parameters": {"binary_data_size": 8}}
    assert made.body[made.json_length :] == struct.pack("<d", 12.5)


# ----------------------------------------------------------------------------------------- metadata


def test_the_metadata_names_a_datatype_that_can_say_every_value() -> None:
    said = {tensor.name: tensor.datatype for tensor in model(SERVED).inputs}
    assert list(said) == [*MIXED.column_names, "row"]
    assert said == {
        "size": "FP64",
        "weight": "FP64",
        "count": "INT64",
        "visits": "FP64",
        "level": "INT64",
        "flag": "FP64",
        "plan": "BYTES",
        "note": "BYTES",
        "colour": "BYTES",
        "at": "BYTES",
        "row": "BYTES",
    }
    assert [tensor.name for tensor in model(SERVED).inputs if tensor.parameters["optional"]] == ["row"]


def test_a_row_as_the_metadata_says_it_is_the_row() -> None:
    tensors = [
        {"name": tensor.name, "datatype": tensor.datatype, "shape": [1], "data": [ROW[tensor.name]]}
        for tensor in model(SERVED).inputs
        if tensor.name in ROW
    ]
    assert ask(*tensors).columns == {name: [value] for name, value in ROW.items()}


def test_the_metadata_tells_the_outputs() -> None:
    said = {output.name: (output.datatype, output.shape) for output in model(SERVED).outputs}
    assert said == {"prediction": ("BYTES", [-1]), "score": ("FP64", [-1]), "probabilities": ("FP64", [-1, 2])}
    assert [output.name for output in model(Served(VALUED, "v2")).outputs] == ["prediction", "score"]
