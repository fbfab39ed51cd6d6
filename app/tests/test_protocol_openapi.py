"""The protocols' paths are described in OpenAPI, and answer as it says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate
from protocol_service import speaking

from app.protocols.description import describe
from app.protocols.door import Served
from app.testing import Service
from model.contract import Contract
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
def service_of(bundles: Callable[[str], Path]) -> Iterator[Callable[[str], Service]]:
    """Services that speak every protocol."""
    with speaking(bundles) as started:
        yield started


@pytest.fixture
def service(service_of: Callable[[str], Service]) -> Service:
    """One that serves reggaeton."""
    return service_of("reggaeton")


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


def test_a_contract_s_document_names_its_model_and_shows_requests_that_are_answered(
    service_of: Callable[[str], Service], contract: Contract
) -> None:
    service = service_of(contract.name)
    version = service.registry.champion()
    document = service.client.get("/openapi.json").json()
    describe(document, Served(contract, version))
    validate(document)
    for path, methods in PATHS.items():
        operation = next(iter(document["paths"][path].values()))
        said = {one["name"]: one["schema"] for one in operation.get("parameters", ()) if one["in"] == "path"}
        expected = {"name": {"enum": [contract.name]}, "version": {"enum": [version]}}
        assert said == {name: expected[name] for name in said}
        if methods == ["post"]:
            example = operation["requestBody"]["content"]["application/json"]["example"]
            answer = service.client.post(path.format(name=contract.name, version=version), json=example)
            assert answer.status_code == 200, answer.text


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
