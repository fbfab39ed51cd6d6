"""`python -m app`: the service on every core, with the wire as its protocol. Settings: SERVICE_* in the environment."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import uvicorn
from pydantic import ValidationError

from app.settings import ServiceSettings
from app.wire import Wire
from model.contract import explain

SECONDS_TO_FINISH: Final = 20
SECONDS_IDLE: Final = 65  # longer than nginx keeps its connections to us
WAITING_CONNECTIONS: Final = 4096


def main() -> None:
    """Serve until SIGTERM; requests under way are finished first."""
    try:
        settings = ServiceSettings()
    except ValidationError as error:
        sys.exit(f"error: {explain(error, 'a SERVICE_* variable is wrong')}")
    with tempfile.TemporaryDirectory(prefix="service-") as folder:
        os.environ.setdefault("SERVICE_METRICS_DIR", folder)
        uvicorn.run("app.main:create_app", **options(settings))


def options(settings: ServiceSettings) -> dict[str, Any]:
    """What uvicorn is told."""
    return {
        "factory": True,
        "http": Wire,
        "loop": "uvloop",
        "ws": "none",
        "workers": settings.workers,
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


if __name__ == "__main__":
    main()
