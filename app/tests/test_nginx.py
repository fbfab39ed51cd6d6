"""nginx.conf, by a real nginx in front of a small real service: only ports and paths are this test's own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CONF = Path(__file__).parent.parent / "nginx.conf"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
SECONDS_TO_START = 10
MEBIBYTE = 1024 * 1024

pytestmark = [pytest.mark.services, pytest.mark.unmeasured]


class Upstream(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Stands where the service stands, on the socket's path: tells what it received."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        """Take the path over, as the service does when its container is new."""
        path.unlink(missing_ok=True)
        self.accepted: list[socket.socket] = []
        self.requests = 0
        super().__init__(str(path), Telling)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connections, of which one carries many requests."""
        self.accepted.append(request)
        super().process_request(request, client_address)

    def stop(self) -> None:
        """Answer no more, and close every connection, as a process that ends does."""
        self.shutdown()
        for connection in self.accepted:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class Telling(BaseHTTPRequestHandler):
    """Answers with the headers and the size of the body that came; 503 at /busy, in its own words."""

    protocol_version = "HTTP/1.1"
    server: Upstream
    BUSY: ClassVar[dict[str, Any]] = {"error": {"code": "no_champion", "message": "of the service", "fields": []}}

    def do_GET(self) -> None:
        """Tell."""
        self.server.requests += 1
        size = len(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        busy = self.path == "/busy"
        body = json.dumps(
            self.BUSY if busy else {"headers": dict(self.headers), "size": size, "path": self.path}
        ).encode()
        self.send_response(503 if busy else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Front:
    """A running nginx: how to ask it."""

    def __init__(self, folder: Path, port: int) -> None:
        """It listens on `port` and looks for the service at `folder`/service.sock."""
        self.socket = folder / "service.sock"
        self.port = port

    def ask(
        self, path: str, *, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), json.loads(answer.read())

    def say(self, raw: bytes) -> bytes:
        """All that nginx answers to some bytes until it closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(raw)
            return b"".join(iter(lambda: connection.recv(65536), b""))


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def rendered(folder: Path, port: int) -> str:
    """The project's configuration with this test's paths and port; each text that is replaced must be there."""
    text = CONF.read_text(encoding="utf-8")
    for wanted, own in {
        "listen 8090 ": f"listen 127.0.0.1:{port} ",
        "/run/service/": f"{folder}/",
        "/tmp/nginx": f"{folder}/nginx",  # noqa: S108 - the container's own
        "/dev/stdout": f"{folder}/access.log",
        "/dev/stderr": f"{folder}/error.log",
        # Waiting is cheap for nginx and dear for a test.
        "client_header_timeout 5s;": "client_header_timeout 1s;",
        "worker_processes auto;": "worker_processes 1;",
    }.items():
        assert wanted in text, f"nginx.conf has no {wanted!r}"
        text = text.replace(wanted, own)
    return text


def started(conf: Path, port: int) -> subprocess.Popen[bytes]:
    """The process in the foreground, once it accepts connections."""
    # Workers of an nginx that root starts would run as nobody, who may not enter this test's folder.
    own_user = "user root;" if os.geteuid() == 0 else ""
    assert NGINX is not None
    process = subprocess.Popen([NGINX, "-e", "stderr", "-c", str(conf), "-g", f"daemon off; {own_user}"])
    deadline = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.02)
    process.kill()
    process.wait()
    pytest.fail("nginx did not start")


@pytest.fixture(scope="module")
def nginx() -> Iterator[Front]:
    """A real nginx with the project's configuration."""
    if NGINX is None:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail("nginx is required here and is not installed")
        pytest.skip("nginx is not installed")
    # Not pytest's folder: the path of a socket holds at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="front-") as name:
        folder, port = Path(name), free_port()
        conf = folder / "conf"
        conf.write_text(rendered(folder, port), encoding="utf-8")
        process = started(conf, port)
        try:
            yield Front(folder, port)
        finally:
            process.terminate()
            process.wait(SECONDS_TO_START)


@pytest.fixture
def upstream(nginx: Front) -> Iterator[Upstream]:
    """The service is there."""
    server = Upstream(nginx.socket)
    yield server
    server.stop()


def assert_refused(answer: tuple[int, dict[str, str], Any], status: int, code: str) -> None:
    """The service's one shape of errors, although the service never saw the request."""
    assert answer[0] == status
    assert set(answer[2]) == {"error"}
    assert set(answer[2]["error"]) == {"code", "message", "fields"}
    assert answer[2]["error"]["code"] == code
    assert answer[2]["error"]["fields"] == []
    assert answer[1]["Content-Type"] == "application/json"
    assert answer[1]["X-Request-ID"]
    assert answer[1]["Server"] == "nginx"


def test_a_request_passes_through_with_who_asked_and_how(nginx: Front, upstream: Upstream) -> None:
    status, _, told = nginx.ask("/get_prediction?a=b", method="POST", body=b"x" * 1000)
    assert upstream.requests == 1
    assert (status, told["size"], told["path"]) == (200, 1000, "/get_prediction?a=b")
    assert told["headers"]["Host"] == f"127.0.0.1:{nginx.port}"
    assert told["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert told["headers"]["X-Forwarded-Proto"] == "http"


def test_the_callers_request_id_reaches_the_service_and_a_strange_one_does_not(
    nginx: Front, upstream: Upstream
) -> None:
    asked = {offered: nginx.ask("/", headers={"X-Request-ID": offered}) for offered in ("job-17.a_b", 'a" b', "x" * 65)}
    received = {offered: answer[2]["headers"]["X-Request-ID"] for offered, answer in asked.items()}
    assert received["job-17.a_b"] == "job-17.a_b"
    assert received['a" b'] != 'a" b'
    assert len(received["x" * 65]) == 32
    assert upstream.requests == 3


def test_many_requests_share_a_connection_to_the_service(nginx: Front, upstream: Upstream) -> None:
    for _ in range(20):
        assert nginx.ask("/")[0] == 200
    assert (upstream.requests, len(upstream.accepted)) == (20, 1)


def test_a_body_of_one_mebibyte_passes(nginx: Front, upstream: Upstream) -> None:
    assert nginx.ask("/", method="POST", body=b"x" * MEBIBYTE)[2]["size"] == MEBIBYTE
    assert upstream.requests == 1


def test_a_larger_body_is_refused_before_the_service_sees_it(nginx: Front, upstream: Upstream) -> None:
    too_much = {"Content-Length": str(MEBIBYTE + 1)}
    assert_refused(nginx.ask("/get_prediction", method="POST", headers=too_much), 413, "body_too_large")
    assert upstream.requests == 0


def test_truth_is_published_within_the_same_bounds(nginx: Front, upstream: Upstream) -> None:
    asked = nginx.ask("/ground_truth", method="POST", body=b"x" * MEBIBYTE)
    assert (asked[0], asked[2]["path"], asked[2]["size"]) == (200, "/ground_truth", MEBIBYTE)
    too_much = {"Content-Length": str(MEBIBYTE + 1)}
    assert_refused(nginx.ask("/ground_truth", method="POST", headers=too_much), 413, "body_too_large")
    assert upstream.requests == 1


def test_the_dashboard_is_published_and_its_forms_are_small(nginx: Front, upstream: Upstream) -> None:
    for path in ("/dashboard", "/dashboard/try", "/dashboard?span=7d"):
        assert nginx.ask(path)[0] == 200
    before = upstream.requests
    assert_refused(nginx.ask("/dashboard/try", method="POST", body=b"x" * 70_000), 413, "body_too_large")
    assert upstream.requests == before


def test_who_guesses_tokens_is_soon_refused_before_the_service_sees_it(nginx: Front, upstream: Upstream) -> None:
    answers = [nginx.ask("/dashboard/sign-in", method="POST", body=b"token=x") for _ in range(30)]
    assert answers[0][0] == 200
    assert_refused(answers[-1], 503, "overloaded")
    assert upstream.requests < 30
    assert nginx.ask("/dashboard")[0] == 200


def test_headers_larger_than_the_bounds_are_refused_in_the_same_shape(nginx: Front, upstream: Upstream) -> None:
    assert_refused(nginx.ask("/", headers={"X-Large": "x" * 10_000}), 431, "headers_too_large")
    assert_refused(nginx.ask("/" + "x" * 10_000), 414, "uri_too_long")
    assert upstream.requests == 0


def test_what_is_not_http_is_refused_in_the_same_shape(nginx: Front) -> None:
    head, _, body = nginx.say(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n").partition(
        b"\r\n\r\n"
    )
    assert b" 400 " in head.splitlines()[0]
    assert json.loads(body)["error"]["code"] == "bad_request"


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "/admin", "/admin/reload", "//metrics", "/%6detrics"])
def test_what_is_for_operators_is_not_published(nginx: Front, upstream: Upstream, path: str) -> None:
    assert_refused(nginx.ask(path), 404, "not_found")
    assert upstream.requests == 0


def test_a_missing_service_is_told_in_the_same_shape_and_found_again_when_it_is_back(nginx: Front) -> None:
    for _ in range(2):
        server = Upstream(nginx.socket)
        assert nginx.ask("/")[0] == 200
        server.stop()
        nginx.socket.unlink()
        missing = nginx.ask("/")
        assert_refused(missing, 502, "service_unreachable")
        assert missing[1]["Retry-After"] == "1"


def test_the_services_own_errors_pass_unchanged(nginx: Front, upstream: Upstream) -> None:
    status, _, body = nginx.ask("/busy")
    assert (status, body) == (503, Telling.BUSY)
    assert upstream.requests == 1


def test_who_sends_headers_too_slowly_is_let_go(nginx: Front) -> None:
    with pytest.raises(ConnectionResetError):
        nginx.say(b"GET / HTTP/1.1\r\nHost: a\r\n")


def test_too_many_large_requests_are_refused_and_small_ones_pass(nginx: Front, upstream: Upstream) -> None:
    large = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n"
    with contextlib.ExitStack() as held:
        for _ in range(24):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", nginx.port), timeout=30))
            connection.sendall(large)
        refused = nginx.ask("/", method="POST", body=b"x" * 4000)
        assert_refused(refused, 503, "overloaded")
        assert refused[1]["Retry-After"] == "1"
        assert nginx.ask("/", method="POST", body=b"x" * 3999)[0] == 200
    assert upstream.requests == 1
    while nginx.ask("/", method="POST", body=b"x" * 4000)[0] != 200:  # until nginx has seen that they have gone
        time.sleep(0.02)


def test_the_log_names_what_was_refused_and_nothing_else(nginx: Front, upstream: Upstream) -> None:
    nginx.ask("/answered", headers={"X-Request-ID": "answered"})
    nginx.ask("/metrics?secret=1", headers={"X-Request-ID": "refused"})
    lines = [json.loads(line) for line in (nginx.socket.parent / "access.log").read_text(encoding="utf-8").splitlines()]
    logged = {line["request_id"]: line for line in lines}
    assert "answered" not in logged
    assert {name: logged["refused"][name] for name in ("status", "method", "path")} == {
        "status": 404,
        "method": "GET",
        "path": "/metrics",
    }
    assert upstream.requests == 1
