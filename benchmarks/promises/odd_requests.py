"""Odd requests as bytes on a socket: HTTP that is malformed, unusual, cut off or hostile. None deserves status 500."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from promises.wire import prediction, request

_HOST: Final = b"Host: localhost\r\n"
_METHODS: Final = ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "X" * 300)
_PATHS: Final = (
    "/",
    "//",
    "/get_prediction/",
    "//get_prediction",
    "/get_prediction?x=1",
    "/get_prediction?" + "x" * 6000,
    "/GET_PREDICTION",
    "/get_prediction%00",
    "/get_prediction%",
    "/get_prediction%ff",
    "/get_prediction%2f",
    "/./get_prediction",
    "/static/../get_prediction",
    "/static/../../app/main.py",
    "/static/%2e%2e/%2e%2e/main.py",
    "/static/..%5c..%5cmain.py",
    "/static/",
    "/static",
    "/static/\xff",
    "/" + "a" * 7000,
    "/" + "%41" * 2000,
    "/docs?url=http://127.0.0.1:1/",
    "/openapi.json?x[]=1&x[]=2",
    "/health/ready/../live",
    "/check_service#fragment",
    "/metrics",
    "/v2",
    "/v2/models/none/infer",
    "/invocations",
    "/ping",
    "/version",
    "/admin",
    "/dashboard",
    "*",
    "http://localhost/check_service",
    "http://[::1]:80:80/check_service",
    "/\t",
    "/ space",
)
_HEADERS: Final = {
    "no host": "X: 1\r\n",
    "two hosts": "Host: a\r\nHost: b\r\n",
    "odd host": "Host: [::1\r\n",
    "host with a path": "Host: a/b?c\r\n",
    "empty name": "Host: a\r\n: 1\r\n",
    "space in a name": "Host: a\r\nX Y: 1\r\n",
    "name without colon": "Host: a\r\nnonsense\r\n",
    "folded": "Host: a\r\nX: 1\r\n 2\r\n",
    "zero in a value": "Host: a\r\nX: a\0b\r\n",
    "bytes above 127": "Host: a\r\nX-Request-ID: \xff\xfe\r\n",
    "long id": f"Host: a\r\nX-Request-ID: {'x' * 5000}\r\n",
    "id with a line break": "Host: a\r\nX-Request-ID: a\rb\r\n",
    "id twice": "Host: a\r\nX-Request-ID: a\r\nX-Request-ID: b\r\n",
    "500 headers": "Host: a\r\n" + "".join(f"X-{number}: 1\r\n" for number in range(500)),
    "64 KiB header": f"Host: a\r\nX: {'x' * 65_000}\r\n",
    "odd accept": "Host: a\r\nAccept: ;;;q=x\r\n",
    "odd cookie": "Host: a\r\nCookie: =;=;\xff\r\n",
    "odd range": "Host: a\r\nRange: bytes=5-1,-,x\r\n",
    "odd condition": 'Host: a\r\nIf-Modified-Since: yesterday\r\nIf-None-Match: "\r\n',
    "odd authorization": "Host: a\r\nAuthorization: Bearer \xff\r\n",
    "odd forwarded": "Host: a\r\nX-Forwarded-For: ,,;\r\nX-Forwarded-Proto: \xff\r\n",
    "upgrade": "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    "http/2 upgrade": "Host: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n",
    "odd connection": "Host: a\r\nConnection: ,,close,,keep-alive\r\n",
    "expect": "Host: a\r\nExpect: 100-continue\r\n",
    "odd expect": "Host: a\r\nExpect: the best\r\n",
    "odd traceparent": "Host: a\r\ntraceparent: 00-zz-zz-zz\r\n",
}
_TYPES: Final = (
    "",
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
    "application/json; charset=nonsense",
    "application/json; charset=\xff",
    "application/json;;;",
    "application/",
    "/json",
    "json",
    "application/problem+json",
    ", application/json",
    "application/octet-stream",
    "application/grpc",
    "x" * 3000,
)
_LENGTHS: Final = (
    "-1",
    "+5",
    "0",
    "00000005",
    "5, 5",
    "5, 6",
    "abc",
    "1e3",
    "5.0",
    "0x5",
    " ",
    "99999999999999999999999",
    "18446744073709551616",
    "104857600",
    "1",
)


def odd_requests(good: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each; `good` is the body of a request that is right."""
    for method in _METHODS:
        yield f"method {method[:20]}", request(method, "/get_prediction", good)
        yield f"method {method[:20]} without a body", request(method, "/check_service")
    for path in _PATHS:
        yield f"GET {path[:40]}", _line("GET", path)
        yield f"POST {path[:40]}", _line("POST", path, good)
    for name, lines in _HEADERS.items():
        head = f"POST /get_prediction HTTP/1.1\r\n{lines}Content-Length: {len(good)}\r\n\r\n"
        yield f"header: {name}", head.encode("latin-1") + good
        yield f"header: {name}, GET", f"GET /openapi.json HTTP/1.1\r\n{lines}\r\n".encode("latin-1")
    for kind in _TYPES:
        yield f"type {kind[:40]!r}", prediction(good, f"Content-Type: {kind}\r\n")
    for coding in ("gzip", "deflate", "br", "identity", "gzip, gzip", "nonsense", ""):
        yield f"encoding {coding!r}", prediction(good, f"Content-Encoding: {coding}\r\n")
    for length in _LENGTHS:
        yield f"length {length!r}", _post(f"Content-Length: {length}\r\n", good)
    yield from _chunked(good)
    yield from _malformed(good)


