"""A contender's server: started on its core, asked until it answers rightly, and stopped whatever happens."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from benchmarks.serving import machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.serving.contender import Contender, Place

SECONDS_TO_START = 90
SECONDS_TO_STOP = 8
SECONDS_TO_ANSWER = 30
SECONDS_TO_SETTLE = 10
AT_ONCE_SECONDS = 0.1
QUIET = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_DO_NOT_TRACK": "True",
    "OTEL_SDK_DISABLED": "true",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONWARNINGS": "ignore",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class DoesNotServe(Exception):
    """A server does not start, or answers wrongly; the message says which, and its last words."""


@contextmanager
def serving(contender: Contender, place: Place, core: int) -> Iterator[int]:
    """The contender's server, answering rightly; yields the process that leads it. Raises DoesNotServe."""
    place.folder.mkdir(parents=True, exist_ok=True)
    log = place.folder / "log"
    _wait_until_free(place.port)
    environment = {**os.environ, **QUIET, **contender.environment(place)}
    with log.open("wb") as written, machine.pinned(core):
        contender.prepare(place, environment)
        process = subprocess.Popen(
            contender.command(place),
            cwd=place.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    try:
        _wait(contender, place, process)
        yield process.pid
    except DoesNotServe as error:
        last = log.read_text(errors="replace")[-1500:]
        raise DoesNotServe(f"{contender.name}: {error}\n{last}") from None
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, then kill what is left of its processes."""
    known = {one.pid for one in machine.tree(process.pid)}
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(SECONDS_TO_STOP)
    alive = {one.pid for one in machine.processes()}
    for pid in known & alive | {one.pid for one in machine.tree(process.pid)}:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _wait_until_free(port: int) -> None:
    """A killed server's socket may outlive it by a moment. Raises DoesNotServe when it is somebody else's."""
    deadline = time.monotonic() + SECONDS_TO_STOP
    while _listens(port):
        if time.monotonic() > deadline:
            raise DoesNotServe(f"port {port} is in use: stop what listens there, or choose another --port")
        time.sleep(0.1)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait(contender: Contender, place: Place, process: subprocess.Popen[bytes]) -> None:
    """Until one row is answered with 200."""
    deadline = time.monotonic() + SECONDS_TO_START
    said: object = "nothing"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DoesNotServe(f"it ended with status {process.returncode}")
        try:
            status, said = ask(place.port, contender.shape.path, contender.body(place, 1))
        except (OSError, http.client.HTTPException) as error:
            said = error
        else:
            if status == http.HTTPStatus.OK:
                return
        time.sleep(0.1)
    raise DoesNotServe(f"no answer in {SECONDS_TO_START} s, at last {said!r}")


def settle(contender: Contender, place: Place) -> None:
    """Wait until what an overload has left in its queues is worked off: one row is answered at once."""
    deadline = time.monotonic() + SECONDS_TO_SETTLE
    while (began := time.monotonic()) < deadline:
        with suppress(OSError, http.client.HTTPException):
            ask(place.port, contender.shape.path, contender.body(place, 1))
            if time.monotonic() - began < AT_ONCE_SECONDS:
                return


def ask(port: int, path: str, body: bytes) -> tuple[int, bytes]:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_TO_ANSWER)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def check(contender: Contender, place: Place, rows: int) -> None:
    """Every label of an answer for `rows` rows is right. Raises DoesNotServe."""
    status, said = ask(place.port, contender.shape.path, contender.body(place, rows))
    labels: Any = None
    with suppress(ValueError, KeyError, TypeError, IndexError):
        labels = contender.shape.labels(json.loads(said))
    expected = contender.expected(place, rows)
    if status != http.HTTPStatus.OK or labels != expected:
        raise DoesNotServe(f"{rows} rows are answered wrongly: status {status}, {said[:300]!r}, not {expected[:5]}")
