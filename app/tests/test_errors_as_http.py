"""Every error has one shape, its own code, and says nothing of the inside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from app.errors import ANSWERS, ErrorResponse, answer_for
from app.testing import Service, serve
from model import errors
from model.errors import BundleDamaged, Failure, ModelError, RowsRefused


def every_class(root: type[ModelError]) -> Iterator[type[ModelError]]:
    yield root
    for child in root.__subclasses__():
        yield from every_class(child)


def test_every_error_of_the_model_has_its_answer() -> None:
    assert {kind for kind in every_class(ModelError) if kind.__module__ == errors.__name__} == set(ANSWERS)


def test_every_answer_has_a_code_of_its_own() -> None:
    assert len({answer.code for answer in ANSWERS.values()}) == len(ANSWERS)


def test_what_a_retry_can_mend_is_a_503() -> None:
    assert all(answer.status == 503 for kind, answer in ANSWERS.items() if kind.retryable)


def test_a_class_that_is_not_listed_is_answered_as_its_parent() -> None:
    class Rotten(BundleDamaged):
        pass

    assert answer_for(Rotten()) is ANSWERS[BundleDamaged]
    assert answer_for(OSError()) is ANSWERS[ModelError]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/static/nothing.js", 404, "not_found"),
        ("GET", "/static/..%2fmain.py", 404, "not_found"),
        ("GET", "/check_service/", 404, "not_found"),
        ("GET", "/get_prediction", 405, "method_not_allowed"),
        ("DELETE", "/check_service", 405, "method_not_allowed"),
        ("POST", "/static/documentation.js", 405, "method_not_allowed"),
        ("POST", "/get_prediction", 503, "no_champion"),
        ("GET", "/health/ready", 503, "no_champion"),
    ],
)
def test_every_refusal_has_the_one_shape(
    empty_service: Service, method: str, path: str, status: int, code: str
) -> None:
    answer = empty_service.client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert ErrorResponse.model_validate(answer.json(), extra="forbid").error.code == code
    assert ("allow" in answer.headers) == (status == 405)


def raise_unexpected() -> None:
    raise KeyError("/srv/inside/secret.txt")


def raise_damaged() -> None:
    raise BundleDamaged("/srv/inside/secret.txt is not as it was written")


def raise_refused() -> None:
    raise RowsRefused("rows", [Failure("range", "x" * 10_000, f"data.{'y' * 10_000}")] * 1_000)


def add_broken_routes(app: FastAPI) -> None:
    app.get("/unexpected")(raise_unexpected)
    app.get("/damaged")(raise_damaged)
    app.get("/refused")(raise_refused)


def test_an_unexpected_error_is_a_500_that_the_log_explains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(tmp_path, "reggaeton", add_broken_routes) as service:
        answer = service.client.get("/unexpected", headers={"X-Request-ID": "call-the-operators"})
        assert answer.status_code == 500
        assert ErrorResponse.model_validate(answer.json()).error.code == "internal_error"
        assert answer.headers["X-Request-ID"] == "call-the-operators"
        assert service.client.get("/check_service").status_code == 200
    written = capsys.readouterr().out
    (line,) = [line for line in map(json.loads, written.splitlines()) if line["event"] == "request failed"]
    assert (line["request_id"], line["path"], line["error"]) == ("call-the-operators", "/unexpected", "KeyError")
    assert "raise_unexpected" in line["at"][-1]
    assert "secret" not in answer.text + written


def test_what_is_wrong_inside_is_not_told(tmp_path: Path) -> None:
    with serve(tmp_path, "reggaeton", add_broken_routes) as service:
        answer = service.client.get("/damaged")
        assert answer.status_code == 503
        assert "secret" not in answer.text


def test_an_error_is_bounded_however_much_is_wrong(tmp_path: Path) -> None:
    with serve(tmp_path, "reggaeton", add_broken_routes) as service:
        answer = service.client.get("/refused")
        assert answer.status_code == 422
        assert len(answer.json()["error"]["fields"]) == 50
        assert len(answer.content) < 30_000
