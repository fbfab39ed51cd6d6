"""What the service answers, for every shipped contract."""

from __future__ import annotations

import json
import subprocess
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.testing import Service, serve
from model.contract import Contract
from model.contracts import find
from model.derived.encoding import encode
from model.derived.request import parse, request_model

pytestmark = pytest.mark.unmeasured  # the service answers in threads of its own, which are measured

README_REQUEST = (
    '{"data": {"popularity": [68], "danceability": [0.826], "energy": [0.704], "key": [9], "loudness": [-7.527], '
    '"mode": [1], "speechiness": [0.117], "acousticness": [0.189], "instrumentalness": [4.8e-05], '
    '"liveness": [0.0617], "valence": [0.741], "tempo": [94.013], "duration": [205000]}}'
)
only_reggaeton = pytest.mark.parametrize("contract", [find("reggaeton").contract], ids=["reggaeton"])

Request = dict[str, dict[str, list[Any]]]


def expected_labels(service: Service, body: Any) -> list[Any]:
    """What the champion itself says."""
    bundle = service.registry.load_champion()
    rows = parse(request_model(bundle.contract), json.dumps(body).encode())
    labels: list[Any] = bundle.predict(encode(bundle.contract, rows.columns)).labels
    return labels


def repeated(example: Request, rows: int) -> Request:
    return {"data": {name: values * rows for name, values in example["data"].items()}}


# ------------------------------------------------------------------------------------------ answers


def test_the_service_greets_with_and_without_a_model(service: Service, empty_service: Service) -> None:
    for one in (service, empty_service):
        answer = one.client.get("/check_service")
        assert answer.status_code == 200
        assert answer.json() == {"Message": "Hello world from service"}


@only_reggaeton
def test_the_request_of_the_readme_is_answered(service: Service) -> None:
    answer = service.predict(README_REQUEST.encode())
    assert answer.status_code == 200
    assert list(answer.json()) == ["prediction"]
    assert answer.json()["prediction"] in (0, 1)
    assert json.loads(README_REQUEST)["data"].keys() == set(find("reggaeton").contract.column_names)


def test_one_row_is_answered_by_one_label(service: Service, example: Request) -> None:
    assert service.predict(example).json() == {"prediction": expected_labels(service, example)[0]}


def test_more_rows_are_answered_by_a_list_in_their_order(service: Service, example: Request) -> None:
    three = repeated(example, 3)
    assert service.predict(three).json() == {"prediction": expected_labels(service, three)}


def test_the_key_may_be_given_and_changes_nothing(service: Service, contract: Contract, example: Request) -> None:
    with_key = {"data": {**example["data"], contract.key.name: [contract.key.example]}}
    assert service.predict(with_key).json() == service.predict(example).json()


def test_predictions_say_which_version_made_them(service: Service, example: Request) -> None:
    champion = service.registry.champion()
    assert service.predict(example).headers["X-Model-Version"] == champion
    assert service.predict({}).headers["X-Model-Version"] == champion


@pytest.mark.parametrize("offered", ["a", "trace-1.2_3", "x" * 64])
@only_reggaeton
def test_a_sane_request_id_is_kept(service: Service, offered: str) -> None:
    answer = service.client.get("/check_service", headers={"X-Request-ID": offered})
    assert answer.headers["X-Request-ID"] == offered


@pytest.mark.parametrize("offered", ["", "x" * 65, "a b", 'a"b', "é", "a/../b"])
@only_reggaeton
def test_any_other_request_id_is_replaced(service: Service, offered: str) -> None:
    answer = service.client.get("/check_service", headers={b"X-Request-ID": offered.encode()})
    assert answer.headers["X-Request-ID"] != offered
    assert len(answer.headers["X-Request-ID"]) == 32


def test_readiness_names_what_is_served(service: Service, contract: Contract) -> None:
    assert service.client.get("/health/live").json() == {"status": "live"}
    assert service.client.get("/health/ready").json() == {
        "status": "ready",
        "contract": contract.name,
        "version": service.registry.champion(),
        "fingerprint": contract.fingerprint,
        "served_by": "compiled",
        "log": "off",
        "refused": None,
    }


def test_without_a_champion_the_answer_says_what_to_run(empty_service: Service) -> None:
    for answer in (empty_service.predict({}), empty_service.client.get("/health/ready")):
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "no_champion"
        assert "python -m model train" in answer.json()["error"]["message"]
        assert "X-Model-Version" not in answer.headers
    assert empty_service.client.get("/health/live").status_code == 200


