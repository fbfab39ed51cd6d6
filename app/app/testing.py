"""The service as it runs, for tests: uvicorn on a port of its own, a client of it, and the registry it follows."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import uvicorn

from app.asked import new_ids
from app.main import create_app
from app.protocols.door import Answered, Served
from app.protocols.get_prediction import canonical
from app.settings import ServiceSettings
from app.wire import Wire
from model.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastapi import FastAPI

    from app.dashboard.reading import BoardReader
    from app.predictor import Predictor
    from app.protocols.frames import Columns

PATIENCE_SECONDS = 60  # only a service that hangs makes anybody wait so long
SOON = 0.05


@dataclass(frozen=True)
class Service:
    """A running service."""

    app: FastAPI
    client: httpx.Client
    registry: Registry

    def predict(self, body: Any) -> httpx.Response:  # noqa: ANN401 - right or wrong
        """Ask for a prediction: `body` as JSON, or its bytes as they are."""
        if isinstance(body, bytes):
            headers = {"Content-Type": "application/json"}
            return self.client.post("/get_prediction", content=body, headers=headers)
        return self.client.post("/get_prediction", json=body)

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until readiness says what is awaited; returns what it says. Raises TimeoutError."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        said: dict[str, Any] = {}
        while time.monotonic() < deadline:
            said = self.client.get("/health/ready").json()
            if holds(said):
                return said
            time.sleep(SOON)
        raise TimeoutError(f"readiness still says {said}")


@contextmanager
def serve(
    artifacts: Path,
    name: str,
    prepare: Callable[[FastAPI], None] | None = None,
    read_board: BoardReader | None = None,
    **settings: Any,  # noqa: ANN401 - those of ServiceSettings
) -> Iterator[Service]:
    """Serve the champion of the contract called `name`; `prepare` may add to the application before it starts.

    read_board: what the dashboard shows, when not what the registry knows.
    """
    quick = {"poll_seconds": SOON, "log_level": "error", "log": "off", "spool_dir": artifacts / "spool"}
    app = create_app(ServiceSettings(artifacts_dir=artifacts, contract=name, **{**quick, **settings}), read_board)
    if prepare is not None:
        prepare(app)
    with listen(app) as address, httpx.Client(base_url=address, timeout=PATIENCE_SECONDS, trust_env=False) as client:
        yield Service(app, client, Registry(artifacts, name))


@contextmanager
def listen(app: FastAPI) -> Iterator[str]:
    """Run uvicorn in a thread, on a free port of the loopback; yields the address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, ws="none", http=Wire))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the service did not start")
            time.sleep(SOON)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


class PredictorDoor:
    """A door for the protocols without a lane behind it: every answer is made at once, and none is kept."""

    max_body_bytes = 1_000_000

    def __init__(self, predictor: Predictor) -> None:
        """The predictor has a champion."""
        self.predictor = predictor
        self.threads = anyio.CapacityLimiter(1)

    def served(self) -> Served:
        """See `app.protocols.door.Door`."""
        serving = self.predictor.serving()
        return Served(serving.contract, serving.version)

    async def predict(self, columns: Columns) -> Answered:
        """See `app.protocols.door.Door`."""
        serving = self.predictor.serving()
        predictions = serving.predict(serving.read(canonical(columns)))
        probabilities = predictions.probabilities
        return Answered(
            contract=serving.contract,
            version=serving.version,
            prediction_id=new_ids(1)[0].decode(),
            labels=predictions.labels,
            scores=predictions.scores.tolist(),
            probabilities=None if probabilities is None else probabilities.tolist(),
        )
