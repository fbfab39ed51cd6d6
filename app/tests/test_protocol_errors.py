"""Under /v2 an error is a text, as the protocol has it, made of the platform's own error; elsewhere nothing changes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from app.protocols.v2.errors import MOST_CHARACTERS, as_text, flattened
from app.testing import Service, serve
from model.errors import BundleDamaged, Failure, RowsRefused


def fail() -> None:
    raise KeyError("/srv/inside/secret.txt")


def refuse() -> None:
    raise RowsRefused("rows", [Failure("range", f"message {place}", f"data.c{place}") for place in range(60)])


def damaged() -> None:
    raise BundleDamaged("secret")


def prepare(app: FastAPI) -> None:
    for path, route in {"fail": fail, "refuse": refuse, "damaged": damaged}.items():
        app.get(f"/v2/{path}")(route)
        app.get(f"/{path}")(route)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service without a model, that speaks every protocol."""
    with serve(tmp_path_factory.mktemp("empty"), "reggaeton", prepare, log_level="error") as started:
        yield started


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("fail", 500, "internal_error"),
        ("refuse", 422, "rows_refused"),
        ("damaged", 503, "bundle_damaged"),
        ("nothing", 404, "not_found"),
    ],
)
def test_an_error_is_the_platform_s_in_the_protocol_s_words(
    service: Service, path: str, status: int, code: str
) -> None:
    ours, theirs = service.client.get(f"/{path}"), service.client.get(f"/v2/{path}")
    assert (ours.status_code, theirs.status_code) == (status, status)
    error, flat = ours.json()["error"], theirs.json()
    assert list(flat) == ["error", "code", "fields"]
    assert (flat["code"], flat["fields"]) == (error["code"], error["fields"]) == (code, error["fields"])
    assert flat["error"].startswith(error["message"])
    assert "secret" not in theirs.text
    assert theirs.headers["X-Content-Type-Options"] == "nosniff"
    assert len(theirs.headers["X-Request-ID"]) == 32


def test_without_a_model_the_server_lives_and_is_not_ready(service: Service) -> None:
    assert service.client.get("/v2/health/live").json() == {"live": True}
    for path in ("/v2/health/ready", "/v2/models/reggaeton", "/v2/models/reggaeton/ready"):
        answer = service.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "no_champion")
        assert "python -m model train" in answer.json()["error"]
    assert service.client.post("/v2/models/reggaeton/infer", content=b"{}").status_code == 503


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/ping"), ("GET", "/health"), ("GET", "/version"), ("POST", "/invocations")]
)
def test_mlflow_s_paths_keep_the_one_shape(service: Service, method: str, path: str) -> None:
    answer = service.client.request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "no_champion")


def test_the_server_is_described_without_a_model(service: Service) -> None:
    assert service.client.get("/v2").json() == {
        "name": "infra-mlops",
        "version": service.client.get("/v2").json()["version"],
        "extensions": ["binary_tensor_data"],
    }


def test_the_text_shows_the_first_fields_and_says_how_many_more() -> None:
    fields = [{"field": f"data.c{place}", "message": "is wrong"} for place in range(7)]
    shown = "; ".join(f"data.c{place}: is wrong" for place in range(5))
    assert as_text({"message": "refused", "fields": fields}) == f"refused; {shown}; and 2 more"
    assert as_text({"message": "refused", "fields": []}) == "refused"
    long = as_text({"message": "m", "fields": [{"field": "f", "message": "x" * 5_000}]})
    assert len(long) == MOST_CHARACTERS


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"error": "text"}', b'{"error": {"code": "x"}}'])
def test_what_is_not_the_platform_s_error_is_left_as_it_is(body: bytes) -> None:
    assert flattened(body) == body


def test_an_error_that_is_flattened_is_json() -> None:
    whole = {"error": {"code": "c", "message": "m", "fields": [{"field": "f", "message": "é"}]}}
    flat = json.loads(flattened(json.dumps(whole).encode()))
    assert flat == {"error": "m; f: é", "code": "c", "fields": [{"field": "f", "message": "é"}]}