# ----------------------------------------------------------------------------------------- refusals


def refused_fields(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["code"] == "rows_refused"
    return {field["field"]: field["message"] for field in answer.json()["error"]["fields"]}


def test_a_missing_column_is_named(service: Service, contract: Contract, example: Request) -> None:
    name = contract.column_names[0]
    rest = {column: values for column, values in example["data"].items() if column != name}
    assert list(refused_fields(service.predict({"data": rest}))) == [f"data.{name}"]


def test_an_unknown_column_is_named(service: Service, example: Request) -> None:
    assert list(refused_fields(service.predict({"data": {**example["data"], "nonsense": [1]}}))) == ["data.nonsense"]


@pytest.mark.parametrize("form", ["columns", "row", "records"])
@only_reggaeton
def test_of_a_hundred_thousand_unknown_names_the_first_is_named_in_every_form(service: Service, form: str) -> None:
    names = {f"{number:x}": [1] if form == "columns" else 1 for number in range(80_000)}
    answer = service.predict({"data": [names] if form == "records" else names})
    where = "data[0].0" if form == "records" else "data.0"
    assert refused_fields(answer) == {where: "is not a column of the contract"}


@pytest.mark.parametrize("wrong", [{}, [], True], ids=str)
def test_a_wrong_value_is_named_with_its_row(
    service: Service, contract: Contract, example: Request, wrong: object
) -> None:
    for name in contract.column_names:
        two = repeated(example, 2)
        two["data"][name][1] = wrong
        assert list(refused_fields(service.predict(two))) == [f"data.{name}[1]"]


def test_every_wrong_column_is_named_however_many_of_its_rows_are_wrong(service: Service, contract: Contract) -> None:
    wrong: Request = {"data": {name: [{}] * 100 for name in contract.column_names}}
    named = {field.partition("[")[0] for field in refused_fields(service.predict(wrong))}
    assert named == {f"data.{name}" for name in contract.column_names}


def test_columns_of_unequal_length_are_named(service: Service, contract: Contract, example: Request) -> None:
    if len(contract.columns) < 3:
        pytest.skip("of two columns none is the odd one")
    name = contract.column_names[-1]
    unequal = {"data": {**example["data"], name: example["data"][name] * 2}}
    assert list(refused_fields(service.predict(unequal))) == [f"data.{name}"]


def test_empty_columns_are_refused(service: Service, contract: Contract) -> None:
    empty: Request = {"data": {name: [] for name in contract.column_names}}
    assert set(refused_fields(service.predict(empty))) == {f"data.{name}" for name in contract.column_names}


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_values_that_are_no_finite_numbers_are_refused(
    service: Service, contract: Contract, example: Request, constant: str
) -> None:
    name = contract.column_names[0]
    others = {column: values for column, values in example["data"].items() if column != name}
    body = f'{{"data": {{{json.dumps(name)}: [{constant}], {json.dumps(others)[1:]}}}'
    refused_fields(service.predict(body.encode()))


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b" ", b"{", b"[", b"null", b"1", b'"data"', b"[]", b"{}", b"{'data': {}}", b"\xff\xfe{}", b"\x00" * 100),
        *(b'{"data": null}', b'{"data": []}', b'{"data": {}} {}', b'{"data": {"\xe9": [1]}}', b"[" * 100_000),
    ],
    ids=lambda body: repr(body[:12]),
)
@only_reggaeton
def test_bodies_that_are_no_request_are_refused(service: Service, body: bytes) -> None:
    assert refused_fields(service.predict(body))


@pytest.mark.parametrize("between", [":", " :", "  :", "\n:", "\t: "], ids=repr)
def test_a_column_given_twice_is_refused(service: Service, contract: Contract, example: Request, between: str) -> None:
    name = contract.column_names[0]
    twice = f"{json.dumps(name)}{between}{json.dumps(example['data'][name])}, "
    body = json.dumps(example).replace('{"data": {', f'{{"data": {{{twice}')
    assert "twice" in refused_fields(service.predict(body.encode()))[f"data.{name}"]


@only_reggaeton
def test_a_body_that_says_it_is_too_large_is_refused_unread(artifacts: Path, example: Request) -> None:
    with serve(artifacts, "reggaeton", max_body_bytes=64) as service:
        answer = service.predict(example)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


