"""A request's bytes: bounded while they come, and JSON that means one thing only."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from email.message import Message
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from app.errors import refused
from app.protocols.refusals import refusal
from model.errors import bounded

if TYPE_CHECKING:
    from collections.abc import Collection

    from fastapi import Request

JSON = "application/json"
_UTF8 = ("utf-8", "utf8", "us-ascii")
# Beyond these no request is meant, and only making the values would take long enough to keep others waiting.
MOST_CONTAINERS = 50_000
MOST_NAMES = 5_000
_MOST_DIGITS = 400
# A half of a pair that JSON can write and UTF-8 cannot: no log could hold it.
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


async def read(request: Request, most: int, kinds: Collection[str]) -> tuple[bytes, str]:
    """The body, of at most `most` bytes, and its media type: one of `kinds`; JSON by any name counts as JSON.

    Raises:
        HTTPException: 415 when the headers say it is anything else, 413 when it is too large.
    """
    kind = _media_type(request)
    if kind not in kinds:
        raise refused(415)
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise refused(413)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise refused(413)
        chunks.append(chunk)
    return b"".join(chunks), kind


def _media_type(request: Request) -> str:
    header = Message()
    header["content-type"] = request.headers.get("content-type", JSON)
    is_utf8 = header.get_content_charset("utf-8") in _UTF8
    if not is_utf8 or request.headers.get("content-encoding", "identity") != "identity":
        raise refused(415)
    return JSON if header.get_content_subtype().endswith("+json") else header.get_content_type()


def parse(body: bytes, *, nan_is_missing: bool = False, under: str = "") -> Any:  # noqa: ANN401 - any JSON value
    """JSON -> plain values: every number finite, every text fit for UTF-8, no name given twice in one object.

    nan_is_missing: take the literal NaN, which Python's encoders write and JSON does not have, for null.
    under: what to put before a name that is given twice, e.g. "data.".

    Raises:
        RowsRefused: it is no such JSON.
    """
    if body.count(b"[") + body.count(b"{") > MOST_CONTAINERS:
        raise refusal("body", f"holds more than {MOST_CONTAINERS} lists and objects: send tensors flat, or fewer rows")
    try:
        # Bytes would be taken for UTF-16 or UTF-32 where they look like it.
        parsed = json.loads(
            body.decode(),
            object_pairs_hook=partial(_only_once, under=under),
            parse_constant=_nan if nan_is_missing else _no_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
        if _HALF_PAIR.search(body):
            json.dumps(parsed, ensure_ascii=False).encode()
    except UnicodeError:
        raise refusal("body", "is not UTF-8 all through") from None
    except (ValueError, RecursionError) as error:
        raise refusal("body", f"is not valid JSON: {_reason(error)}") from None
    return parsed


def _reason(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else bounded(error)


def _only_once(pairs: list[tuple[str, Any]], *, under: str) -> dict[str, Any]:
    if len(pairs) > MOST_NAMES:
        raise refusal("body", f"holds an object of more than {MOST_NAMES} names")
    kept = dict(pairs)
    if len(kept) != len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise refusal(f"{under}{bounded(twice)}", "is given twice: leave one")
    return kept


def _integer(text: str) -> int:
    # Also for what it is not: a parser that now and then comes back to Python lets other threads go on meanwhile.
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"{bounded(text, 20)} is beyond every double")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{bounded(text, 20)} is beyond every double")
    return value


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON value")


def _nan(text: str) -> None:
    if text != "NaN":
        _no_constant(text)
