"""MLflow's scoring protocol: every form of a data frame is answered, and what is no data frame is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from protocol_cases import ANSWERED, MIXED, ROW, VALUED
from protocol_service import speaking

from app.protocols import mlflow
from app.protocols.reading import JSON
from app.testing import Service
from model.contracts import find
from model.derived.request import MOST_ROWS, example_request
from model.errors import RowsRefused

CONTRACT = find("reggaeton").contract
EXAMPLE = example_request(CONTRACT)["data"]
RECORD = {name: values[0] for name, values in EXAMPLE.items()}
NAMES = list(EXAMPLE)
CELLS = list(RECORD.values())
LINE = ",".join(map(str, CELLS))
HEADER = ",".join(NAMES)


@pytest.fixture(scope="module")
def service_of(bundles: Callable[[str], Path]) -> Iterator[Callable[[str], Service]]:
    """Services that speak the protocol."""
    with speaking(bundles) as started:
        yield started


@pytest.fixture
def service(service_of: Callable[[str], Service]) -> Service:
    """One that serves reggaeton."""
    return service_of("reggaeton")


def invoke(service: Service, body: Any, query: str = "") -> httpx.Response:
    """Ask with a JSON value, or with CSV as bytes."""
    headers = {"Content-Type": "text/csv" if isinstance(body, bytes) else JSON}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return service.client.post(f"/invocations{query}", content=content, headers=headers)


def split(rows: int = 1, **changes: Any) -> dict[str, Any]:
    """A data frame as pandas splits it, changed."""
    whole = {"columns": NAMES, "index": list(range(rows)), "data": [CELLS] * rows, **changes}
    return {"dataframe_split": {member: value for member, value in whole.items() if value is not ...}}


# --------------------------------------------------------------------------------------- every form

FORMS: dict[str, Callable[[int], Any]] = {
    "dataframe_split": split,
    "dataframe_split without an index": lambda rows: split(rows, index=...),
    "dataframe_records": lambda rows: {"dataframe_records": [RECORD] * rows},
    "instances as records": lambda rows: {"instances": [RECORD] * rows},
    "instances as lists": lambda rows: {"instances": [CELLS] * rows},
    "inputs by column": lambda rows: {"inputs": {name: values * rows for name, values in EXAMPLE.items()}},
    "inputs as records": lambda rows: {"inputs": [RECORD] * rows},
    "inputs as lists": lambda rows: {"inputs": [CELLS] * rows},
    "CSV": lambda rows: "\n".join([HEADER, *[LINE] * rows]).encode(),
    "CSV with CRLF": lambda rows: "\r\n".join([HEADER, *[LINE] * rows, ""]).encode(),
    "CSV with a byte-order mark": lambda rows: "\n".join(["\ufeff" + HEADER, *[LINE] * rows]).encode(),
    "CSV with quotes": lambda rows: "\n".join(['"' + HEADER.replace(",", '","') + '"', *[LINE] * rows]).encode(),
    "null params": lambda rows: {**split(rows), "params": None},
}


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_is_answered_as_get_prediction_answers(
    service: Service, form: Callable[[int], Any], rows: int
) -> None:
    expected = service.predict({"data": {name: values * rows for name, values in EXAMPLE.items()}}).json()
    answer = invoke(service, form(rows))
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"predictions": [expected["prediction"]] * rows if rows == 1 else expected["prediction"]}
    assert answer.headers["X-Model-Version"] == service.registry.champion()
    assert len(answer.headers["X-Prediction-ID"]) == 32


def test_one_row_of_scalars_is_a_row(service: Service) -> None:
    assert invoke(service, {"inputs": RECORD}).json() == invoke(service, {"inputs": [RECORD]}).json()


@pytest.mark.parametrize("way", ["params", "query", "both", "CSV"])
def test_probabilities_come_on_request_beside_the_labels(service: Service, way: str) -> None:
    query = "" if way == "params" else "?probabilities=true"
    params = {} if way == "query" else {"params": {"probabilities": True}}
    answer = invoke(service, f"{HEADER}\n{LINE}".encode() if way == "CSV" else {**split(), **params}, query).json()
    (by_class,) = answer["probabilities"]
    assert answer["predictions"] == invoke(service, split()).json()["predictions"]
    assert list(by_class) == ["0", "1"]
    assert sum(by_class.values()) == pytest.approx(1)


def test_labels_that_are_text_are_answered_as_they_are(service_of: Callable[[str], Service]) -> None:
    wine = example_request(find("wine").contract)["data"]
    answer = invoke(service_of("wine"), {"inputs": wine, "params": {"probabilities": True}}).json()
    assert answer["predictions"][0] in find("wine").contract.target.classes
    assert list(answer["probabilities"][0]) == list(find("wine").contract.target.classes)


def test_ping_health_and_version_tell_the_state(service: Service) -> None:
    for path in ("/ping", "/health"):
        assert service.client.get(path).json() == {"status": "ready"}
    version = service.client.get("/version")
    assert (version.text, version.headers["content-type"]) == (
        service.registry.champion(),
        "text/plain; charset=utf-8",
    )


# ---------------------------------------------------------------------------------------- refusals


def cells(**changes: Any) -> list[Any]:
    return list({**RECORD, **changes}.values())


def csv(**changes: Any) -> bytes:
    return f"{HEADER}\n{','.join(map(str, cells(**changes)))}\n".encode()


REFUSED: dict[str, tuple[Any, str]] = {
    "a list": ([RECORD], "body"),
    "nothing asked": ({}, "body"),
    "only params": ({"params": {}}, "body"),
    "two forms": ({**split(), "inputs": [RECORD]}, "body"),
    "an unknown member": ({**split(), "signature_name": "x"}, "signature_name"),
    "a form of the past": ({"columns": NAMES, "data": [CELLS]}, "columns"),
    "params that are a list": ({**split(), "params": []}, "params"),
    "an unknown param": ({**split(), "params": {"temperature": 1}}, "params.temperature"),
    "probabilities as text": ({**split(), "params": {"probabilities": "true"}}, "params.probabilities"),
    "a frame that is a list": ({"dataframe_split": [1]}, "dataframe_split"),
    "a frame without columns": (split(columns=...), "dataframe_split.columns"),
    "a frame without data": (split(data=...), "dataframe_split.data"),
    "a frame with dtypes": (split(dtypes=[]), "dataframe_split.dtypes"),
    "a column without a name": (split(columns=[*NAMES[1:], 0]), f"dataframe_split.columns[{len(NAMES) - 1}]"),
    "a column named twice": (split(columns=[NAMES[1], *NAMES[1:]]), "dataframe_split.columns[1]"),
    "rows that are records": (split(data=[RECORD]), "dataframe_split.data[0]"),
    "a short row": (split(data=[CELLS, CELLS[1:]]), "dataframe_split.data[1]"),
    "a long row": (split(data=[[*CELLS, 1]]), "dataframe_split.data[0]"),
    "no rows": (split(data=[]), "dataframe_split.data"),
    "too many rows": (split(data=[[]] * (MOST_ROWS + 1)), "dataframe_split.data"),
    "records by column": ({"dataframe_records": EXAMPLE}, "dataframe_records"),
    "a record that is a list": ({"dataframe_records": [RECORD, CELLS]}, "dataframe_records[1]"),
    "a record that lacks a column": ({"dataframe_records": [RECORD, {}]}, f"dataframe_records[1].{NAMES[0]}"),
    "a record with a column more": ({"dataframe_records": [RECORD, {**RECORD, "x": 1}]}, "dataframe_records[1].x"),
    "no records": ({"dataframe_records": []}, "dataframe_records"),
    "instances that are null": ({"instances": None}, "instances"),
    "instances that are numbers": ({"instances": [1, 2]}, "instances[0]"),
    "no instances": ({"instances": []}, "instances"),
    "a list among records": ({"instances": [RECORD, CELLS]}, "instances[1]"),
    "inputs as text": ({"inputs": "tempo"}, "inputs"),
    "a scalar among lists": ({"inputs": {**EXAMPLE, "tempo": 94.0}}, "inputs.tempo"),
    # ---- the same decoder as for /get_prediction
    "a missing column": ({"inputs": [{**RECORD, "x": 1}]}, "data.x"),
    "a record of nothing": ({"inputs": [{}]}, "data.popularity"),
    "a text for a number": ({"inputs": [cells(tempo="94")]}, "data.tempo[0]"),
    "true for a category": ({"inputs": [cells(mode=True)]}, "data.mode[0]"),
    "a fraction for an integer": ({"inputs": [cells(popularity=1.5)]}, "data.popularity[0]"),
    "a value out of range": ({"inputs": [cells(tempo=-5)]}, "data.tempo[0]"),
    "NaN where a value always is": (split(data=[cells(tempo=float("nan"))]), "data.tempo[0]"),
    "an infinite value": (split(data=[cells(tempo=float("inf"))]), "body"),
    "a list for a value": ({"inputs": [cells(tempo=[94])]}, "data.tempo[0]"),
    # ---- CSV
    "CSV of nothing": (b"", "body"),
    "CSV of one line break": (b"\n", "body"),
    "CSV of a header": (f"{HEADER}\n".encode(), "body"),
    "CSV with a column twice": (f"{HEADER},tempo\n{LINE},1\n".encode(), "data.tempo"),
    "CSV with an unknown column": (f"{HEADER},x\n{LINE},1\n".encode(), "data.x"),
    "CSV with an index": (f",{HEADER}\n0,{LINE}\n".encode(), "data."),
    "CSV without a column": (csv().replace(b"popularity,", b"").replace(b"\n68,", b"\n"), "data.popularity"),
    "CSV with a short line": (f"{HEADER}\n{LINE}\n1,2\n".encode(), "body[1]"),
    "CSV with an empty line": (f"{HEADER}\n\n{LINE}\n".encode(), "body[0]"),
    "CSV with semicolons": (csv().replace(b",", b";"), "data.popularity"),
    "CSV with a quote that does not end": (f'{HEADER}\n"{LINE}\n'.encode(), "body"),
    "CSV with text behind a quote": (f'{HEADER}\n"1"x,{LINE[3:]}\n'.encode(), "body"),
    "CSV with a field too long": (f"{HEADER}\n{'1' * 200_000}{LINE}\n".encode(), "body"),
    "CSV in Latin 1": (f"{HEADER},é\n{LINE},1\n".encode("latin-1"), "body"),
    "CSV with too many rows": ("\n".join(["a", *"1" * (MOST_ROWS + 1)]).encode(), "body"),
    "CSV with a missing value": (csv(tempo=""), "data.tempo[0]"),
    "CSV with a space": (csv(tempo=" 94"), "data.tempo[0]"),
    "CSV with nan": (csv(tempo="nan"), "data.tempo[0]"),
    "CSV with inf": (csv(tempo="inf"), "data.tempo[0]"),
    "CSV with a number beyond doubles": (csv(tempo="1e999"), "data.tempo[0]"),
    "CSV with underscores": (csv(tempo="9_4"), "data.tempo[0]"),
    "CSV with other digits": (csv(tempo="\u0661"), "data.tempo[0]"),
    "CSV with a hexadecimal": (csv(duration="0x10"), "data.duration[0]"),
    "CSV with a fraction for an integer": (csv(popularity="1.5"), "data.popularity[0]"),
    "CSV with an integer beyond doubles": (csv(duration="9" * 400), "data.duration[0]"),
    "CSV with a category that is none": (csv(key="12"), "data.key[0]"),
    "CSV with true": (csv(mode="True"), "data.mode[0]"),
}


@pytest.mark.parametrize(("body", "field"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_data_frame_is_refused_by_its_field(service: Service, body: Any, field: str) -> None:
    answer = invoke(service, body)
    assert answer.status_code == 422, answer.text
    error = answer.json()["error"]
    assert error["code"] == "rows_refused"
    assert field in {wrong["field"] for wrong in error["fields"]}


@pytest.mark.parametrize("query", ["probabilities=1", "probabilities=", "probabilities=true&probabilities=true"])
def test_a_query_that_cannot_be_read_is_refused(service: Service, query: str) -> None:
    answer = invoke(service, split(), f"?{query}")
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"] == "query.probabilities"


@pytest.mark.parametrize(
    "said", ["application/vnd.apache.parquet", "text/plain", "text/csv; charset=latin-1", "application/octet-stream"]
)
def test_other_media_types_are_refused(service: Service, said: str) -> None:
    answer = service.client.post("/invocations", content=b"x", headers={"Content-Type": said})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")


# ------------------------------------------------------------------------------- values of every kind


def read(body: Any, **members: Any) -> dict[str, list[Any]]:
    if isinstance(body, bytes):
        return mlflow.asked(MIXED, body, mlflow.CSV).columns
    return mlflow.asked(MIXED, json.dumps({**body, **members}).encode(), JSON).columns


def test_a_frame_s_whole_floats_are_integers_only_where_the_contract_has_integers() -> None:
    told = {**ROW, "size": 2.0, "count": 3.0, "visits": 4.0, "level": 1.0, "flag": 0.0}
    meant = {**ROW, "size": 2.0, "count": 3, "visits": 4, "level": 1, "flag": 0}
    columns = read({"dataframe_records": [told]})
    assert columns == {name: [value] for name, value in meant.items()}
    assert {name: type(values[0]) for name, values in columns.items()} == {n: type(v) for n, v in meant.items()}


def test_a_frame_s_missing_values_are_null_or_nan() -> None:
    names = ["weight", "visits", "colour"]
    nan = float("nan")
    columns = read({"dataframe_split": {"columns": names, "data": [[None, None, None], [nan, nan, nan]]}})
    assert columns == {name: [None, None] for name in names}


def test_csv_says_every_kind_of_value() -> None:
    header = ",".join(["row", *ROW])
    lines = ["k1,1.5,,3,,2,1,plus,,,2025-06-01T00:00:00Z", '"a,b",-.5e1,7,3.0,-2,+3,0.0,basic,seen,débil,2025-06-02']
    assert read("\n".join([header, *lines]).encode()) == {
        "row": ["k1", "a,b"],
        "size": [1.5, -5.0],
        "weight": [None, 7.0],
        "count": [3, 3],
        "visits": [None, -2],
        "level": [2, 3],
        "flag": [1, 0],
        "plan": ["plus", "basic"],
        "note": ["", "seen"],
        "colour": [None, "débil"],
        "at": ["2025-06-01T00:00:00Z", "2025-06-02"],
    }


def test_probabilities_of_a_regression_are_refused_and_not_invented() -> None:
    body = json.dumps({"inputs": {"size": 1.0, "rooms": 1}, "params": {"probabilities": True}}).encode()
    with pytest.raises(RowsRefused, match=r"params\.probabilities: cannot be had"):
        mlflow.asked(VALUED, body, JSON)


def test_an_answer_keeps_labels_and_probabilities_apart() -> None:
    asked = mlflow.Asked({}, probabilities=True)
    assert mlflow.answer(ANSWERED, asked) == {
        "predictions": ["no", "yes"],
        "probabilities": [{"no": 0.75, "yes": 0.25}, {"no": 0.25, "yes": 0.75}],
    }
