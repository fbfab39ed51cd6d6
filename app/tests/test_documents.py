"""The OpenAPI document says what the contract says, and /docs shows it without the internet."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.main import STATIC
from app.testing import Service
from model.contract import Category, Column, Contract, Integer, Number, Timestamp
from model.contracts import find

GOLDEN = Path(__file__).parent / "openapi_reggaeton.json"
SWAGGER = STATIC / "swagger-ui"
Schema = dict[str, Any]

only_reggaeton = pytest.mark.parametrize("contract", [find("reggaeton").contract], ids=["reggaeton"])


def document_of(service: Service) -> Schema:
    answer = service.client.get("/openapi.json")
    assert answer.status_code == 200
    document: Schema = answer.json()
    return document


def request_columns(document: Schema) -> dict[str, Schema]:
    schemas = document["components"]["schemas"]
    name = schemas["PredictionRequest"]["properties"]["data"]["$ref"].rpartition("/")[2]
    columns: dict[str, Schema] = schemas[name]["properties"]
    return columns


def branches(values: Schema) -> list[Schema]:
    found: list[Schema] = values.get("anyOf", [values])
    return found


def states(column: Column, values: Schema) -> bool:
    """Whether a schema of one value states the column's limits."""
    nullable = {"type": "null"} in branches(values)
    stated = next(branch for branch in branches(values) if branch != {"type": "null"})
    match column:
        case Number() | Integer():
            low, high = stated.get("minimum"), stated.get("maximum")
            limits = all(
                said is None or found == said for said, found in ((column.minimum, low), (column.maximum, high))
            )
        case Category():
            limits = tuple(stated.get("enum", [stated.get("const")])) == column.values
        case Timestamp():
            limits = stated["format"] == "date-time"
    return limits and nullable == column.nullable


def test_every_column_is_documented_with_its_limits_and_its_example(service: Service, contract: Contract) -> None:
    columns = request_columns(document_of(service))
    assert set(columns) == {*contract.column_names, contract.key.name}
    for column in contract.columns:
        assert states(column, columns[column.name]["items"]), column
        assert column.description in columns[column.name]["description"]
        if column.example is not None and not isinstance(column, Timestamp):
            assert columns[column.name]["examples"] == [[column.example]]


def test_the_documented_example_is_answered(service: Service) -> None:
    body = document_of(service)["paths"]["/get_prediction"]["post"]["requestBody"]
    assert service.predict(body["content"]["application/json"]["example"]).status_code == 200


def test_the_document_follows_the_champion(own_service: Service, contract: Contract) -> None:
    service = own_service
    before = document_of(service)["info"]
    assert before["version"] == service.registry.champion()
    assert before["x-contract-fingerprint"] == contract.fingerprint
    other = next(version for version in service.registry.versions() if version != before["version"])
    service.registry.promote(other, who="test", why="the document follows")
    service.until(lambda said: said["version"] == other)
    assert document_of(service)["info"]["version"] == other


def test_the_document_is_valid_openapi(service: Service, empty_service: Service) -> None:
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(document_of(service))
    validator.validate(document_of(empty_service))


def test_without_a_champion_the_document_tells_the_general_shape(empty_service: Service) -> None:
    document = document_of(empty_service)
    assert "data" in document["components"]["schemas"]["PredictionRequest"]["properties"]
    assert "No model is served yet" in document["info"]["description"]


def test_every_response_field_is_required(service: Service) -> None:
    schemas = document_of(service)["components"]["schemas"]
    answers = ("Greeting", "Live", "Ready", "Error", "ErrorResponse", "WrongField", "PredictionResponse")
    for name in answers:
        assert set(schemas[name]["required"]) == set(schemas[name]["properties"]), name


@only_reggaeton
def test_the_document_is_the_reviewed_one(service: Service) -> None:
    """After a change that is meant: UPDATE_GOLDEN=1 pytest app/tests/test_documents.py, and review the difference."""
    said = json.dumps(document_of(service)).replace(service.registry.champion(), "VERSION")
    document = json.loads(said)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    assert document == json.loads(GOLDEN.read_text())


# ---------------------------------------------------------------------------------------------- /docs


@pytest.mark.parametrize("path", ["/docs", "/"])
@only_reggaeton
def test_pages_name_only_files_that_the_service_has(service: Service, path: str) -> None:
    types = {"css": "text/css", "js": "javascript", "svg": "image/svg+xml", "json": "application/json"}
    page = service.client.get(path).text
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert named
    for name in named:
        assert re.fullmatch(r"[a-z][a-z/._-]*", name), name
        file = service.client.get(f"/{name}")
        assert file.status_code == 200, name
        expected = types.get(name.rpartition(".")[2])
        assert expected is None or expected in file.headers["content-type"], name


@pytest.mark.parametrize("path", ["/docs", "/"])
@only_reggaeton
def test_pages_hold_no_inline_script_or_style(service: Service, path: str) -> None:
    page = service.client.get(path).text
    assert not re.search(r"<script(?![^>]* src=)|<style|\bstyle=|\bon[a-z]+=|javascript:", page)


def test_the_vendored_files_are_the_published_ones() -> None:
    listed = re.findall(r"^ +([0-9a-f]{64})  (\S+)$", (SWAGGER / "NOTICE").read_text(), re.MULTILINE)
    assert {name for _, name in listed} == {"swagger-ui.css", "swagger-ui-bundle.js"}
    for digest, name in listed:
        assert hashlib.sha256((SWAGGER / name).read_bytes()).hexdigest() == digest


@pytest.mark.services
@only_reggaeton
def test_a_browser_shows_the_documentation_within_the_policy(service: Service, tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail("REQUIRE_SERVICES=1 and there is no chromium")
        pytest.skip("needs chromium")
    quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    options = [
        *quiet.split(),
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path / 'browser'}",
    ]
    address = str(service.client.base_url.join("/docs"))
    shown = subprocess.run(
        [browser, *options, "--enable-logging=stderr", "--virtual-time-budget=10000", "--dump-dom", address],
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'id="operations-prediction-get_prediction"' in shown.stdout
    assert "danceability" in shown.stdout
    assert "Content Security Policy" not in shown.stderr
