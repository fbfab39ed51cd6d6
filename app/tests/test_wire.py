"""The hot path on real sockets: what it answers, what it leaves to the application, and what it refuses to read."""

from __future__ import annotations

import json
import re
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.errors import HEADERS_TOO_LARGE, OVERLOADED
from app.serving import Serving
from app.testing import Service, serve
from app.wire import MOST_HEAD_BYTES
from model.contract import Contract
from model.contracts import find

only_reggaeton = pytest.mark.parametrize("contract", [find("reggaeton").contract], ids=["reggaeton"])
HEX = re.compile(r"[0-9a-f]{32}")

Example = dict[str, dict[str, list[Any]]]


def connected(service: Service) -> socket.socket:
    url = service.client.base_url
    return socket.create_connection((url.host, url.port), timeout=30)


def request_of(body: bytes, *headers: str, version: str = "1.1", path: str = "/get_prediction") -> bytes:
    lines = [f"POST {path} HTTP/{version}", "Host: a", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answers(connection: socket.socket, count: int = 1) -> list[tuple[int, dict[str, str], Any]]:
    """The next answers on a connection: status, headers, JSON."""
    file = connection.makefile("rb")
    found = []
    for _ in range(count):
        status = int(file.readline().split()[1])
        headers = {}
        while line := file.readline().strip():
            name, _, value = line.decode().partition(": ")
            headers[name.lower()] = value
        found.append((status, headers, json.loads(file.read(int(headers["content-length"])))))
    return found


@pytest.fixture
def wire(service: Service) -> Iterator[socket.socket]:
    """A connection to the service."""
    with connected(service) as connection:
        yield connection


def as_bytes(example: Example) -> bytes:
    return json.dumps(example).encode()


# ------------------------------------------------------------------------------------- what it answers


def test_the_wire_and_the_application_give_the_same_answer(wire: socket.socket, example: Example) -> None:
    body = as_bytes(example)
    wire.sendall(request_of(body) + request_of(body, "Content-Encoding: identity"))
    (status, headers, answer), (other_status, other_headers, other) = answers(wire, 2)
    assert (status, answer) == (other_status, other)
    assert status == 200
    assert set(headers) == set(other_headers)
    kept = {"x-prediction-id", "x-request-id", "date"}
    assert {name: headers[name] for name in headers if name not in kept} == {
        name: other_headers[name] for name in other_headers if name not in kept
    }


def test_each_prediction_has_an_id_of_its_own(wire: socket.socket, example: Example) -> None:
    wire.sendall(request_of(as_bytes(example)) * 3)
    told = [headers for _, headers, _ in answers(wire, 3)]
    assert all(HEX.fullmatch(headers["x-prediction-id"]) for headers in told)
    assert len({headers["x-prediction-id"] for headers in told}) == 3


def test_the_callers_request_id_comes_back_and_a_strange_one_does_not(wire: socket.socket, example: Example) -> None:
    body = as_bytes(example)
    for offered, kept in (("job-1.a_b", True), ("a b", False), ("x" * 65, False)):
        wire.sendall(request_of(body, f"X-Request-ID: {offered}"))
        ((_, headers, _),) = answers(wire)
        assert (headers["x-request-id"] == offered) is kept


def test_a_request_that_comes_byte_by_byte_is_answered(wire: socket.socket, example: Example) -> None:
    for byte in request_of(as_bytes(example)):
        wire.send(bytes([byte]))
    assert answers(wire)[0][0] == 200


def test_requests_sent_together_are_answered_in_their_order(wire: socket.socket, example: Example) -> None:
    good, bad = as_bytes(example), b'{"data": {}}'
    bodies = [good, bad, good, good, bad]
    wire.sendall(b"".join(map(request_of, bodies)))
    assert [status for status, _, _ in answers(wire, len(bodies))] == [200, 422, 200, 200, 422]


@only_reggaeton
def test_a_client_that_reads_late_gets_every_answer(wire: socket.socket, example: Example) -> None:
    count = 3_000  # more answers than the buffers between the two hold
    sending = threading.Thread(target=wire.sendall, args=(request_of(as_bytes(example)) * count,))
    sending.start()
    sending.join(0.5)
    assert {status for status, _, _ in answers(wire, count)} == {200}
    sending.join()


@pytest.mark.parametrize(("version", "said"), [("1.0", ()), ("1.1", ("Connection: close",))])
def test_a_connection_that_shall_close_closes(
    wire: socket.socket, example: Example, version: str, said: tuple[str, ...]
) -> None:
    wire.sendall(request_of(as_bytes(example), *said, version=version))
    ((status, headers, _),) = answers(wire)
    assert (status, headers["connection"]) == (200, "close")
    assert wire.recv(1) == b""


def test_many_connections_at_once_get_each_their_own_answer(service: Service, example: Example) -> None:
    bundle = service.registry.load_champion()
    column = next(column for column in bundle.contract.features if getattr(column, "minimum", None) is not None)
    values = [column.minimum + step for step in range(2)]  # type: ignore[union-attr]
    bodies = [as_bytes({"data": {**example["data"], column.name: [value]}}) for value in values]
    alone = [service.predict(body).json() for body in bodies]

    def ask(place: int, wrong: list[Any]) -> None:
        with connected(service) as connection:
            for _ in range(20):
                connection.sendall(request_of(bodies[place % 2]))
                wrong += [answer for _, _, answer in answers(connection) if answer != alone[place % 2]]

    wrong: list[Any] = []
    asking = [threading.Thread(target=ask, args=(place, wrong)) for place in range(16)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    assert wrong == []


# ------------------------------------------------------------------------------------- what it refuses


@only_reggaeton
def test_too_much_under_way_is_refused_at_once_and_what_was_taken_is_answered(
    artifacts: Path, example: Example
) -> None:
    with serve(artifacts, "reggaeton", max_in_flight=2) as service:
        predictor = service.app.state.predictor
        let_go = threading.Event()

        class Held:
            def score(self, rows: Any) -> Any:
                let_go.wait()
                return bundle.scorer.score(rows)

        bundle = predictor.current.bundle
        predictor.current = replace(predictor.current, bundle=replace(bundle, scorer=Held()), row_seconds=0.003)
        held = [connected(service) for _ in range(2)]
        for connection in held:
            connection.sendall(request_of(as_bytes(example)))
        with connected(service) as late:
            while True:  # until the two have arrived
                late.sendall(request_of(as_bytes(example)))
                ((status, headers, answer),) = answers(late)
                if status != 200:
                    break
            late.sendall(request_of(as_bytes(example), "Content-Encoding: identity"))
            ((other_status, _, other),) = answers(late)
        assert (status, answer["error"]["code"]) == (OVERLOADED.status, OVERLOADED.code)
        assert (other_status, other) == (status, answer)
        assert headers["retry-after"] == "1"
        assert service.client.get("/health/ready").status_code == 200
        let_go.set()
        for connection in held:
            assert answers(connection)[0][0] == 200
            connection.close()


@only_reggaeton
def test_a_head_without_end_is_refused(wire: socket.socket) -> None:
    wire.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: ")
    wire.sendall(b"x" * (MOST_HEAD_BYTES - 1024))
    while not select.select([wire], [], [], 0.1)[0]:
        wire.sendall(b"x" * 1024)
    ((status, headers, answer),) = answers(wire)
    assert (status, answer["error"]["code"]) == (HEADERS_TOO_LARGE.status, HEADERS_TOO_LARGE.code)
    assert headers["connection"] == "close"


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\0"])
@only_reggaeton
def test_what_is_no_http_gets_the_one_shape_of_errors(service: Service, said: bytes) -> None:
    with connected(service) as connection:
        connection.sendall(said)
        ((status, _, answer),) = answers(connection)
    assert (status, answer["error"]["code"]) == (400, "bad_request")


@only_reggaeton
def test_a_client_that_leaves_in_the_middle_disturbs_nobody(service: Service, example: Example) -> None:
    for sent in (10, 80, -5, None):
        with connected(service) as leaving:
            leaving.sendall(request_of(as_bytes(example))[:sent])
    assert service.predict(example).status_code == 200


class Broken:
    """A model that has no answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def score(self, rows: Any) -> Any:
        """Fail, or say what cannot be."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return rows[:, :2] * self.answer


@pytest.mark.parametrize("wrong", [RuntimeError("secret"), float("nan")], ids=["an exception", "NaN"])
@only_reggaeton
def test_a_model_without_an_answer_is_told_and_nothing_of_the_inside(
    artifacts: Path, example: Example, wrong: Any
) -> None:
    several = {"data": {name: values * 3 for name, values in example["data"].items()}}
    with serve(artifacts, "reggaeton", log_level="error") as service:
        predictor = service.app.state.predictor
        sound = predictor.current
        for row_seconds in (0.0, 0.003):
            broken = replace(sound.bundle, scorer=Broken(wrong))
            predictor.current = replace(sound, bundle=broken, row_seconds=row_seconds)
            for body in (example, several):
                answer = service.predict(body)
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "bundle_error")
                assert "secret" not in answer.text
        predictor.current = sound
        assert service.predict(example).status_code == 200


def test_rows_of_two_models_are_never_scored_together(artifacts: Path, contract: Contract, example: Example) -> None:
    with serve(artifacts, contract.name) as service:
        predictor = service.app.state.predictor
        first, second = (
            replace(predictor.current, row_seconds=seconds, answer=predictor.current.answer) for seconds in (0.0, 0.003)
        )
        statuses = []
        with connected(service) as one, connected(service) as two:
            for serving in (first, second) * 5:
                predictor.current = serving
                one.sendall(request_of(as_bytes(example)))
                predictor.current = second if serving is first else first
                two.sendall(request_of(as_bytes(example)))
                statuses += [answers(one)[0][0], answers(two)[0][0]]
        assert statuses == [200] * 20


def test_a_row_is_priced_by_rows_of_the_training_data(service: Service) -> None:
    asked: list[Any] = []

    class Kept:
        def score(self, rows: Any) -> Any:
            asked.append(rows)
            return bundle.scorer.score(rows)

    bundle = service.app.state.predictor.current.bundle
    priced = Serving.of(replace(bundle, scorer=Kept()))
    selftest = json.loads((bundle.folder / "selftest.json").read_bytes())
    for rows in asked:
        np.testing.assert_array_equal(rows, np.array(selftest["rows"], dtype=np.float64))
    assert asked
    assert priced.row_seconds > 0
