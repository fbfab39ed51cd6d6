"""The whole service: `uvicorn --app-dir app --factory app.main:create_app`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from app import errors, logs
from app.access import Access
from app.documents import Documents
from app.predictor import Predictor
from app.routes import Routes
from app.settings import ServiceSettings
from model.registry import Registry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STATIC = Path(__file__).parent / "static"


def create_app(settings: ServiceSettings | None = None) -> FastAPI:
    """The service. Before its first request it loads the champion, if there is one, and begins to follow it."""
    settings = settings or ServiceSettings()
    logs.configure(settings.log_level)
    registry = Registry(settings.artifacts_dir, settings.contract)
    predictor = Predictor(registry, settings.contract, retry_seconds=settings.retry_seconds)

    @asynccontextmanager
    async def follow_champion(_: FastAPI) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(predictor.refresh)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(predictor.watch, settings.poll_seconds)
            yield
            tasks.cancel_scope.cancel()

    # openapi_url=None: FastAPI's own routes know neither the bundle in use nor a page that works offline.
    app = FastAPI(
        lifespan=follow_champion, openapi_url=None, redirect_slashes=False, exception_handlers=errors.HANDLERS
    )
    app.state.predictor = predictor
    app.openapi = Documents(app.routes, predictor)  # type: ignore[method-assign]  # FastAPI's documented way
    app.include_router(Routes(predictor, settings).table(app.openapi))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Access)
    return app
