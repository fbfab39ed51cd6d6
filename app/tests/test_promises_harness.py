"""The measurements of benchmarks/promises find what they look for: each is shown a service that breaks its word."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
pytest.importorskip("sklearn", reason="as for test_promises.py")
if not BENCHMARKS.is_dir():
    pytest.skip("needs the checkout: its benchmarks/", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))

from promises import bodies, documents  # noqa: E402 - found only now
from promises.breaches import breaches, good, rendered  # noqa: E402
from promises.command import main, measured_all  # noqa: E402
from promises.load import Load  # noqa: E402
from promises.measures import flush_first  # noqa: E402
from promises.odd_requests import odd_requests  # noqa: E402
from promises.promise import Goal, Measured, NotMeasured, Promise, Report  # noqa: E402
from promises.service import prepared  # noqa: E402
from promises.stored import Ledger  # noqa: E402
from promises.table import PROMISES  # noqa: E402
from promises.trace import calls  # noqa: E402
from promises.wire import Client, prediction  # noqa: E402

from model.derived.request import parse, request_model  # noqa: E402
from model.errors import RowsRefused  # noqa: E402

TRACE = """\
10 1.000000 recvfrom(7, "POST /get_prediction HTTP/1.1\\r\\nX-Request-ID: flush-first-0\\r\\n", 65536) = 60
11 1.100000 fdatasync(9 <unfinished ...>
10 1.200000 read(8, "x", 1) = 1
11 1.300000 <... fdatasync resumed>) = 0
10 1.400000 sendto(7, "HTTP/1.1 200 OK\\r\\nX-Request-ID: flush-first-0\\r\\n") = 40
10 2.000000 recvfrom(7, "POST /get_prediction HTTP/1.1\\r\\nX-Request-ID: flush-first-1\\r\\n", 65536) = 60
11 2.100000 fdatasync(9 <unfinished ...>
10 2.200000 sendto(7, "HTTP/1.1 200 OK\\r\\nX-Request-ID: flush-first-1\\r\\n") = 40
11 2.300000 <... fdatasync resumed>) = 0
11 3.000000 fdatasync(9) = 0
10 3.100000 recvfrom(7, "POST /get_prediction HTTP/1.1\\r\\nX-Request-ID: flush-first-2\\r\\n", 65536) = 60
10 3.200000 sendto(7, "HTTP/1.1 200 OK\\r\\nX-Request-ID: flush-first-2\\r\\n") = 40
10 4.000000 recvfrom(7, "POST /get_prediction HTTP/1.1\\r\\nX-Request-ID: flush-first-3\\r\\n", 65536) = 60
11 4.100000 fdatasync(9) = -1 EIO (Input/output error)
10 4.200000 sendto(7, "HTTP/1.1 200 OK\\r\\nX-Request-ID: flush-first-3\\r\\n") = 40
10 5.000000 recvfrom(7, "POST /get_prediction HTTP/1.1\\r\\nX-Request-ID: flush-first-4\\r\\n", 65536) = 60
10 5.100000 io_submit(0x7f5, 1, [{aio_data=0x7e1, aio_lio_opcode=IOCB_CMD_FDSYNC, aio_fildes=9}]) = 1
10 5.200000 io_getevents(0x7f5, 0, 512, [{data=0x7e1, obj=0x7e8, res=0, res2=0}], {tv_sec=0, tv_nsec=0}) = 1
10 5.300000 sendto(7, "HTTP/1.1 200 OK\\r\\nX-Request-ID: flush-first-4\\r\\n") = 40
10 6.000000 recvfrom(7, "POST /get_prediction HTTP/1.1\\r\\nX-Request-ID: flush-first-5\\r\\n", 65536) = 60
10 6.100000 io_submit(0x7f5, 1, [{aio_data=0x7e1, aio_lio_opcode=IOCB_CMD_FDSYNC, aio_fildes=9}]) = 1
10 6.200000 io_getevents(0x7f5, 0, 512, [{data=0x7e1, obj=0x7e8, res=-5, res2=0}], {tv_sec=0, tv_nsec=0}) = 1
10 6.300000 sendto(7, "HTTP/1.1 200 OK\\r\\nX-Request-ID: flush-first-5\\r\\n") = 40
10 7.000000 io_submit(0x7f5, 1, [{aio_data=0x7e1, aio_lio_opcode=IOCB_CMD_FDSYNC, aio_fildes=9}]) = 1
10 7.100000 recvfrom(7, "POST /get_prediction HTTP/1.1\\r\\nX-Request-ID: flush-first-6\\r\\n", 65536) = 60
10 7.200000 io_getevents(0x7f5, 0, 512, [{data=0x7e1, obj=0x7e8, res=0, res2=0}], {tv_sec=0, tv_nsec=0}) = 1
10 7.300000 sendto(7, "HTTP/1.1 200 OK\\r\\nX-Request-ID: flush-first-6\\r\\n") = 40
"""


def test_a_service_that_keeps_its_bytecode_has_compiled_what_it_imports_when_it_answers() -> None:
    with prepared() as service:
        service.keep_bytecode()
        service.start()
        compiled = {path.name.partition(".")[0] for path in (service.folder / "bytecode").rglob("*.pyc")}
    assert {"command", "wire", "applications"} <= compiled


def test_an_answer_that_leaves_before_its_flush_has_ended_is_found(tmp_path: Path) -> None:
    log = tmp_path / "trace"
    log.write_text(TRACE)
    judged = flush_first.judge(calls(log))
    early = [f"flush-first-{number}" for number in (1, 2, 3, 5, 6)]
    assert judged == {"sent": 7, "flushes": 5, "without_flush": early}


def test_a_ledger_finds_what_is_lost_twice_or_otherwise() -> None:
    ledger = Ledger()
    for identity, key in (("a", "k1"), ("b", "k2"), ("c", "k3"), ("d", "k4")):
        ledger.acknowledge(identity, key, 1)
    for identity, key, label in (("a", "k1", 1), ("b", "k2", 1), ("b", "k2", 1), ("c", "k3", 0), ("other", "k9", 1)):
        ledger.take({"id": identity, "labels": [label], "request": {"data": {"id_new": [key]}}})
    assert ledger.lost() == ["d"]
    assert ledger.twice() == ["b"]
    assert len(ledger.different) == 1
    assert ledger.wrong() == 3


def test_an_answer_without_a_prediction_id_cannot_be_acknowledged() -> None:
    with pytest.raises(ValueError, match="no prediction id"):
        Ledger().acknowledge("", "k1", 1)


@pytest.mark.parametrize("name", ["reggaeton", "wine", "diabetes"])
def test_every_breach_breaks_the_contract_and_what_it_was_made_from_does_not(name: str) -> None:
    contract = bodies.contract_of(name)
    model = request_model(contract)
    assert parse(model, rendered(good(contract))).count == 1
    assert parse(model, bodies.body(contract, 3)).count == 3
    found = list(breaches(contract))
    assert len({breach.name for breach in found}) == len(found) > 500
    for breach in found:
        with pytest.raises(RowsRefused):
            parse(model, breach.body)


def test_there_are_more_than_a_hundred_odd_requests_of_different_names_and_bytes() -> None:
    odd = list(odd_requests(b"{}"))
    assert len({name for name, _ in odd}) == len(odd) > 100
    assert len({raw for _, raw in odd}) > 100


@contextmanager
def answering(answers: dict[bytes, bytes]) -> Iterator[tuple[str, int]]:
    """A server of one connection at a time that answers by the first word of a body; it closes where there is none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        enough = threading.Event()

        def serve() -> None:
            while not enough.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(5)
                    while received := connection.recv(65536):
                        said = answers.get(received.rpartition(b"\r\n\r\n")[2])
                        if said is None:
                            break
                        connection.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            host, port = server.getsockname()
            yield str(host), int(port)
        finally:
            enough.set()
            thread.join()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Prediction-ID: abc\r\n\r\nok"
