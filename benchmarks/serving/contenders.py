"""Who takes part: the service in its three ways of logging, its peers, and the ceilings."""

from __future__ import annotations

import shutil
import sys

from benchmarks.serving import wire
from benchmarks.serving.contender import HERE, ROOT, Contender, Place, uvicorn
from benchmarks.serving.rivals import PEERS

# ----------------------------------------------------------------------------------------------- ours


def _service(_: Place) -> list[str]:
    return [sys.executable, "-m", "app"]


def _ours(log: str, words: str) -> Contender:
    def environment(place: Place) -> dict[str, str]:
        return {
            "PYTHONPATH": str(ROOT / "app"),
            "SERVICE_HOST": "127.0.0.1",
            "SERVICE_PORT": str(place.port),
            "SERVICE_WORKERS": "1",
            "SERVICE_ARTIFACTS_DIR": str(place.work.artifacts),
            "SERVICE_LOG": log,
            "SERVICE_SPOOL_DIR": str(place.folder / "spool"),
            "SERVICE_LOG_LEVEL": "warning",
        }

    return Contender(f"ours-{log}", f"infra-mlops, log {log}", "ours", words, wire.README, _service, environment)


OURS = (
    _ours("off", "one worker, predictions are not stored"),
    _ours("async", "one worker, predictions are stored after their answer"),
    _ours("durable", "one worker, predictions are on disk before their answer"),
)

# --------------------------------------------------------------------------------------------- ceilings


def _hello(name: str, label: str, setting: str) -> Contender:
    module = name.replace("-", "_")
    return Contender(
        name,
        label,
        "ceiling",
        setting,
        wire.README,
        lambda place: uvicorn(sys.executable, place.port, HERE / "ceilings", f"{module}:app"),
        lambda _: {},
        constant=True,
    )


def _nginx_files(place: Place, environment: dict[str, str]) -> None:  # noqa: ARG001 - nginx takes a file
    template = (HERE / "ceilings" / "nginx.conf.in").read_text()
    (place.folder / "nginx.conf").write_text(
        template.replace("PREFIX", str(place.folder)).replace("PORT", str(place.port))
    )


def _nginx() -> str:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin") or "nginx"


CEILINGS = (
    _hello(
        "hello-asgi", "ceiling: bare ASGI hello", "uvicorn, uvloop, httptools; reads the body, answers the same bytes"
    ),
    _hello("hello-fastapi", "ceiling: FastAPI hello", "the same uvicorn; a pydantic body of thirteen lists, no model"),
    Contender(
        "nginx",
        "ceiling: nginx, static",
        "ceiling",
        "one worker, no access log; answers the same bytes",
        wire.README,
        lambda place: [_nginx(), "-p", str(place.folder), "-c", str(place.folder / "nginx.conf")],
        lambda _: {},
        _nginx_files,
        needed="nginx",
        constant=True,
    ),
)
ALL = (*OURS, *CEILINGS, *PEERS)
