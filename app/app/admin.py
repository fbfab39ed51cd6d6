"""What operators may do over HTTP: promote, roll back, ask for a training. nginx does not publish the prefix.

The dashboard does the same by these methods, for whoever has signed in with the admin token.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from app.errors import ErrorResponse, refused
from model.askings import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.predictor import Predictor
    from model.registry import Registry

WHO = "admin"


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Promotion(_Words):
    """Which version is to serve, and why."""

    version: Annotated[str, Field(min_length=1, max_length=100)]
    why: Annotated[str, Field(max_length=500)] = ""


class Reason(_Words):
    """Why."""

    why: Annotated[str, Field(max_length=500)] = ""


class Asking(Reason):
    """Why a training is asked for; urgent: it does not wait for the cool-down."""

    urgent: bool = False


class Asked(BaseModel):
    """The training that the next `decide` will decide on."""

    asked_at: datetime


class Champion(BaseModel):
    """Which version is the champion now. Every worker serves it within two seconds."""

    champion: str


class Admin:
    """The admin routes: none at all without a token."""

    def __init__(self, registry: Registry, predictor: Predictor, token: str) -> None:
        """Hold what they act on."""
        self.registry = registry
        self.predictor = predictor
        self._token = token.encode()

    def table(self) -> APIRouter:
        """Every admin route."""
        table = APIRouter(
            prefix="/admin",
            tags=["admin"],
            dependencies=[Depends(self.authorize)],
            include_in_schema=False,
            responses={401: {"model": ErrorResponse}},
        )
        if self._token:
            table.post("/promote")(self.promote)
            table.post("/rollback")(self.rollback)
            table.post("/retrain", status_code=202)(self.retrain)
        return table

    async def authorize(self, request: Request) -> None:
        """Raise 401 unless the request brings the token."""
        scheme, _, offered = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(offered.encode(), self._token):
            raise refused(401)

    async def promote(self, promotion: Promotion) -> Champion:
        """Make a version the champion, once it has loaded and passed its self-test."""

        def act() -> str:
            self.registry.promote(promotion.version, who=WHO, why=promotion.why or "by HTTP")
            return promotion.version

        return await self._changed(act)

    async def rollback(self, reason: Reason) -> Champion:
        """Make the champion before this one the champion again."""
        return await self._changed(lambda: self.registry.rollback(who=WHO, why=reason.why or "by HTTP"))

    async def retrain(self, asking: Asking) -> Asked:
        """Ask for a training: the next `decide` decides on it, with that reason."""

        def act() -> datetime:
            file = self.registry.retraining_file
            return ask(file, who=WHO, why=asking.why or "by HTTP", urgent=asking.urgent).at

        return Asked(asked_at=await anyio.to_thread.run_sync(act))

    async def _changed(self, act: Callable[[], str]) -> Champion:
        version = await anyio.to_thread.run_sync(act)
        await anyio.to_thread.run_sync(self.predictor.refresh)
        return Champion(champion=version)
