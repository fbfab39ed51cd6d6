"""The Open Inference Protocol: what is not a request is refused, with the status and the field that are wrong."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from protocol_service import speaking

from app.testing import Service
from model.contracts import find
from model.derived.request import MOST_ROWS, example_request

pytestmark = pytest.mark.unmeasured  # the service answers in threads of its own, which are measured

CONTRACT = find("reggaeton").contract
EXAMPLE = example_request(CONTRACT)["data"]
WIDTH = len(CONTRACT.columns)
ROW = [float(EXAMPLE[name][0]) for name in CONTRACT.column_names]
LENGTH = "Inference-Header-Content-Length"

Request = dict[str, Any]
Input = dict[str, Any]


@pytest.fixture(scope="module")
def service(bundles: Callable[[str], Path]) -> Iterator[Service]:
    """A service that speaks the protocol."""
    with speaking(bundles) as service_of:
        yield service_of("reggaeton")


def infer(service: Service, body: Any, length: object = None, path: str = "reggaeton") -> httpx.Response:
    """Ask with a body: its JSON, or its bytes as they are."""
    headers = {"Content-Type": "application/octet-stream" if isinstance(body, bytes) else "application/json"}
    if length is not None:
        headers[LENGTH] = str(length)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return service.client.post(f"/v2/models/{path}/infer", content=content, headers=headers)


def tensor(name: str, /, **changes: Any) -> Input:
    """The example's tensor for a column, changed; what is changed to `...` is left out."""
    datatype = "INT64" if isinstance(EXAMPLE[name][0], int) else "FP64"
    whole = {"name": name, "shape": [1], "datatype": datatype, "data": EXAMPLE[name], **changes}
    return {member: value for member, value in whole.items() if value is not ...}


def named(changed: str = "tempo", /, **changes: Any) -> Request:
    """A tensor for each column; one of them changed."""
    return {"inputs": [tensor(name, **(changes if name == changed else {})) for name in CONTRACT.column_names]}


def beside(extra: Any) -> Request:
    """A good request, and one more tensor."""
    return {"inputs": [*named()["inputs"][1:], tensor("popularity"), extra]}


def whole(**changes: Any) -> Request:
    """One tensor for all columns, changed."""
    one = {"name": "rows", "shape": [1, WIDTH], "datatype": "FP64", "data": ROW, **changes}
    return {"inputs": [{member: value for member, value in one.items() if value is not ...}]}


def without(*names: str) -> Request:
    """A good request without some of its tensors."""
    return {"inputs": [one for one in named()["inputs"] if one["name"] not in names]}


