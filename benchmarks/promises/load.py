"""Load from one thread: a closed loop asks again as soon as it was answered, an open loop asks whether answered or not.

The open loop counts a request's time from the moment at which it was due, so that a service that falls behind cannot
hide it by slowing its clients down.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from promises.wire import Address, status_of, whole

MOST_BYTES: Final = 1 << 18
_READ: Final = select.EPOLLIN
_BOTH: Final = select.EPOLLIN | select.EPOLLOUT
RECONNECT_SECONDS: Final = 0.01
HOURS: Final = 3600.0
PATIENCE_SECONDS: Final = 10.0

# Number of the request -> its bytes; number, head and body of an answer -> nothing.
Make = Callable[[int], bytes]
Seen = Callable[[int, bytes, bytes], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request: seconds on the clock of time.monotonic; status 0 when no answer came in time."""

    number: int
    began: float
    took: float
    status: int


@dataclass
class Load:
    """Clients of one address. `seen` is given each answer of status 200."""

    address: Address
    make: Make
    seen: Seen | None = None
    outcomes: list[Outcome] = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)

    def closed(self, connections: int, *, seconds: float = 1e9, count: int = 1 << 60) -> list[Outcome]:
        """`connections` clients that ask without a pause, until it is enough."""
        return _Closed(self, connections, count).run(time.monotonic() + seconds)

    def open(self, rate: float, seconds: float, time_out: float) -> list[Outcome]:
        """`rate` requests a second, evenly; after `time_out` seconds a client gives up and closes."""
        return _Open(self, rate, seconds, time_out).run()


class _Line:
    """A connection and the request that is under way on it."""

    __slots__ = ("began", "got", "left", "number", "socket")

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.got = bytearray()
        self.left = b""
        self.began = 0.0
        self.number = -1


