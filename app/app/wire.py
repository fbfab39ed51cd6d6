"""The hot path: a prediction of one row, from the socket to the socket, without a task, a scope or a frame.

`Wire` is uvicorn's own HTTP protocol, with one request taken out of it: a `POST /get_prediction` of ordinary form and
size is decoded where its last byte arrives and answered from the batch that it joins. Everything else, and whatever
the decoder does not accept at first sight, goes to the application as ever, which explains what is wrong with it. So
the wire never refuses a body; it only says no, in prepared bytes, when too much is under way.

It leans on names inside uvicorn's `HttpToolsProtocol` (locked, and tested here): `cycle`, `flow`, `pipeline`,
`on_response_complete`, `_start_asgi_task`.
"""

from __future__ import annotations

import re
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.answers import FRAME_BYTES, closing, refusal
from app.asked import Asked, new_ids
from app.errors import BAD_REQUEST, HEADERS_TOO_LARGE, OVERLOADED, answer_for

if TYPE_CHECKING:
    from app.errors import Answer
    from app.lane import Lane

ROUTE: Final = "/get_prediction"
PATH: Final = ROUTE.encode()
PLAIN: Final = frozenset({b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"})
MOST_HEAD_BYTES: Final = 65_536
DIGITS: Final = 6  # of a length that is worth reading as a number
_SANE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Wire(HttpToolsProtocol):
    """One connection."""

    lane: Lane | None
    cycle: Any
    _dated: ClassVar[tuple[list[tuple[bytes, bytes]], bytes]] = ([], b"")

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's own
        """As uvicorn makes it; the lane comes from the application's lifespan."""
        super().__init__(*arguments, **named)
        self.lane = self.app_state.get("lane")
        # Bytes of a request's line and headers so far; None while they are not what is being read.
        self._head: int | None = None

    def data_received(self, data: bytes) -> None:
        """Read on; the parser itself would take headers without end."""
        # Not those bytes in which it begins: requests that have been read already may stand before it in them.
        if self._head is not None:
            self._head += len(data)
        super().data_received(data)
        if self._head is not None and self._head > MOST_HEAD_BYTES:
            self._end(HEADERS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """A request begins: what the application needs to know of it is made only when it is needed."""
        self.url = b""
        self.headers = []
        self._head = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Take the request, or leave it to the application."""
        self._head = None
        lane = self.lane
        if (
            lane is not None
            and self.url == PATH
            and (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused  # who does not read answers waits for the application's turn
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and (identity := _ordinary(self.headers, lane.small_body)) is not None
        ):
            self.cycle = Exchange(self, lane, identity, keep_alive=self.parser.should_keep_alive())
        else:
            self._prepare()
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        cycle = self.cycle
        if type(cycle) is Exchange:
            cycle.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        cycle = self.cycle
        if type(cycle) is not Exchange:
            super().on_message_complete()
        elif not cycle.ask():
            self._hand_over(cycle)

    def _prepare(self) -> None:
        """What `on_message_begin` left out."""
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for header in headers:
            super().on_header(*header)

    def _hand_over(self, exchange: Exchange) -> None:
        """Let the application answer a request that has been received."""
        body = exchange.body
        self.cycle = None
        self._prepare()
        super().on_headers_complete()
        cycle: RequestResponseCycle = self.cycle
        cycle.body += body
        cycle.more_body = False
        cycle.message_event.set()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own words, which are plain text
        """What is no HTTP gets the one shape of errors too."""
        self._end(BAD_REQUEST)

    def _end(self, answer: Answer) -> None:
        """Refuse what cannot be read on, and close."""
        self._head = None
        if not self.transport.is_closing():
            sent = refusal(answer, new_ids(1)[0], self.date())
            self.transport.write(closing(sent))
            self.transport.close()

    def date(self) -> bytes:
        """The header lines that uvicorn renews every second."""
        headers = self.server_state.default_headers
        if headers is not Wire._dated[0]:
            Wire._dated = headers, b"".join(b"%b: %b\r\n" % header for header in headers)
        return Wire._dated[1]


class Exchange(Asked):
    """A request for one row and its answer on a connection; in uvicorn's eyes a cycle."""

    __slots__ = ("_answer", "_wire", "disconnected", "keep_alive", "lane", "response_complete")

    def __init__(self, wire: Wire, lane: Lane, request_id: bytes, *, keep_alive: bool) -> None:
        """Its headers have been received."""
        self._wire = wire
        self.lane = lane
        self.body = self._answer = b""
        self.request_id = request_id
        self.error = None
        self.several = False
        self.keep_alive = keep_alive
        self.response_complete = self.disconnected = False

    @property
    def message_event(self) -> Exchange:
        """Uvicorn sets it when a client has gone."""
        return self

    def set(self) -> None:
        """Nobody waits."""

    def ask(self) -> bool:
        """Join a batch, or say that there is no room; False when the application has to answer."""
        lane = self.lane
        serving = lane.predictor.current
        if serving is None or lane.recorder.trouble is not None:
            return False
        self.serving, self.began = serving, perf_counter()
        self.seconds = serving.seconds(len(self.body))
        if lane.is_full(self.seconds):
            lane.meter.refused[OVERLOADED.code] += 1
            self._refuse(OVERLOADED)
            return True
        row = serving.decoder.one(self.body)
        if row is not None:
            lane.batcher.ask_one(self, row)
            return True
        columns = serving.decoder.many(self.body)
        if columns is not None:
            lane.batcher.ask(self, columns)
        return columns is not None

    def settle(self) -> None:
        """Send the answer, or what has gone wrong behind the decoder."""
        if self.error is not None:
            self._refuse(answer_for(self.error))
            return
        self._send(self._answer or self._answered(), 200)

    def prepare(self) -> None:
        """Put the answer into bytes."""
        self._answer = self._answered()

    def _answered(self) -> bytes:
        said = b"[%b]" % self.said if self.several else self.said
        filled = (self._wire.date(), FRAME_BYTES + len(said), self.id, self.request_id or self.id, said)
        return self.serving.answer % filled

    def _refuse(self, answer: Answer) -> None:
        identity = self.request_id or new_ids(1)[0]
        self._send(refusal(answer, identity, self._wire.date(), self.serving.version), answer.status)

    def _send(self, answer: bytes, status: int) -> None:
        self.lane.meter.requests[ROUTE, status] += 1
        self.response_complete = True
        wire = self._wire
        if wire.transport.is_closing():
            return
        if self.keep_alive:
            wire.transport.write(answer)
        else:
            wire.transport.write(closing(answer))
            wire.transport.close()
        wire.on_response_complete()


def _ordinary(headers: list[tuple[bytes, bytes]], most: int) -> bytes | None:
    """The caller's request id (b"" for none) when a request is of ordinary form, else None."""
    identity, sized = b"", False
    for name, value in headers:
        if name == b"content-length":
            sized = len(value) <= DIGITS and int(value) <= most
        elif name == b"content-type":
            if value.lower() not in PLAIN:
                return None
        elif name == b"x-request-id":
            if _SANE_ID.fullmatch(value):
                identity = value
        elif name in (b"expect", b"content-encoding", b"transfer-encoding", b"upgrade"):
            return None
    return identity if sized else None