REFUSED: dict[str, tuple[Any, str]] = {
    # ---- the body
    "nothing": (b"", "body"),
    "no JSON": (b"{", "body"),
    "a list": ([], "body"),
    "a number": (1, "body"),
    "null": (None, "body"),
    "UTF-16": (json.dumps(named()).encode("utf-16"), "body"),
    "Latin 1": (b'{"inputs": [{"name": "\xe9"}]}', "body"),
    "nested too deeply": (b"[" * 100_000, "body"),
    "an infinite number": (b'{"inputs": [{"name": "tempo", "data": [Infinity]}]}', "body"),
    "a number beyond doubles": (b'{"inputs": [{"name": "tempo", "data": [1e999]}]}', "body"),
    "half a surrogate pair": (b'{"id": "\\ud800", "inputs": []}', "body"),
    "a name given twice": (b'{"inputs": [], "inputs": []}', "inputs"),
    "a name inside given twice": (b'{"inputs": [{"shape": [1], "shape": [2]}]}', "shape"),
    "an unknown member": ({**named(), "more": 1}, "more"),
    "an id that is a number": ({**named(), "id": 7}, "id"),
    "an id that is long": ({**named(), "id": "x" * 201}, "id"),
    "parameters that are a list": ({**named(), "parameters": []}, "parameters"),
    "binary_data_output as text": (
        {**named(), "parameters": {"binary_data_output": "yes"}},
        "parameters.binary_data_output",
    ),
    "another model's name": ({**named(), "model_name": "wine"}, "model_name"),
    "another version": ({**named(), "model_version": "1"}, "model_version"),
    "more lists than rows": (b'{"inputs": [' + b"[]," * 50_000 + b"[]]}", "body"),
    # ---- the inputs
    "no inputs": ({}, "inputs"),
    "inputs that are null": ({"inputs": None}, "inputs"),
    "inputs by name": ({"inputs": {"tempo": [1]}}, "inputs"),
    "an empty list of inputs": ({"inputs": []}, "inputs"),
    "more inputs than columns": ({"inputs": [tensor("tempo")] * (WIDTH + 2)}, "inputs"),
    "an input that is a number": (beside(3), f"inputs[{WIDTH}]"),
    "an input without a name": (beside({"shape": [1], "datatype": "FP64", "data": [1]}), f"inputs[{WIDTH}].name"),
    "an input without characters in its name": (beside(tensor("tempo", name="")), f"inputs[{WIDTH}].name"),
    "an input with a long name": (beside(tensor("tempo", name="x" * 201)), f"inputs[{WIDTH}].name"),
    "an input given twice": (beside(tensor("tempo")), "inputs.tempo"),
    "an input that is no column": (beside(tensor("tempo", name="tempi")), "inputs.tempi"),
    "an input with an unknown member": (named(contents=[1]), "inputs.tempo.contents"),
    "an input's parameters as text": (named(parameters="no"), "inputs.tempo.parameters"),
    "shared memory": (
        named(parameters={"shared_memory_region": "a"}, data=...),
        "inputs.tempo.parameters.shared_memory_region",
    ),
    "a missing column": (without("tempo"), "data.tempo"),
    "only one column": ({"inputs": [tensor("tempo")]}, "data.popularity"),
    "only the key": ({"inputs": [tensor("tempo", name="id_new", datatype="BYTES", data=["a"])]}, "data.popularity"),
    # ---- datatypes
    "no datatype": (named(datatype=...), "inputs.tempo.datatype"),
    "a datatype in small letters": (named(datatype="fp64"), "inputs.tempo.datatype"),
    "a datatype that is a number": (named(datatype=64), "inputs.tempo.datatype"),
    "a datatype that is a list": (named(datatype=["FP64"]), "inputs.tempo.datatype"),
    "BF16": (named(datatype="BF16"), "inputs.tempo.datatype"),
    "BYTES for a number": (named(datatype="BYTES", data=["94"]), "inputs.tempo.datatype"),
    "BOOL for a number": (named(datatype="BOOL", data=[True]), "inputs.tempo.datatype"),
    "BOOL for an integer": (named("popularity", datatype="BOOL", data=[True]), "inputs.popularity.datatype"),
    "BOOL for a category of more than 0 and 1": (named("key", datatype="BOOL", data=[True]), "inputs.key.datatype"),
    "BYTES for a category of numbers": (named("mode", datatype="BYTES", data=["1"]), "inputs.mode.datatype"),
    "a key in FP64": (beside(tensor("tempo", name="id_new")), "inputs.id_new.datatype"),
    # ---- shapes
    "no shape": (named(shape=...), "inputs.tempo.shape"),
    "a shape that is a number": (named(shape=1), "inputs.tempo.shape"),
    "an empty shape": (named(shape=[]), "inputs.tempo.shape"),
    "a shape of three": (named(shape=[1, 1, 1]), "inputs.tempo.shape"),
    "a negative shape": (named(shape=[-1]), "inputs.tempo.shape"),
    "a shape with a fraction": (named(shape=[1.0]), "inputs.tempo.shape"),
    "a shape of true": (named(shape=[True]), "inputs.tempo.shape"),
    "no rows": (named(shape=[0], data=[]), "inputs.tempo.shape"),
    "too many rows": (named(shape=[MOST_ROWS + 1]), "inputs.tempo.shape"),
    "rows beyond counting": (named(shape=[10**300]), "inputs.tempo.shape"),
    "a column of two": (named(shape=[1, 2], data=[1, 2]), "inputs.tempo.shape"),
    "a column as wide as all": (named(shape=[1, WIDTH], data=[1] * WIDTH), "inputs.tempo.shape"),
    "a key of two": (
        beside(tensor("tempo", name="id_new", shape=[1, WIDTH], datatype="INT64", data=[1] * WIDTH)),
        "inputs.id_new.shape",
    ),
    # ---- data
    "no data": (named(data=...), "inputs.tempo.data"),
    "data that is a number": (named(data=94.0), "inputs.tempo.data"),
    "too few elements": (named(shape=[2]), "inputs.tempo.data"),
    "too many elements": (named(data=[1, 2]), "inputs.tempo.data"),
    "nested beyond the shape": (named(data=[[94.0]]), "inputs.tempo.data[0]"),
    "nested twice": (named(shape=[1, 1], data=[[[94.0]]]), "inputs.tempo.data[0]"),
    "rows of unequal length": (named(shape=[2, 1], data=[[1], [1, 2]]), "inputs.tempo.data[1]"),
    "nested in part": (named(shape=[2, 1], data=[[1], 2]), "inputs.tempo.data[1]"),
    "text in FP64": (named(data=["94"]), "inputs.tempo.data[0]"),
    "true in FP64": (named(data=[True]), "inputs.tempo.data[0]"),
    "an object in FP64": (named(data=[{}]), "inputs.tempo.data[0]"),
    "beyond FP32": (named(datatype="FP32", data=[1e300]), "inputs.tempo.data[0]"),
    "beyond FP16": (named(datatype="FP16", data=[65536]), "inputs.tempo.data[0]"),
    "a fraction in INT64": (named(datatype="INT64", data=[94.5]), "inputs.tempo.data[0]"),
    "a whole float in INT64": (named(datatype="INT64", data=[94.0]), "inputs.tempo.data[0]"),
    "beyond INT8": (named(datatype="INT8", data=[128]), "inputs.tempo.data[0]"),
    "negative in UINT8": (named(datatype="UINT8", data=[-1]), "inputs.tempo.data[0]"),
    "beyond UINT64": (named(datatype="UINT64", data=[2**64]), "inputs.tempo.data[0]"),
    "1 in BOOL": (named("mode", datatype="BOOL", data=[1]), "inputs.mode.data[0]"),
    "a number in BYTES": (
        beside(tensor("tempo", name="id_new", datatype="BYTES", data=[1])),
        "inputs.id_new.data[0]",
    ),
    "a fraction for an integer": (named("popularity", datatype="FP64", data=[1.5]), "data.popularity[0]"),
    "a fraction for a category": (named("key", datatype="FP64", data=[1.5]), "data.key[0]"),
    "null where a value always is": (named(data=[None]), "data.tempo[0]"),
    "NaN where a value always is": (named(data=[float("nan")]), "data.tempo[0]"),
    # ---- what the contract says: the same decoder as for /get_prediction
    "a tempo below its range": (named(data=[-5.0]), "data.tempo[0]"),
    "an unknown category": (named("key", data=[12]), "data.key[0]"),
    "a key without characters": (beside(tensor("tempo", name="id_new", datatype="BYTES", data=[""])), "data.id_new[0]"),
    "columns of unequal length": (named(shape=[2], data=[94.0, 95.0]), "data.tempo"),
    # ---- one tensor for all columns
    "one tensor of one dimension": (whole(shape=[WIDTH]), "inputs.rows"),
    "one tensor that is too narrow": (whole(shape=[1, WIDTH - 1], data=ROW[1:]), "inputs.rows.shape"),
    "one tensor in BYTES": (whole(datatype="BYTES", data=["1"] * WIDTH), "inputs.rows.datatype"),
    "one tensor in BOOL": (whole(datatype="BOOL", data=[True] * WIDTH), "inputs.rows.datatype"),
    "one tensor with NaN": (whole(data=[*ROW[:-2], float("nan"), ROW[-1]]), "data.tempo[0]"),
    "one tensor with a fraction for an integer": (whole(data=[0.5, *ROW[1:]]), "data.popularity[0]"),
    "one tensor out of range": (whole(data=[*ROW[:-2], 301.0, ROW[-1]]), "data.tempo[0]"),
    "one tensor with too few elements": (whole(shape=[2, WIDTH]), "inputs.rows.data"),
    # ---- the outputs
    "outputs by name": ({**named(), "outputs": {"prediction": {}}}, "outputs"),
    "an output that is a text": ({**named(), "outputs": ["prediction"]}, "outputs[0]"),
    "an output without a name": ({**named(), "outputs": [{}]}, "outputs[0].name"),
    "an unknown output": ({**named(), "outputs": [{"name": "label"}]}, "outputs[0].name"),
    "an output that is a list": ({**named(), "outputs": [{"name": []}]}, "outputs[0].name"),
    "an output twice": ({**named(), "outputs": [{"name": "score"}, {"name": "score"}]}, "outputs[1].name"),
    "an output with an unknown member": ({**named(), "outputs": [{"name": "score", "shape": [1]}]}, "outputs[0].shape"),
    "an output's parameters as a list": (
        {**named(), "outputs": [{"name": "score", "parameters": [1]}]},
        "outputs[0].parameters",
    ),
    "binary_data as a number": (
        {**named(), "outputs": [{"name": "score", "parameters": {"binary_data": 1}}]},
        "outputs[0].parameters.binary_data",
    ),
    "a classification": (
        {**named(), "outputs": [{"name": "score", "parameters": {"classification": 2}}]},
        "outputs[0].parameters.classification",
    ),
}


