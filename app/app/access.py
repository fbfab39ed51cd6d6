"""Around every request: its identity, the headers that all answers carry, its log line, and the last resort.

Plain ASGI rather than a framework's middleware: it also sees what the framework answers by itself, and costs nothing
where a body is streamed.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect

from app.errors import internal_error
from model.errors import bounded

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from app.meter import Meter

log = logging.getLogger(__name__)

REQUEST_ID = "X-Request-ID"
MODEL_VERSION = "X-Model-Version"
PREDICTION_ID = "X-Prediction-ID"
CLIENT_WENT_AWAY = 499
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

# Everything from this service only and nothing inline, but the pictures that Swagger UI's style sheet holds.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


# The id of the request that is being answered, for whatever is done on its behalf.
current_request: ContextVar[str] = ContextVar("current_request", default="")


class Access:
    """ASGI middleware: outermost, so that no answer leaves without its headers, its log line and its count."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        """Wrap `app`."""
        self.app = app
        self.meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - ASGI says what it does
        if scope["type"] == "http":
            await _Exchange(scope, self.meter).run(self.app, receive, send)
        else:
            await self.app(scope, receive, send)


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, meter: Meter) -> None:
        self.scope = scope
        self.meter = meter
        self.began = time.perf_counter()
        self.status: int | None = None
        self.id = request_id(Headers(scope=scope).get(REQUEST_ID))
        # `request.state` of the routes: they leave the version of the model here.
        self.state: dict[str, Any] = scope.setdefault("state", {})

    async def run(self, app: ASGIApp, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.begin(message)
            await send(message)

        current_request.set(self.id)
        try:
            await app(self.scope, receive, send_with_headers)
        except ClientDisconnect:
            self.status = CLIENT_WENT_AWAY
        except Exception:
            log.exception("request failed", extra={"request_id": self.id, "path": self.path})
            if self.status is None:
                await internal_error()(self.scope, receive, send_with_headers)
        finally:
            self.count()
            self.write_line()

    def begin(self, message: Message) -> None:
        self.status = message["status"]
        headers = MutableHeaders(scope=message)
        headers[REQUEST_ID] = self.id
        for name, value in HEADERS.items():
            headers.setdefault(name, value)  # a page that needs another policy says so itself
        for name, known in ((MODEL_VERSION, "model_version"), (PREDICTION_ID, "prediction_id")):
            if known in self.state:
                headers[name] = self.state[known]

    def count(self) -> None:
        """By the route's own path, never by the one that was asked for: those are without number."""
        route = self.scope.get("route")
        self.meter.requests[getattr(route, "path", "none"), self.status or CLIENT_WENT_AWAY] += 1

    @property
    def path(self) -> str:
        """Without the query, which may hold somebody's data."""
        return bounded(self.scope["path"])

    def write_line(self) -> None:
        level = logging.DEBUG if self.scope["path"].startswith("/health/") else logging.INFO
        line = {
            "request_id": self.id,
            "method": self.scope["method"],
            "path": self.path,
            "status": self.status,
            "ms": round((time.perf_counter() - self.began) * 1000, 3),
            "model_version": self.state.get("model_version"),
        }
        log.log(level, "request", extra=line)


def request_id(offered: str | None) -> str:
    """The caller's id when it is sane, else a new one: it goes into logs and back into a header."""
    return offered if offered is not None and _SANE_ID.fullmatch(offered) else uuid.uuid4().hex
