"""Errors under /v2: the platform's error, flattened, because the protocol says that `error` is a text.

    {"error": "the request breaks the contract: ... data.tempo[0]: ...", "code": "rows_refused", "fields": [...]}

Clients of the protocol read `error` as text, and show it to people; the platform's code and fields stand beside it.
This is the one exception to the one shape, and the middleware makes it of the platform's own answer, so that the two
cannot disagree: also paths that are nowhere, methods that are wrong, and refusals before any route come out so.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.datastructures import MutableHeaders

from model.errors import bounded

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_CHARACTERS = 1_000
_SHOWN_FIELDS = 5
_LOWEST_ERROR = 400


class ErrorsAsText:
    """ASGI middleware: add it last, so that it is the outermost one and sees every answer."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - ASGI says what it does
        path = scope.get("path", "")
        if scope["type"] == "http" and (path == "/v2" or path.startswith("/v2/")):
            await self.app(scope, receive, _Flattening(send))
        else:
            await self.app(scope, receive, send)


class _Flattening:
    """A `send` that holds an error back until its body is there, and lets everything else through."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.start: Message | None = None
        self.body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= _LOWEST_ERROR:
            self.start = message
        elif self.start is None:
            await self.send(message)
        else:
            self.body += message.get("body", b"")
            if not message.get("more_body", False):
                await self.finish(self.start)

    async def finish(self, start: Message) -> None:
        body = flattened(self.body)
        MutableHeaders(scope=start)["content-length"] = str(len(body))
        await self.send(start)
        await self.send({"type": "http.response.body", "body": body})


def flattened(body: bytes) -> bytes:
    """The body of an error in the platform's shape -> in the protocol's; any other is left as it is."""
    try:
        error = json.loads(body)["error"]
        said = {"error": as_text(error), "code": error["code"], "fields": error["fields"]}
    except (ValueError, KeyError, TypeError):
        return body
    return json.dumps(said, separators=(",", ":")).encode()


def as_text(error: dict[str, Any]) -> str:
    """An error in one line: its message and its first fields."""
    fields = [f"{field['field']}: {field['message']}" for field in error["fields"]]
    more = [f"and {len(fields) - _SHOWN_FIELDS} more"] if len(fields) > _SHOWN_FIELDS else []
    return bounded("; ".join([error["message"], *fields[:_SHOWN_FIELDS], *more]), MOST_CHARACTERS)