@only_reggaeton
def test_a_body_that_turns_out_to_be_too_large_is_refused(artifacts: Path) -> None:
    with serve(artifacts, "reggaeton", max_body_bytes=64) as service:
        chunks = iter([b" " * 40] * 3)
        answer = service.client.post("/get_prediction", content=chunks)
        assert "content-length" not in answer.request.headers
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


@only_reggaeton
def test_a_connection_lives_on_after_a_body_that_was_too_large(service: Service, example: Request) -> None:
    assert service.predict(b" " * 3_000_000).status_code == 413
    assert service.predict(example).status_code == 200


@pytest.mark.parametrize(
    "said", ["application/json", "application/json; charset=UTF-8", "application/vnd.x+json", None]
)
@only_reggaeton
def test_json_by_any_name_or_none_is_read(service: Service, example: Request, said: str | None) -> None:
    headers = {} if said is None else {"Content-Type": said}
    answer = service.client.post("/get_prediction", content=json.dumps(example), headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=json"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
    ids=str,
)
@only_reggaeton
def test_a_body_that_says_it_is_something_else_is_refused(
    service: Service, example: Request, headers: dict[str, str]
) -> None:
    answer = service.client.post("/get_prediction", content=json.dumps(example), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")


# --------------------------------------------------------------------------------- behaviour, pages


class HeldUp:
    """A model that answers when it is let go."""

    def __init__(self, scorer: Any) -> None:
        self.scorer = scorer
        self.began = threading.Semaphore(0)
        self.let_go = threading.Event()

    def score(self, rows: Any) -> Any:
        """Wait, then answer."""
        self.began.release()
        self.let_go.wait()
        return self.scorer.score(rows)


@only_reggaeton
def test_health_is_answered_while_the_model_thinks(artifacts: Path, example: Request) -> None:
    with serve(artifacts, "reggaeton") as service:
        predictor = service.app.state.predictor
        bundle = predictor.current.bundle
        held = HeldUp(bundle.scorer)
        predictor.current = replace(predictor.current, bundle=replace(bundle, scorer=held), row_seconds=0.003)
        statuses: list[int] = []
        asked = [example, example, repeated(example, 3), repeated(example, 1000)]
        asking = [
            threading.Thread(target=lambda body=body: statuses.append(service.predict(body).status_code))
            for body in asked
        ]
        for one in asking:
            one.start()
        held.began.acquire()
        assert service.client.get("/health/ready").status_code == 200
        assert statuses == []
        held.let_go.set()
        for one in asking:
            one.join()
        assert statuses == [200] * len(asked)


def test_the_overview_shows_the_model_and_a_command_that_works(
    service: Service, contract: Contract, example: Request
) -> None:
    from html import unescape

    page = service.client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert service.registry.champion() in page.text
    assert contract.name in page.text
    command = unescape(page.text.partition("<pre>")[2].partition("</pre>")[0])
    said = subprocess.run(["sh", "-c", f"{command} --silent --noproxy '*'"], capture_output=True, check=True)
    assert json.loads(said.stdout) == service.predict(example).json()


def test_the_overview_without_a_model_says_what_to_do(empty_service: Service) -> None:
    page = empty_service.client.get("/")
    assert page.status_code == 200
    assert "python -m model train" in page.text


@only_reggaeton
def test_the_overview_escapes_what_it_is_told(service: Service) -> None:
    page = service.client.get("/", headers={"Host": "<script>alert(1)</script>"})
    assert "<script>" not in page.text


@only_reggaeton
def test_every_answer_forbids_foreign_and_inline_scripts(service: Service) -> None:
    for path in ("/", "/docs", "/check_service", "/nothing", "/static/documentation.js"):
        answer = service.client.get(path)
        assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@only_reggaeton
def test_a_log_line_tells_the_request_and_never_its_rows(
    artifacts: Path, example: Request, capsys: pytest.CaptureFixture[str]
) -> None:
    name, written = next(iter(example["data"])), ""
    with serve(artifacts, "reggaeton", log_level="info") as service:
        said = service.predict({"data": {**example["data"], name: ["a-secret-value"]}})
        identity = said.headers["X-Request-ID"]
        while identity not in written:  # the line is written after the answer
            written += capsys.readouterr().out
    (line,) = [line for line in map(json.loads, written.splitlines()) if line.get("request_id") == identity]
    assert line["event"] == "request"
    assert (line["method"], line["path"], line["status"]) == ("POST", "/get_prediction", 422)
    assert line["model_version"] == service.registry.champion()
    assert line["ms"] > 0
    assert "a-secret-value" not in written
