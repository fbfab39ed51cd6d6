"""Answers as the bytes that go over the wire: what `app.wire` sends without the application's help."""

from __future__ import annotations

import json
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from app.access import HEADERS, MODEL_VERSION, PREDICTION_ID, REQUEST_ID
from app.errors import OVERLOADED, RETRY_AFTER, Answer, as_json

if TYPE_CHECKING:
    from collections.abc import Iterable

_JSON: Final = {"Content-Type": "application/json", **HEADERS}
_REASONS: Final = {status: HTTPStatus(status).phrase for status in (400, 431, 500, 503)}


def answer_template(version: str) -> bytes:
    """The answer of one row by a model, to be filled in: date, body length, prediction id, request id, label."""
    fixed = _lines({**_JSON, MODEL_VERSION: version}.items()).replace(b"%", b"%%")
    filled = f"Content-Length: %d\r\n{PREDICTION_ID}: %b\r\n{REQUEST_ID}: %b\r\n\r\n".encode()
    return b"HTTP/1.1 200 OK\r\n%b" + fixed + filled + b'{"prediction":%b}'


# Around a label: {"prediction":...}
FRAME_BYTES: Final = len(b'{"prediction":}')


def refusal(answer: Answer, request_id: bytes, date: bytes, version: str = "") -> bytes:
    """An error in the one shape."""
    return _refusal(answer, version) % (date, request_id)


@lru_cache(maxsize=64)
def _refusal(answer: Answer, version: str) -> bytes:
    """Prepared, because refusing must be much cheaper than answering; to be filled in: date, request id."""
    body = json.dumps(as_json(answer), separators=(",", ":")).encode()
    headers = {**_JSON, "Content-Length": str(len(body))}
    if version:
        headers[MODEL_VERSION] = version
    if answer.status == OVERLOADED.status:
        headers["Retry-After"] = RETRY_AFTER
    status = f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}\r\n"
    fixed = [text.replace(b"%", b"%%") for text in (status.encode(), _lines(headers.items()), body)]
    return fixed[0] + b"%b" + fixed[1] + f"{REQUEST_ID}: %b\r\n\r\n".encode() + fixed[2]


def closing(answer: bytes) -> bytes:
    """The answer with the word that the connection ends with it."""
    return answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


def _lines(headers: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")