CHUNKED = b"HTTP/1.1 422 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"


def test_a_client_reads_answers_of_known_length_in_chunks_and_none() -> None:
    with answering({b"a": OK, b"b": CHUNKED}) as address, Client(address, 5) as client:
        first = client.predict(b"a")
        assert (first.status, first.body, first.header("X-Prediction-ID")) == (200, b"ok", "abc")
        assert client.predict(b"b").status == 422
        assert client.predict(b"c").status == 0
        assert client.predict(b"a").status == 200


@pytest.mark.parametrize("kind", ["closed", "open"])
def test_a_load_notes_every_request_also_those_that_are_never_answered(kind: str) -> None:
    bodies_ = [b"a", b"b", b"c"]
    seen: list[int] = []
    with answering({b"a": OK, b"b": CHUNKED}) as address:
        load = Load(address, lambda number: prediction(bodies_[number % 3]), lambda number, _, __: seen.append(number))
        outcomes = load.closed(1, count=30) if kind == "closed" else load.open(60, 0.5, 5)
    statuses = {outcome.number: outcome.status for outcome in outcomes}
    assert statuses == {number: (200, 422, 0)[number % 3] for number in range(30)}
    assert seen == [number for number in range(30) if number % 3 == 0] or sorted(seen) == list(range(0, 30, 3))


def made(name: str, value: float, goal: Goal, problem: Exception | None = None) -> Promise:
    """A promise of a number."""

    def measure(_: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
        report("measures")
        if problem:
            raise problem
        return Measured(value, goal.unit, {"said": name})

    return Promise(name, f"the sentence of {name}", goal, measure)


def test_a_run_holds_only_when_every_goal_is_met_and_everything_was_measured() -> None:
    fine, bad = made("fine", 3, Goal("<=", 5, "ms")), made("bad", 94.9, Goal(">=", 95, "%"))
    missing = made("missing", 0, Goal("=", 0), NotMeasured("strace is not installed"))
    broken = made("broken", 0, Goal("=", 0), RuntimeError("the service ended"))
    assert measured_all([fine], short=True)["holds"]
    for promise in (bad, missing, broken):
        document = measured_all([fine, promise], short=True)
        assert [row["holds"] for row in document["promises"]] == [True, False]
        assert not document["holds"]
        assert "DOES NOT" not in documents.as_page(document)
        assert "NO" in documents.as_text(document)
    assert "strace is not installed" in documents.as_text(measured_all([missing], short=True))


def test_a_number_in_another_unit_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="promised in 'ms'"):
        Goal("<=", 5, "ms").met_by(Measured(3, "s"))


def test_promises_have_names_of_their_own_and_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    names = [promise.name for promise in PROMISES]
    assert len(set(names)) == len(names)
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == names


def test_a_name_that_no_promise_has_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--only", "fuzz,nonsense"])
    assert "no such promise: nonsense" in capsys.readouterr().err


@pytest.mark.skipif(not documents.RESULTS.exists(), reason="nothing has been measured yet")
def test_the_page_shows_the_results_of_the_last_run_of_all_promises() -> None:
    document = json.loads(documents.RESULTS.read_text())
    assert documents.PAGE.read_text() == documents.as_page(document)
    assert [row["name"] for row in document["promises"]] == [promise.name for promise in PROMISES]
