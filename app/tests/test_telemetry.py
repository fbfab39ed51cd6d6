"""Spans reach a collector when one is named; nothing of OpenTelemetry is loaded when none is."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from app.testing import serve
from model.contracts import find

only_reggaeton = pytest.mark.parametrize("contract", [find("reggaeton").contract], ids=["reggaeton"])
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(BaseHTTPRequestHandler):
    """Keeps what it is sent."""

    spans: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        """Take spans."""
        sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        Collector.spans += [
            span for resource in sent.resource_spans for scope in resource.scope_spans for span in scope.spans
        ]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """A collector that the environment names; what it got."""
    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    try:
        yield Collector.spans
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@only_reggaeton
def test_each_request_is_a_span_under_the_callers_trace(
    artifacts: Path, example: dict[str, Any], collector: list[Any]
) -> None:
    with serve(artifacts, "reggaeton") as service:
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        answer = service.client.post("/get_prediction?probabilities=false", json=example, headers=headers)
        assert answer.status_code == 200
        service.predict({})
    said = {span.name: span for span in collector}
    span = next(span for span in collector if span.trace_id.hex() == TRACE)
    assert span.parent_span_id.hex() == PARENT
    told = {one.key: one.value for one in span.attributes}
    assert span.name == "POST /get_prediction"
    assert told["http.route"].string_value == "/get_prediction"
    assert told["prediction.prediction_id"].string_value == answer.headers["X-Prediction-ID"]
    assert {one.attributes[1].value.int_value for one in collector} == {200, 422}
    assert set(said) == {"POST /get_prediction"}


def test_without_a_collector_nothing_that_sends_is_loaded() -> None:
    # The interfaces alone may be there: newer versions of FastAPI load them.
    program = (
        "import sys, app.main; "
        "sys.exit(any(name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter')) for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parent.parent)
