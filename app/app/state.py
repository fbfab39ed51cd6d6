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
    """A model is being served.

    served_by: its compiled form, or the scikit-learn pipeline itself, in a process of its own.
    log: how predictions are kept. refused: a newer version that cannot be used.
    """

    status: Literal["ready"]
    contract: str
    version: str
    fingerprint: str
    served_by: Literal["compiled", "pipeline"]
    log: Literal["durable", "async", "off"]
    refused: RefusedChampion | None
