"""Bodies of 100 MB do not stay, nor pass through, the service's memory: with a length, in chunks, slowly, at once."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

from promises import bodies, processes
from promises.promise import Measured, Report
from promises.service import Service, running
from promises.wire import Address, Client, status_of

MEBIBYTE = 1024 * 1024
SIZE, SHORT_SIZE = 100 * MEBIBYTE, 20 * MEBIBYTE
AT_ONCE = 4
HEAD = b"POST /get_prediction HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
SECONDS_OF_SLOWNESS = 3
# Bounded by nginx. What the service alone does with it is said, not judged: it is no body.
NO_BODY = "in a header"


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """How far the memory of the service rose above where it stood, at its worst moment, in MiB."""
    size = SHORT_SIZE if short else SIZE
    grown: dict[str, float] = {}
    answered: dict[str, list[int]] = {}
    with running() as service:
        _warm_up(service)
        for name, send in SENDERS.items():
            if short and name == NO_BODY:
                continue
            before = _resident(service)
            for pid in service.tree():
                processes.forget_peak(pid)
            answered[name] = _at_once(service.address, send, size)
            grown[name] = round((_peak(service) - before) / MEBIBYTE, 1)
            report(f"{name}: {grown[name]} MiB, answered {answered[name]}")
            service.check_alive()
        with Client(service.address) as client:
            healthy = client.ask("GET", "/check_service").status
    detail = {"MiB_by_kind": grown, "statuses": answered, "bytes": size, "at_once": AT_ONCE, "healthy_after": healthy}
    bodies_only = max(mebibytes for name, mebibytes in grown.items() if name != NO_BODY)
    return Measured(bodies_only, "MiB", detail)


def _warm_up(service: Service) -> None:
    """The largest bodies that are allowed: what they need is not growth."""
    contract = bodies.contract_of(service.contract)
    largest = bodies.body(contract, 7000)[:MEBIBYTE]
    with Client(service.address) as client:
        for _ in range(10):
            client.predict(bodies.body(contract, 5000))
            client.predict(largest)


def _resident(service: Service) -> int:
    return sum(map(processes.resident_bytes, service.tree()))


def _peak(service: Service) -> int:
    return sum(map(processes.peak_bytes, service.tree()))


# ------------------------------------------------------------------------------------------- senders

Send = Callable[[socket.socket, int], None]


def _at_once(address: Address, send: Send, size: int) -> list[int]:
    """The statuses that some clients got (0: closed without one) who sent such a body at the same time."""
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(_sent(address, send, size))) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(statuses)


def _sent(address: Address, send: Send, size: int) -> int:
    with socket.create_connection(address, 30) as connection:
        # It may be refused while it is being sent.
        with contextlib.suppress(OSError):
            send(connection, size)
        try:
            return status_of(connection.recv(65536))
        except OSError:
            return 0


def _with_length(connection: socket.socket, size: int) -> None:
    connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % size)
    _pour(connection, b'{"data": {"' + b"a" * 65_536, size)


def _in_chunks(connection: socket.socket, size: int) -> None:
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    _pour(connection, b"10000\r\n" + b"a" * 65_536 + b"\r\n", size)
    connection.sendall(b"0\r\n\r\n")


def _in_one_chunk(connection: socket.socket, size: int) -> None:
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % size)
    _pour(connection, b"[" * 65_536, size)


def _in_a_header(connection: socket.socket, size: int) -> None:
    connection.sendall(HEAD + b"X: ")
    _pour(connection, b"a" * 65_536, size)


def _elsewhere(connection: socket.socket, size: int) -> None:
    connection.sendall(HEAD.replace(b"/get_prediction", b"/check_service") + b"Content-Length: %d\r\n\r\n" % size)
    _pour(connection, b"a" * 65_536, size)


def _slowly(connection: socket.socket, size: int) -> None:
    connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % size)
    for _ in range(SECONDS_OF_SLOWNESS * 10):
        connection.sendall(b"1" * 1000)
        time.sleep(0.1)


def _pour(connection: socket.socket, piece: bytes, size: int) -> None:
    for _ in range(0, size, len(piece)):
        connection.sendall(piece)


SENDERS: dict[str, Send] = {
    "with a length": _with_length,
    "in chunks": _in_chunks,
    "in one chunk": _in_one_chunk,
    NO_BODY: _in_a_header,
    "to another path": _elsewhere,
    "slowly": _slowly,
}
