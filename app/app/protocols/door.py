"""The seam between the protocols and the service: what a protocol may ask of it, and nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.protocols.frames import Columns
    from model.contract import Contract

T = TypeVar("T")
SMALL_BYTES = 8_192  # translated in some 200 us: as long as the way to a thread and back


@dataclass(frozen=True, slots=True)
class Served:
    """What is being served at this moment."""

    contract: Contract
    version: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The service's answer to rows that passed the contract.

    labels: one for each row; scores: see `model.decision.Predictions`.
    probabilities: rows x classes, in the order of `contract.target.classes`; None in a regression.
    """

    contract: Contract
    version: str
    prediction_id: str
    labels: list[int | str | float]
    scores: list[float]
    probabilities: list[list[float]] | None


class Door(Protocol):
    """The service, as the protocols see it."""

    @property
    def max_body_bytes(self) -> int:
        """The largest body that is read."""
        ...

    @property
    def threads(self) -> anyio.CapacityLimiter:
        """In how many threads large bodies are translated at the same time."""
        ...

    def served(self) -> Served:
        """What is being served. Raises BundleNotFound while there is nothing."""
        ...

    async def predict(self, columns: Columns) -> Answered:
        """Validate, answer and log the rows of `columns`: what stands under "data" in a body of /get_prediction.

        Raises RowsRefused naming `data.<column>[<row>]`, and whatever else /get_prediction is refused with.
        """
        ...


async def translate(door: Door, size: int, translation: Callable[[], T]) -> T:
    """Run the translation of `size` bytes: here when it is small, else in a thread, so that it stalls nobody."""
    if size <= SMALL_BYTES:
        return translation()
    return await anyio.to_thread.run_sync(translation, limiter=door.threads)