def test_the_table_begins_with_a_request_that_is_answered(service: Service) -> None:
    for good in (named(), whole(), beside(tensor("tempo", name="id_new", datatype="INT64", data=[7]))):
        assert infer(service, good).status_code == 200


@pytest.mark.parametrize(("body", "field"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_request_is_refused_by_its_field(service: Service, body: Any, field: str) -> None:
    expect(infer(service, body), field)


def expect(answer: httpx.Response, field: str) -> None:
    assert answer.status_code == 422, answer.text
    said = answer.json()
    assert (said.keys(), said["code"]) == ({"error", "code", "fields"}, "rows_refused")
    messages = {wrong["field"]: wrong["message"] for wrong in said["fields"]}
    assert field in messages
    assert f"; {field}: {messages[field]}" in said["error"]


# ------------------------------------------------------------------------------------ bytes that lie


def behind(data: bytes, /, size: Any = ..., length: Any = ..., **changes: Any) -> tuple[bytes, Any]:
    """A request whose tempo comes as bytes behind the JSON, and what its header says."""
    parameters = {"binary_data_size": len(data) if size is ... else size}
    text = json.dumps(named(**{"data": ..., "parameters": parameters, **changes})).encode()
    return text + data, len(text) if length is ... else length


FP64 = struct.pack("<d", 94.0)
LIES: dict[str, tuple[tuple[bytes, Any], str]] = {
    "no header": ((behind(FP64)[0], None), "body"),
    "no header and no bytes": ((behind(b"", size=8)[0], None), "inputs.tempo.parameters.binary_data_size"),
    "a header beyond the body": (behind(FP64, length=100_000), LENGTH),
    "a negative header": (behind(FP64, length=-1), LENGTH),
    "a header that is no number": (behind(FP64, length="0x10"), LENGTH),
    "a header of many digits": (behind(FP64, length="9" * 5_000), LENGTH),
    "a header of nothing": (behind(FP64, length=0), "body"),
    "a header that cuts the JSON": (behind(FP64, length=20), "body"),
    "a header that takes bytes for JSON": (behind(FP64, length=len(behind(FP64)[0])), "body"),
    "a size that is too large": (behind(FP64, size=9), "inputs.tempo.parameters.binary_data_size"),
    "a size that is too small": (behind(FP64, size=7), "inputs.tempo.data"),
    "a size of nothing": (behind(b""), "inputs.tempo.data"),
    "a size that is negative": (behind(FP64, size=-8), "inputs.tempo.parameters.binary_data_size"),
    "a size that is a text": (behind(FP64, size="8"), "inputs.tempo.parameters.binary_data_size"),
    "a size that is a fraction": (behind(FP64, size=8.0), "inputs.tempo.parameters.binary_data_size"),
    "a size that is true": (behind(FP64[:1], size=True), "inputs.tempo.parameters.binary_data_size"),
    "a size that is null": (behind(FP64, size=None), "inputs.tempo.parameters.binary_data_size"),
    "a size beyond counting": (behind(FP64, size=2**70), "inputs.tempo.parameters.binary_data_size"),
    "a size that fits another shape": (behind(FP64 * 2), "inputs.tempo.data"),
    "a shape that the bytes do not have": (behind(FP64, shape=[1_000]), "inputs.tempo.data"),
    "bytes behind the last tensor": ((behind(FP64)[0] + b"x", behind(FP64)[1]), "body"),
    "bytes beside data": (behind(FP64, data=[94.0]), "inputs.tempo.data"),
    "two tensors that want the same bytes": (
        behind(FP64, name="tempo", parameters={"binary_data_size": 16}),
        "inputs.tempo.parameters.binary_data_size",
    ),
    "NaN where a value always is": (behind(struct.pack("<d", float("nan"))), "data.tempo[0]"),
    "an infinite number": (behind(struct.pack("<d", float("inf"))), "data.tempo[0]"),
    "an infinite FP16": (behind(b"\x00\x7c", datatype="FP16"), "data.tempo[0]"),
    "a negative tempo": (behind(struct.pack("<d", -5.0)), "data.tempo[0]"),
}


@pytest.mark.parametrize(("asked", "field"), LIES.values(), ids=LIES)
def test_bytes_that_are_not_what_the_json_says_are_refused(
    service: Service, asked: tuple[bytes, Any], field: str
) -> None:
    body, length = asked
    expect(infer(service, body, length), field)


def keyed(data: bytes, rows: int = 1) -> tuple[bytes, int]:
    """A request whose key comes as BYTES behind the JSON."""
    key = {"name": "id_new", "shape": [rows], "datatype": "BYTES", "parameters": {"binary_data_size": len(data)}}
    columns = [{**one, "shape": [rows], "data": one["data"] * rows} for one in named()["inputs"]]
    text = json.dumps({"inputs": [*columns, key]}).encode()
    return text + data, len(text)


def prefixed(*texts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


TEXT_LIES: dict[str, tuple[tuple[bytes, int], str]] = {
    "no prefix": (keyed(b""), "inputs.id_new.data[0]"),
    "half a prefix": (keyed(b"\x01\x00"), "inputs.id_new.data[0]"),
    "a prefix beyond the bytes": (keyed(b"\x05\x00\x00\x00abcd"), "inputs.id_new.data[0]"),
    "a prefix beyond everything": (keyed(b"\xff\xff\xff\xffabcd"), "inputs.id_new.data[0]"),
    "a prefix that leaves bytes": (keyed(b"\x01\x00\x00\x00abcd"), "inputs.id_new.data"),
    "fewer texts than rows": (keyed(prefixed(b"a"), rows=2), "inputs.id_new.data[1]"),
    "more texts than rows": (keyed(prefixed(b"a", b"b")), "inputs.id_new.data"),
    "a text that is not UTF-8": (keyed(prefixed(b"\xff")), "inputs.id_new.data[0]"),
}


@pytest.mark.parametrize(("asked", "field"), TEXT_LIES.values(), ids=TEXT_LIES)
def test_texts_whose_lengths_lie_are_refused(service: Service, asked: tuple[bytes, int], field: str) -> None:
    expect(infer(service, *asked), field)


def test_a_byte_that_is_no_bool_is_refused(service: Service) -> None:
    text = json.dumps(named("mode", datatype="BOOL", data=..., parameters={"binary_data_size": 1})).encode()
    assert infer(service, text + b"\x01", len(text)).status_code == 200
    expect(infer(service, text + b"\x02", len(text)), "inputs.mode.data[0]")


# --------------------------------------------------------------------------- what HTTP itself refuses


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/v2/models/wine/infer", 404, "not_found"),
        ("POST", "/v2/models/reggaeton/versions/1/infer", 404, "not_found"),
        ("GET", "/v2/models/wine", 404, "not_found"),
        ("GET", "/v2/models/wine/ready", 404, "not_found"),
        ("GET", "/v2/models/reggaeton/versions/1", 404, "not_found"),
        ("GET", "/v2/models/reggaeton/versions/1/ready", 404, "not_found"),
        ("GET", "/v2/nothing", 404, "not_found"),
        ("GET", "/v2/", 404, "not_found"),
        ("GET", "/v2/models/reggaeton/infer", 405, "method_not_allowed"),
        ("POST", "/v2/health/live", 405, "method_not_allowed"),
    ],
)
def test_paths_and_methods_that_are_not_there_are_told_in_the_protocol_s_shape(
    service: Service, method: str, path: str, status: int, code: str
) -> None:
    answer = service.client.request(method, path, **({"json": named()} if method == "POST" else {}))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert isinstance(answer.json()["error"], str)
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/csv"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/octet-stream", "Content-Encoding": "gzip"},
    ],
    ids=str,
)
def test_a_body_that_says_it_is_something_else_is_refused(service: Service, headers: dict[str, str]) -> None:
    answer = service.client.post("/v2/models/reggaeton/infer", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("said", ["application/json", "application/vnd.x+json", "application/octet-stream", None])
def test_json_and_octets_and_nothing_are_read(service: Service, said: str | None) -> None:
    headers = {} if said is None else {"Content-Type": said}
    content = json.dumps(named())
    assert service.client.post("/v2/models/reggaeton/infer", content=content, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/v2/models/reggaeton/infer", "/invocations"])
@pytest.mark.parametrize("streamed", [False, True], ids=["said", "streamed"])
def test_a_body_that_is_too_large_is_refused(service: Service, path: str, *, streamed: bool) -> None:
    content = iter([b" " * 600_000] * 2) if streamed else b" " * 1_200_000
    assert service.client.post(path, content=content).status_code == 413


def test_one_hundred_thousand_names_are_refused_in_few_words(service: Service) -> None:
    answer = infer(service, {**named(), **{f"n{place}": 0 for place in range(50_000)}})
    expect(answer, "body")
    assert len(answer.content) < 1_000
