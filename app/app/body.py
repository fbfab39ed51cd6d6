"""A request's body as bytes: bounded before and while it is read, and said to be JSON if it is said to be anything."""

from __future__ import annotations

from email.message import Message
from typing import TYPE_CHECKING

from app.errors import refused

if TYPE_CHECKING:
    from fastapi import Request

_UTF8 = ("utf-8", "utf8", "us-ascii")


async def read(request: Request, most: int) -> bytes:
    """The body, of at most `most` bytes.

    Raises:
        HTTPException: 415 when the headers say that it is not JSON in UTF-8, 413 when it is too large: at once when
            Content-Length says so, else as soon as the bytes that came are too many.
    """
    _check_type(request)
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise refused(413)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise refused(413)
        chunks.append(chunk)
    return b"".join(chunks)


def _check_type(request: Request) -> None:
    """Lenient: no type at all will do, and so does every type that ends in json, whatever its parameters."""
    header = Message()
    header["content-type"] = request.headers.get("content-type", "application/json")
    subtype = header.get_content_subtype()
    is_json = subtype == "json" or subtype.endswith("+json")
    is_utf8 = header.get_content_charset("utf-8") in _UTF8
    if not is_json or not is_utf8 or request.headers.get("content-encoding", "identity") != "identity":
        raise refused(415)
