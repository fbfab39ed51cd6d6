"""OpenTelemetry: a span for each request, sent where the standard OTEL_* variables say. Off unless they do.

A span costs more than a prediction, so that with it the wire leaves everything to the application.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SERVICE: Final = "prediction-service"
LOWEST_FAILURE: Final = 500


def is_configured() -> bool:
    """Whether a collector is named, and nothing says that the SDK be off."""
    named = any(os.environ.get(name) for name in ENDPOINTS)
    return named and os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true"


def provider() -> TracerProvider:
    """Sends spans by OTLP over HTTP, in batches, from a thread. `OTEL_SERVICE_NAME` and the like are the SDK's own."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - only where used
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    name = os.environ.get("OTEL_SERVICE_NAME", SERVICE)
    made = TracerProvider(resource=Resource.create({"service.name": name}))
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made


class Spans:
    """ASGI middleware: a server span around each request, under the caller's trace when it brings one."""

    def __init__(self, app: ASGIApp, provider: TracerProvider) -> None:
        """Wrap `app`."""
        from opentelemetry.trace import SpanKind  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self.app = app
        self.tracer = provider.get_tracer(SERVICE)
        self.kind = SpanKind.SERVER
        self.callers = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 - ASGI says what it does
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        context = self.callers.extract(headers)
        with self.tracer.start_as_current_span(scope["method"], context=context, kind=self.kind) as span:

            async def send_and_note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _note(span, scope, message["status"])
                await send(message)

            await self.app(scope, receive, send_and_note)


def _note(span: Any, scope: Scope, status: int) -> None:  # noqa: ANN401 - OpenTelemetry is imported only where used
    """By the names of OpenTelemetry's semantic conventions for HTTP; never the query or the body."""
    route = getattr(scope.get("route"), "path", "")
    span.update_name(f"{scope['method']} {route}".strip())
    span.set_attribute("http.request.method", scope["method"])
    span.set_attribute("http.response.status_code", status)
    if route:
        span.set_attribute("http.route", route)
    for name in ("model_version", "prediction_id"):
        if name in scope.get("state", {}):
            span.set_attribute(f"prediction.{name}", scope["state"][name])
    if status >= LOWEST_FAILURE:
        from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

        span.set_status(Status(StatusCode.ERROR))
