"""What a process and the pipeline's process beside it say to each other: a head (kind, two sizes) and a body.

A body is doubles in the machine's own order, or bytes; its size is bounded before it is read. Never a pickle.
"""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import socket

# parent -> child: a pipeline of `first` bytes; rows, doubles [first, second]
PIPELINE, ROWS = b"P", b"S"
# child -> parent: ready, `first` classes (0: a regression); answers, doubles [first, second] or [first] when second is
# 0; a failure, text of `first` bytes
READY, ANSWERS, FAILURE = b"R", b"A", b"F"

HEAD: Final = struct.Struct("<c7xQQ")
MOST_PIPELINE_BYTES = 1 << 30
MOST_CELLS = 1 << 24
MOST_TEXT_BYTES = 4_000
DOUBLE_BYTES = 8


class Garbled(OSError):
    """What came over the socket is no message of this program."""


class Message(NamedTuple):
    """What came: see the kinds above."""

    kind: bytes
    first: int
    second: int
    body: bytearray

    def doubles(self) -> NDArray[np.float64]:
        """The body as doubles [first, second], or [first] when second is 0."""
        shape = (self.first, self.second) if self.second else (self.first,)
        return np.frombuffer(self.body, dtype=np.float64).reshape(shape)


class Wire:
    """A socket that carries messages, each within a deadline (`time.monotonic`; infinity: whenever it comes)."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream

    def send(self, kind: bytes, first: int, second: int, body: Any = b"", deadline: float = np.inf) -> None:  # noqa: ANN401 - bytes, or an array
        """Raises OSError, TimeoutError among them."""
        self._wait_until(deadline)
        self.stream.sendall(HEAD.pack(kind, first, second))
        view = memoryview(body)
        if view.nbytes:
            self.stream.sendall(view.cast("B"))

    def receive(self, deadline: float = np.inf) -> Message:
        """Raises OSError: TimeoutError, EOFError's kin ConnectionError at the end, Garbled before a body is read."""
        kind, first, second = HEAD.unpack(self._exactly(HEAD.size, deadline))
        return Message(kind, first, second, self._exactly(_body_bytes(kind, first, second), deadline))

    def _exactly(self, size: int, deadline: float) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            self._wait_until(deadline)
            count = self.stream.recv_into(view)
            if not count:
                raise ConnectionError("the other side is gone")
            view = view[count:]
        return data

    def _wait_until(self, deadline: float) -> None:
        left = None if deadline == np.inf else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError("no answer in time")
        self.stream.settimeout(left)


def _body_bytes(kind: bytes, first: int, second: int) -> int:
    if kind == READY:
        return 0
    if kind in {ROWS, ANSWERS}:
        size, most = first * max(second, 1) * DOUBLE_BYTES, MOST_CELLS * DOUBLE_BYTES
    else:
        size, most = first, {PIPELINE: MOST_PIPELINE_BYTES, FAILURE: MOST_TEXT_BYTES}.get(kind, -1)
    if size > most:
        raise Garbled(f"a message of kind {kind!r} with sizes {first}, {second}")
    return size