def _line(method: str, path: str, body: bytes | None = None) -> bytes:
    length = "" if body is None else f"Content-Length: {len(body)}\r\n"
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n".encode("latin-1") + (body or b"")


def _post(lines: str, after: bytes) -> bytes:
    return b"POST /get_prediction HTTP/1.1\r\n" + _HOST + lines.encode("latin-1") + b"\r\n" + after


def _chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


def _chunked(good: bytes) -> Iterator[tuple[str, bytes]]:
    coded, end = "Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"
    bodies = {
        "right": _chunk(good) + end,
        "byte by byte": b"".join(_chunk(bytes([byte])) for byte in good) + end,
        "never ends": _chunk(good),
        "no chunk": end,
        "size in words": b"five\r\nhello\r\n" + end,
        "size negative": b"-5\r\nhello\r\n" + end,
        "size huge": b"ffffffffffffffffff\r\nhello\r\n" + end,
        "size too small": b"2\r\nhello\r\n" + end,
        "size too large": b"50\r\nhello\r\n" + end,
        "extension": _chunk(good, b";a=b") + end,
        "long extension": _chunk(good, b";" + b"a" * 20_000) + end,
        "trailer": _chunk(good) + b"0\r\nX-Request-ID: later\r\nContent-Length: 5\r\n\r\n",
        "line feeds only": b"5\nhello\n0\n\n",
    }
    for name, body in bodies.items():
        yield f"chunked: {name}", _post(coded, body)
    yield "chunked and a length", _post(coded + "Content-Length: 5\r\n", _chunk(good) + end)
    yield "chunked twice", _post(coded * 2, _chunk(good) + end)
    yield "chunked in another case", _post("Transfer-Encoding: cHuNkEd\r\n", _chunk(good) + end)
    yield "chunked, then gzip", _post("Transfer-Encoding: chunked, gzip\r\n", _chunk(good) + end)
    yield "unknown transfer encoding", _post("Transfer-Encoding: nonsense\r\n", good)
    yield "two lengths", _post(f"Content-Length: {len(good)}\r\nContent-Length: 0\r\n", good)


def _malformed(good: bytes) -> Iterator[tuple[str, bytes]]:
    right = prediction(good)
    yield from {
        "nothing": b"",
        "line breaks": b"\r\n" * 100,
        "a letter": b"G",
        "half a line": b"POST /get_pre",
        "half the headers": right[:60],
        "half the body": right[:-20],
        "TLS hello": bytes.fromhex("16030100c8010000c40303") + bytes(180),
        "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
        "zeros": bytes(1000),
        "bytes above 127": b"\xff" * 1000,
        "HTTP/0.9": b"GET /check_service\r\n",
        "HTTP/1.0": right.replace(b"HTTP/1.1", b"HTTP/1.0"),
        "HTTP/1.0 kept": right.replace(b"HTTP/1.1\r\n", b"HTTP/1.0\r\nConnection: keep-alive\r\n"),
        "HTTP/2.0": right.replace(b"HTTP/1.1", b"HTTP/2.0"),
        "HTTP/9.9": right.replace(b"HTTP/1.1", b"HTTP/9.9"),
        "no version": right.replace(b" HTTP/1.1", b""),
        "http in small letters": right.replace(b"HTTP/1.1", b"http/1.1"),
        "two spaces": right.replace(b"POST ", b"POST  "),
        "tab for a space": right.replace(b"POST ", b"POST\t"),
        "line feeds only": right.replace(b"\r\n", b"\n"),
        "carriage returns only": right.replace(b"\r\n", b"\r"),
        "line breaks before": b"\r\n\r\n" + right,
        "space before": b" " + right,
        "1 MB of a method": b"A" * 1_000_000,
        "1 MB of a path": b"GET /" + b"a" * 1_000_000,
        "1 MB of a header": b"GET / HTTP/1.1\r\n" + _HOST + b"X: " + b"a" * 1_000_000,
        "ten at once": right * 10,
        "a right one and nonsense": right + b"\x00\x01\x02 nonsense\r\n\r\n",
        "nonsense after close": right.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + right,
        "a body too many": right + good,
        "GET with a body": request("GET", "/check_service", good),
        "HEAD of the documents": request("HEAD", "/openapi.json"),
    }.items()
