"""HTTP by hand: what is sent is exactly what a measurement says, and an answer is what came back, or that none came."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import msgspec

Address = tuple[str, int]
JSON = "Content-Type: application/json\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; status 0 means that none came (closed, reset, or too slow)."""

    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """A header's value, or nothing."""
        return header(self.head, name.lower().encode()).decode("latin-1")

    def json(self) -> Any:  # noqa: ANN401 - whatever the answer says
        """The body as JSON."""
        return msgspec.json.decode(self.body)


NONE = Answer(0, b"", b"")


def header(head: bytes, name: bytes) -> bytes:
    """The value of a header, whose name is given in lower case, in the raw head of an answer."""
    lower = head.lower()
    place = lower.find(b"\r\n" + name + b":")
    if place < 0:
        return b""
    begin = place + len(name) + 3
    end = head.find(b"\r\n", begin)
    return head[begin : end if end >= 0 else len(head)].strip()


def request(method: str, path: str, body: bytes | None = None, headers: str = "") -> bytes:
    """The bytes of a request, as a plain client sends it; `headers` are whole lines."""
    length = (
        ""
        if body is None
        else f"{JSON if 'content-type' not in headers.lower() else ''}Content-Length: {len(body)}\r\n"
    )
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}{length}\r\n".encode("latin-1") + (body or b"")


def prediction(body: bytes, headers: str = "") -> bytes:
    """A request for a prediction."""
    return request("POST", "/get_prediction", body, headers)


def whole(received: bytes | bytearray) -> tuple[int, int] | None:
    """Where the head ends and where the answer ends, once both are known; None before."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(received[:end])
    body = end + 4
    length = header(head, b"content-length")
    if length:
        total = body + int(length)
    elif b"chunked" in header(head, b"transfer-encoding").lower():
        last = received.find(b"0\r\n\r\n", body)
        total = last + 5 if last >= 0 else len(received) + 1
    else:
        total = body
    return (end, total) if len(received) >= total else None


def status_of(received: bytes | bytearray) -> int:
    """The number in the first line; 0 when there is none."""
    word = bytes(received[9:12])
    return int(word) if received[:5] == b"HTTP/" and word.isdigit() else 0


class Client:
    """A connection that is opened when it is needed and again after it was lost."""

    def __init__(self, address: Address, time_out: float = 30) -> None:
        """Nothing is opened yet. `time_out` in seconds."""
        self._address = address
        self._time_out = time_out
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Forget the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask(self, method: str, path: str, body: bytes | None = None, headers: str = "") -> Answer:
        """Send a request and wait for its answer."""
        return self.say(request(method, path, body, headers))

    def predict(self, body: bytes, headers: str = "") -> Answer:
        """Ask for a prediction."""
        return self.say(prediction(body, headers))

    def say(self, raw: bytes) -> Answer:
        """Send some bytes and wait for one answer."""
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._address, self._time_out)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._exchange(self._socket, raw)
        except OSError:
            self.close()
            return NONE

    def _exchange(self, connection: socket.socket, raw: bytes) -> Answer:
        # The other side may have answered before it had read all: that answer is still to be read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(raw)
        received = bytearray()
        while True:
            found = whole(received)
            if found is not None:
                break
            some = connection.recv(65536)
            if not some:
                raise ConnectionResetError("closed before the answer was whole")
            received += some
        end, total = found
        if b"close" in header(bytes(received[:end]), b"connection").lower():
            self.close()
        return Answer(status_of(received), bytes(received[:end]), bytes(received[end + 4 : total]))


def say_alone(address: Address, raw: bytes, time_out: float = 5) -> tuple[Answer, bool]:
    """Some bytes on a connection of their own, and nothing after: the answer, and whether it had to be given up."""
    try:
        with socket.create_connection(address, time_out) as connection:
            return _until_closed(connection, raw)
    except TimeoutError:
        return NONE, True
    except OSError:
        return NONE, False


def _until_closed(connection: socket.socket, raw: bytes) -> tuple[Answer, bool]:
    received = bytearray()
    try:
        connection.sendall(raw)
        # Whoever waits for more of the request is told that there is no more.
        connection.shutdown(socket.SHUT_WR)
        while some := connection.recv(65536):
            received += some
    except TimeoutError:
        return _first(received), True
    except OSError:
        pass
    return _first(received), False


def _first(received: bytearray) -> Answer:
    end = max(received.find(b"\r\n\r\n"), 0)
    return Answer(status_of(received), bytes(received[:end]), bytes(received[end + 4 :]))
