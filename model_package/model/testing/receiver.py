"""A program that takes webhooks' messages and keeps them: a real HTTP server on a port of its own."""

from __future__ import annotations

import http.server
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Receiver:
    """What has come, and with which status the next message is answered."""

    url: str = ""
    status: int = 204
    came: list[dict[str, Any]] = field(default_factory=list)

    @property
    def events(self) -> list[tuple[str, str]]:
        """Event and kind of each message."""
        return [(one["event"], one["kind"]) for one in self.came]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens until the block ends."""
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if receiver.status in {200, 204}:
                receiver.came.append(said)
            self.send_response(receiver.status)
            self.send_header("Location", receiver.url + "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
