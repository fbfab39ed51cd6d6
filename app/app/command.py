"""The command `python -m app`: settings in, uvicorn with the wire as its protocol out."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import uvicorn
from pydantic import ValidationError
from uvicorn import _subprocess

from app.main import create_app
from app.settings import ServiceSettings
from app.wire import Wire
from model.contract import explain

SECONDS_TO_FINISH: Final = 20
SECONDS_IDLE: Final = 65  # longer than nginx keeps its connections to us
WAITING_CONNECTIONS: Final = 4096
FACTORY: Final = f"{create_app.__module__}:{create_app.__name__}"


def main() -> None:
    """Serve until SIGTERM; requests under way are finished first."""
    try:
        settings = ServiceSettings()
    except ValidationError as error:
        sys.exit(f"error: {explain(error, 'a SERVICE_* variable is wrong')}")
    _remove_stale(settings.uds)
    # What has been imported lives for ever: the collector need not look through it again, in no worker.
    gc.freeze()
    gc.enable()
    # Workers are forked from this process, which has imported everything already: one that died is back in the time
    # that its model takes to load. uvicorn has no setting for that, and spawns.
    _subprocess.spawn = multiprocessing.get_context("fork")  # type: ignore[assignment]
    with tempfile.TemporaryDirectory(prefix="service-") as folder:
        os.environ.setdefault("SERVICE_METRICS_DIR", folder)
        uvicorn.run(FACTORY, **options(settings))


def _remove_stale(socket: Path | None) -> None:
    """A killed service leaves its socket file behind, and the next one could not listen there."""
    if socket is not None and socket.is_socket():
        socket.unlink()


def options(settings: ServiceSettings) -> dict[str, Any]:
    """What uvicorn is told."""
    return {
        "factory": True,
        "http": Wire,
        "loop": "uvloop",
        "ws": "none",
        "workers": settings.workers or os.cpu_count() or 1,
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "backlog": WAITING_CONNECTIONS,
        "timeout_keep_alive": SECONDS_IDLE,
        "timeout_graceful_shutdown": SECONDS_TO_FINISH,
        "app_dir": str(Path(__file__).parent.parent),
        # On a socket file only nginx can be the other side: what it says of its client is believed.
        **({"uds": str(settings.uds), "forwarded_allow_ips": "*"} if settings.uds else _address(settings)),
    }


def _address(settings: ServiceSettings) -> dict[str, Any]:
    return {"host": settings.host, "port": settings.port}