class _Engine:
    """What both loops share: sockets that never block, and answers that come in parts."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.poll = select.epoll()
        self.lines: dict[int, _Line] = {}

    def connect(self) -> _Line:
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(BlockingIOError):
            connection.connect(self.load.address)
        line = _Line(connection)
        self.lines[connection.fileno()] = line
        self.poll.register(connection.fileno(), _BOTH)
        return line

    def give(self, line: _Line, number: int, began: float) -> None:
        line.number, line.began = number, began
        line.left = self.load.make(number)
        self.push(line)

    def push(self, line: _Line) -> None:
        """Send what is left, as far as the socket takes it."""
        try:
            sent = line.socket.send(line.left)
        except BlockingIOError:
            sent = 0
        except OSError:
            # Nothing more can be sent. An answer, or the end, will be read.
            sent = len(line.left)
        line.left = line.left[sent:]
        self.poll.modify(line.socket.fileno(), _BOTH if line.left else _READ)

    def drop(self, line: _Line) -> None:
        self.lines.pop(line.socket.fileno(), None)
        line.socket.close()

    def turn(self, seconds: float) -> None:
        """Wait for what happens next, and deal with it."""
        for number, events in self.poll.poll(max(seconds, 0)):
            line = self.lines.get(number)
            if line is None:
                continue
            if events & select.EPOLLOUT and line.left:
                self.push(line)
            if events & ~select.EPOLLOUT:
                self.read(line)

    def read(self, line: _Line) -> None:
        try:
            some = line.socket.recv(MOST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            some = b""
        if not some:
            self.lost(line)
            return
        line.got += some
        found = whole(line.got)
        if found is None:
            return
        head, body = bytes(line.got[: found[0]]), bytes(line.got[found[0] + 4 : found[1]])
        del line.got[: found[1]]
        self.answered(line, head, body)

    def answered(self, line: _Line, head: bytes, body: bytes) -> None:
        status = status_of(head)
        if line.number >= 0:
            self.note(line, status)
            if status == 200 and self.load.seen is not None:  # noqa: PLR2004 - HTTP's own number
                self.load.seen(line.number, head, body)
        line.number, line.left = -1, b""
        if b"\r\nconnection: close" in head.lower():
            self.drop(line)
            self.gone()
        else:
            self.free(line)

    def note(self, line: _Line, status: int) -> None:
        now = time.monotonic()
        self.load.outcomes.append(Outcome(line.number, line.began, now - line.began, status))

    def lost(self, line: _Line) -> None:
        if line.number >= 0:
            self.note(line, 0)
        self.drop(line)
        self.gone()

    def free(self, line: _Line) -> None:
        """A line has nothing to do."""
        raise NotImplementedError

    def gone(self) -> None:
        """A line was closed."""

    def close(self) -> None:
        for line in list(self.lines.values()):
            self.drop(line)
        self.poll.close()


class _Closed(_Engine):
    """As many clients as connections; a lost one comes back."""

    def __init__(self, load: Load, connections: int, count: int) -> None:
        super().__init__(load)
        self.wanted, self.count, self.next = connections, count, 0
        self.retry_at = 0.0

    def run(self, until: float) -> list[Outcome]:
        try:
            while not self.load.enough.is_set() and time.monotonic() < until:
                if self.next >= self.count and all(line.number < 0 for line in self.lines.values()):
                    break
                self.fill()
                self.turn(0.05)
        finally:
            self.close()
        return self.load.outcomes

    def fill(self) -> None:
        if time.monotonic() >= self.retry_at:
            while len(self.lines) < self.wanted and self.next < self.count:
                self.free(self.connect())

    def free(self, line: _Line) -> None:
        if self.next < self.count:
            self.next += 1
            self.give(line, self.next - 1, time.monotonic())

    def gone(self) -> None:
        self.retry_at = time.monotonic() + RECONNECT_SECONDS


class _Open(_Engine):
    """A request every 1/rate seconds on an idle connection or a new one."""

    def __init__(self, load: Load, rate: float, seconds: float, time_out: float) -> None:
        super().__init__(load)
        self.rate, self.count, self.time_out = rate, int(rate * seconds), time_out
        self.idle: list[_Line] = []
        self.waiting: deque[tuple[float, _Line, int]] = deque()

    def run(self) -> list[Outcome]:
        start, given = time.monotonic(), 0
        try:
            while (given < self.count or self.waiting) and not self.load.enough.is_set():
                due = min(int((time.monotonic() - start) * self.rate) + 1, self.count)
                while given < due:
                    self.arrive(given, start + given / self.rate)
                    given += 1
                self.give_up()
                self.turn(min(start + given / self.rate - time.monotonic(), 0.01) if given < self.count else 0.01)
        finally:
            self.close()
        return self.load.outcomes

    def arrive(self, number: int, due: float) -> None:
        line = self.idle.pop() if self.idle else self.connect()
        self.waiting.append((due + self.time_out, line, number))
        self.give(line, number, due)

    def give_up(self) -> None:
        """Those that waited too long close their connection."""
        now = time.monotonic()
        while self.waiting and (self.waiting[0][0] < now or self.waiting[0][1].number != self.waiting[0][2]):
            _, line, number = self.waiting.popleft()
            if line.number == number:
                self.lost(line)

    def free(self, line: _Line) -> None:
        self.idle.append(line)

    def lost(self, line: _Line) -> None:
        if line in self.idle:
            self.idle.remove(line)
        super().lost(line)
        line.number = -1


def in_background(load: Load, connections: int) -> threading.Thread:
    """A closed loop in a thread of its own, until `load.enough` is set."""
    return _started(threading.Thread(target=load.closed, args=(connections,), daemon=True))


def steadily(load: Load, rate: float) -> threading.Thread:
    """An open loop in a thread of its own, until `load.enough` is set."""
    return _started(threading.Thread(target=load.open, args=(rate, HOURS, PATIENCE_SECONDS), daemon=True))


def _started(thread: threading.Thread) -> threading.Thread:
    thread.start()
    return thread
