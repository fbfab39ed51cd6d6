"""Three thousand clients that send a byte a second keep nobody else from being answered."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

from promises import bodies, machine
from promises.front import front
from promises.promise import Measured, Report
from promises.service import running
from promises.spread import spread
from promises.wire import Address, Client

SOCKETS, SHORT_SOCKETS = 3000, 300
ASKED, SHORT_ASKED = 60, 10
TIME_OUT_SECONDS = 5
SLOW = (
    b"POST /get_prediction HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n"
    + b"[" * 900
)


def measure(short: bool, report: Report) -> Measured:  # noqa: FBT001 - the signature of all promises
    """Count the health checks and predictions, each on a connection of its own, that got no 200 within five seconds."""
    count, asked = (SHORT_SOCKETS, SHORT_ASKED) if short else (SOCKETS, ASKED)
    machine.allow_many_sockets(2 * count)
    with running() as service, front(service) as published:
        with slow_clients(published, count) as slow:
            statuses, took = _ask(published, asked)
            slow.report()
            report(f"through nginx: {statuses.count(200)} of {len(statuses)} answered, {slow.open} sockets open")
        with slow_clients(service.address, count) as alone:
            statuses_alone, took_alone = _ask(service.address, asked)
            alone.report()
            report(f"the service alone: {statuses_alone.count(200)} of {len(statuses_alone)} answered")
    detail = {
        "sockets": count,
        "opened": slow.opened,
        "asked": len(statuses),
        "ms": spread(took),
        "service_alone": {
            "unanswered": len(statuses_alone) - statuses_alone.count(200),
            "ms": spread(took_alone),
        },
    }
    return Measured(len(statuses) - statuses.count(200), detail=detail)


class SlowClients(threading.Thread):
    """Sockets on which one more byte of a request is sent every second; those that are closed are opened again."""

    def __init__(self, address: Address, count: int) -> None:
        """Nothing is opened yet."""
        super().__init__(daemon=True)
        self.address, self.count = address, count
        self.sockets: list[tuple[socket.socket, int]] = []
        self.enough, self.full = threading.Event(), threading.Event()
        self.opened = self.open = 0

    def run(self) -> None:
        """Go round once a second."""
        while not self.enough.is_set():
            began = time.monotonic()
            self.sockets = [kept for line in self.sockets if (kept := _one_byte_more(*line))]
            while len(self.sockets) < self.count and not self.enough.is_set():
                self.sockets.append((self._opened(), 0))
            self.full.set()
            self.enough.wait(max(1 - (time.monotonic() - began), 0))

    def _opened(self) -> socket.socket:
        connection = socket.socket()
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            connection.connect(self.address)
        self.opened += 1
        return connection

    def report(self) -> None:
        """Count the sockets that are open."""
        self.open = len(self.sockets)


def _one_byte_more(connection: socket.socket, sent: int) -> tuple[socket.socket, int] | None:
    """None when the other side has closed it, or answered."""
    try:
        connection.send(SLOW[sent % len(SLOW) :][:1])
        connection.recv(1)
    except BlockingIOError:
        return connection, sent + 1
    except OSError:
        pass
    connection.close()
    return None


@contextlib.contextmanager
def slow_clients(address: Address, count: int) -> Iterator[SlowClients]:
    """That many of them, from when all have been opened."""
    clients = SlowClients(address, count)
    clients.start()
    try:
        clients.full.wait(60)
        yield clients
    finally:
        clients.enough.set()
        clients.join()
        for connection, _ in clients.sockets:
            connection.close()


def _ask(address: Address, count: int) -> tuple[list[int], list[float]]:
    """Statuses and milliseconds of health checks and predictions in turn, for some seconds."""
    body = bodies.body(bodies.contract_of("reggaeton"))
    statuses, took = [], []
    for turn in range(count):
        began = time.monotonic()
        with Client(address, TIME_OUT_SECONDS) as client:
            answer = client.predict(body) if turn % 2 else client.ask("GET", "/check_service")
        statuses.append(answer.status)
        took.append((time.monotonic() - began) * 1000)
        time.sleep(0.15)
    return statuses, took
