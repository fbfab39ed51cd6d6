"""The whole service. `python -m app` runs it on every core; any ASGI server can, by the factory `create_app`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from app import errors, logs, telemetry
from app.access import Access
from app.admin import Admin
from app.batcher import Batcher
from app.dashboard.routes import Dashboard
from app.dashboard.store_boards import boards_of
from app.documents import Documents
from app.door import Door
from app.ground_truth import GroundTruth
from app.lane import SMALL_BODY, Lane
from app.meter import Meter
from app.metrics import Metrics
from app.predictor import Predictor
from app.protocols.tables import add_protocols
from app.recorder import recorder_of
from app.routes import Routes
from app.settings import ServiceSettings
from model.registry import Registry
from model.signature import read_public_keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from app.dashboard.reading import BoardReader

STATIC = Path(__file__).parent / "static"


def create_app(settings: ServiceSettings | None = None, read_board: BoardReader | None = None) -> FastAPI:
    """The service. Before its first request it loads the champion, if there is one, and begins to follow it.

    read_board: where the dashboard's boards come from, when not from the registry and what the settings name.
    """
    settings = settings or ServiceSettings()
    logs.configure(settings.log_level)
    keys = read_public_keys(settings.signing_key) if settings.signing_key is not None else None
    registry = Registry(settings.artifacts_dir, settings.contract, verify_key=keys)
    meter = Meter()
    predictor = Predictor(registry, settings.contract, retry_seconds=settings.retry_seconds)
    recorder = recorder_of(settings, meter)
    small = min(SMALL_BODY, settings.max_body_bytes)
    lane = Lane(predictor, recorder, Batcher(recorder, meter), meter, settings.max_in_flight, small)
    metrics = Metrics(lane, settings)
    spans = telemetry.provider() if telemetry.is_configured() else None

    door = Door(lane, settings)
    truth = GroundTruth(door, settings)

    @asynccontextmanager
    async def follow_champion(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        await anyio.to_thread.run_sync(predictor.refresh)
        lane.batcher.begin()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(predictor.watch, settings.poll_seconds)
            tasks.start_soon(metrics.publish)
            yield {"lane": None if spans else lane}
            tasks.cancel_scope.cancel()
        await anyio.to_thread.run_sync(lane.batcher.close)
        await anyio.to_thread.run_sync(truth.close)
        predictor.close()
        if spans:
            await anyio.to_thread.run_sync(spans.shutdown)

    # openapi_url=None: FastAPI's own routes know neither the bundle in use nor a page that works offline.
    app = FastAPI(
        lifespan=follow_champion, openapi_url=None, redirect_slashes=False, exception_handlers=errors.HANDLERS
    )
    app.state.predictor = predictor
    app.openapi = Documents(app.routes, predictor)  # type: ignore[method-assign]  # FastAPI's documented way
    app.include_router(Routes(lane, door, settings).table(app.openapi))
    app.include_router(truth.table())
    app.include_router(metrics.table())
    admin = Admin(registry, predictor, settings.admin_secret())
    app.include_router(admin.table())
    boards = read_board or boards_of(registry, predictor, settings.database_url)
    app.include_router(Dashboard(boards, door, admin, metrics, settings).table())
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    if spans:
        app.add_middleware(telemetry.Spans, provider=spans)
    app.add_middleware(Access, meter=meter)
    add_protocols(app, door)
    return app
