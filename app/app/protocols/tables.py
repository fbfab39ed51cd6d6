"""Every protocol's routes, and what belongs around the application that has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.protocols import mlflow_routes
from app.protocols.v2 import routes as v2_routes
from app.protocols.v2.errors import ErrorsAsText

if TYPE_CHECKING:
    from fastapi import FastAPI

    from app.protocols.door import Door


def add_protocols(app: FastAPI, door: Door) -> None:
    """Speak every protocol through `door`. To be called last: what is added later lies outside of it."""
    app.include_router(v2_routes.Routes(door).table())
    app.include_router(mlflow_routes.Routes(door).table())
    app.add_middleware(ErrorsAsText)
