"""The protocols' paths are described in OpenAPI, and answer as it says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate
from protocol_service import speaking

from app.testing import Service
from model.contracts import find
from model.derived.request import example_request

PATHS = {
    "/v2": ["get"],
    "/v2/health/live": ["get"],
    "/v2/health/ready": ["get"],
    "/v2/models/{name}": ["get"],
    "/v2/models/{name}/ready": ["get"],
    "/v2/models/{name}/infer": ["post"],
    "/v2/models/{name}/versions/{version}": ["get"],
    "/v2/models/{name}/versions/{version}/ready": ["get"],
    "/v2/models/{name}/versions/{version}/infer": ["post"],
    "/invocations": ["post"],
    "/ping": ["get"],
    "/health": ["get"],
    "/version": ["get"],
}


@pytest.fixture(scope="module")
def service(bundles: Callable[[str], Path]) -> Iterator[Service]:
    """A service that speaks every protocol."""
    with speaking(bundles) as service_of:
        yield service_of("reggaeton")


@pytest.fixture
def document(service: Service) -> dict[str, Any]:
    """Its OpenAPI document."""
    described: dict[str, Any] = service.client.get("/openapi.json").json()
    return described


def test_every_path_is_described(document: dict[str, Any]) -> None:
    validate(document)
    assert {path: list(document["paths"][path]) for path in PATHS} == PATHS


def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(set(names)) == len(names)


def test_every_path_of_a_version_answers_for_the_version_that_is_served(service: Service) -> None:
    version = service.registry.champion()
    path = f"/v2/models/reggaeton/versions/{version}"
    assert service.client.get(f"{path}/ready").json() == {"name": "reggaeton", "ready": True}
    assert service.client.get(path).json() == service.client.get("/v2/models/reggaeton").json()
    columns = example_request(find("reggaeton").contract)["data"]
    inputs = [
        {"name": tensor["name"], "datatype": tensor["datatype"], "shape": [1], "data": columns[tensor["name"]]}
        for tensor in service.client.get(path).json()["inputs"]
        if not tensor["parameters"]["optional"]
    ]
    answer = service.client.post(f"{path}/infer", json={"inputs": inputs, "id": "mine"})
    assert answer.status_code == 200
    assert (answer.json()["model_version"], answer.json()["id"]) == (version, "mine")
    assert answer.headers["X-Model-Version"] == version
    assert answer.headers["X-Prediction-ID"] == answer.json()["parameters"]["prediction_id"]


def test_a_large_request_is_translated_and_answered(service: Service) -> None:
    rows = 2_000
    columns = example_request(find("reggaeton").contract)["data"]
    inputs = [
        {"name": name, "datatype": "FP64", "shape": [rows], "data": values * rows} for name, values in columns.items()
    ]
    answer = service.client.post("/v2/models/reggaeton/infer", json={"inputs": inputs}).json()
    assert answer["outputs"][0]["shape"] == [rows]
    whole = service.predict({"data": {name: values * rows for name, values in columns.items()}}).json()
    assert answer["outputs"][0]["data"] == whole["prediction"]


@pytest.mark.parametrize("rows", [1, 500])
def test_outputs_as_bytes_come_behind_the_json_and_the_header_says_how_long_it_is(service: Service, rows: int) -> None:
    columns = example_request(find("reggaeton").contract)["data"]
    inputs = [
        {"name": name, "datatype": "FP64", "shape": [rows], "data": values * rows} for name, values in columns.items()
    ]
    body = {"inputs": inputs, "outputs": [{"name": "score", "parameters": {"binary_data": True}}]}
    answer = service.client.post("/v2/models/reggaeton/infer", json=body)
    length = int(answer.headers["Inference-Header-Content-Length"])
    assert answer.headers["content-type"] == "application/octet-stream"
    (output,) = json.loads(answer.content[:length])["outputs"]
    assert output["parameters"]["binary_data_size"] == len(answer.content) - length == 8 * rows
