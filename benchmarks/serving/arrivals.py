"""Open loop: requests arrive by a schedule, whether the server answers or not, as they do when strangers send them.

`python -m benchmarks.serving.arrivals` reads an `Order` as JSON from standard input and prints a `Tally`. Each arrival
takes a free connection, or is turned away when all are waiting; a client gives up after a second and closes its
connection, and a new one takes its place. Latency counts from the time of the schedule. What arrives in the run-in is
not counted, so that a queue has had time to build.

Standard library only, one thread: about 10 us of CPU a request. `lag_ms` says how late requests were sent: where it
is more than a few milliseconds, this generator was the limit.
"""

from __future__ import annotations

import contextlib
import gc
import json
import select
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.schedule import PATIENCE_SECONDS, Order, Schedule, Tally, answered

MOST_BYTES = 65_536
SHORTEST_SLEEP = 0.001
SECONDS_TO_SETTLE = 5.0
TCP = Path("/proc/net/tcp")
LISTENING = "0A"


@dataclass(slots=True)
class Line:
    """One connection. number: of the arrival it carries; None while it is free, or not open yet."""

    socket: socket.socket
    number: int | None = None
    came: bytes = b""


class Clients:
    """All connections of one open loop."""

    def __init__(self, order: Order) -> None:
        """Open every connection."""
        self.order = order
        self.schedule = Schedule(order.rate, order.run_in, order.seconds)
        self.tally = Tally(order.seconds)
        self.request = order.request()
        self.poll = select.epoll()
        self.lines: dict[int, Line] = {}
        self.free: deque[Line] = deque()
        self.waiting: deque[tuple[float, Line, int]] = deque()
        self.handed = 0
        for _ in range(order.connections):
            self.open()

    def run(self) -> Tally:
        """Until every arrival was answered or given up."""
        self.settle()
        began, elapsed = time.monotonic(), 0.0
        while elapsed < self.schedule.end or self.waiting:
            # The kernel sleeps whole milliseconds: too long when the next arrival is nearer.
            near = self.schedule.at(self.handed + 1) - elapsed < SHORTEST_SLEEP
            # What has come is read before anything is given up: this process may have been away itself.
            for handle, event in self.poll.poll(0 if near else SHORTEST_SLEEP):
                self.hear(handle, event, began)
            elapsed = time.monotonic() - began
            self.give_up(elapsed)
            self.arrive(self.schedule.due(elapsed), elapsed)
        for line in self.lines.values():
            line.socket.close()
        self.poll.close()
        return self.tally

    def settle(self) -> None:
        """Wait until all connections are open and accepted: uvloop accepts one for each turn of its loop."""
        deadline = time.monotonic() + SECONDS_TO_SETTLE
        while time.monotonic() < deadline:
            for handle, event in self.poll.poll(0.01):
                self.hear(handle, event, 0.0)
            if len(self.free) == self.order.connections and not not_accepted(self.order.port):
                return

    def open(self) -> None:
        """A new connection; it is free when it can be written to."""
        line = Line(socket.socket())
        line.socket.setblocking(False)
        line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(BlockingIOError):
            line.socket.connect(("127.0.0.1", self.order.port))
        self.lines[line.socket.fileno()] = line
        self.poll.register(line.socket, select.EPOLLOUT)

    def replace(self, line: Line) -> None:
        """Close one, open another."""
        handle = line.socket.fileno()
        self.poll.unregister(handle)
        del self.lines[handle]
        line.socket.close()
        line.number = None
        self.open()

    def arrive(self, due: int, elapsed: float) -> None:
        """Hand what is due to free connections; what finds none is turned away."""
        while self.handed < due and self.free:
            self.send(self.free.popleft(), self.handed, elapsed)
            self.handed += 1
        if self.handed < due:
            counted = self.schedule.counted(self.handed, due)
            self.tally.arrived += counted
            self.tally.turned_away += counted
            self.handed = due

    def send(self, line: Line, number: int, elapsed: float) -> None:
        """One request."""
        if line.socket.fileno() < 0:
            return
        if self.schedule.counts(number):
            self.tally.arrived += 1
            self.tally.sent += 1
            self.tally.lag += elapsed - self.schedule.at(number)
        line.number, line.came = number, b""
        try:
            whole = line.socket.send(self.request) == len(self.request)
        except OSError:
            whole = False
        if not whole:
            self.tally.broken += self.schedule.counts(number)
            self.replace(line)
            return
        self.waiting.append((self.schedule.at(number) + PATIENCE_SECONDS, line, number))

    def give_up(self, elapsed: float) -> None:
        """Close what has waited too long."""
        while self.waiting and (self.waiting[0][1].number != self.waiting[0][2] or self.waiting[0][0] <= elapsed):
            _, line, number = self.waiting.popleft()
            if line.number == number:
                self.tally.gave_up += self.schedule.counts(number)
                self.replace(line)

    def hear(self, handle: int, event: int, began: float) -> None:
        """What the kernel says of one connection."""
        line = self.lines.get(handle)
        if line is None:
            return
        if event == select.EPOLLOUT:
            self.poll.modify(handle, select.EPOLLIN)
            self.free.append(line)
            return
        try:
            data = line.socket.recv(MOST_BYTES)
        except OSError:
            data = b""
        if not data:
            self.lost(line)
            return
        line.came = line.came + data if line.came else data
        status = answered(line.came)
        if status is not None:
            self.close_books(line, status, time.monotonic() - began)

    def lost(self, line: Line) -> None:
        """The server has closed it."""
        if line.number is not None:
            self.tally.broken += self.schedule.counts(line.number)
        else:
            with contextlib.suppress(ValueError):
                self.free.remove(line)
        self.replace(line)

    def close_books(self, line: Line, status: int, elapsed: float) -> None:
        """An answer has come whole."""
        number, line.number = line.number, None
        if number is None:
            return
        self.free.append(line)
        if not self.schedule.counts(number):
            return
        latency = elapsed - self.schedule.at(number)
        self.tally.statuses[str(status)] = self.tally.statuses.get(str(status), 0) + 1
        if status == 200 and latency <= PATIENCE_SECONDS:  # noqa: PLR2004 - OK
            self.tally.latencies.append(latency)


def not_accepted(port: int) -> int:
    """How many connections to a port of this machine the kernel has opened and the server has not accepted yet."""
    rows = (line.split() for line in TCP.read_text().splitlines()[1:])
    queues = [row[4] for row in rows if row[3] == LISTENING and int(row[1].rpartition(":")[2], 16) == port]
    return sum(int(queue.partition(":")[2], 16) for queue in queues)


def main() -> None:
    """One open loop."""
    order = Order(**json.load(sys.stdin))
    gc.disable()
    json.dump(Clients(order).run().told(), sys.stdout)


if __name__ == "__main__":
    main()
