"""What the service says of its own state."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Greeting(BaseModel):
    """The service is there."""

    Message: str


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"]


class RefusedChampion(BaseModel):
    """A champion that was promoted and cannot be used."""

    version: str
    code: str
    message: str


class Ready(BaseModel):
    """A model is being served: of which contract, which version, and whether a newer one had to be refused."""

    status: Literal["ready"]
    contract: str
    version: str
    fingerprint: str
    refused: RefusedChampion | None
