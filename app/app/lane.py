"""The one way from a request to its answer, whoever received it: model, batcher and recorder of one worker process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from app.batcher import Batcher
    from app.meter import Meter
    from app.predictor import Predictor
    from app.recorder import Recorder

# How long a request may wait behind others: what is more than that is refused at once, while it is still cheap to.
# Measured: clients that wait a second get nothing from a queue of a second, and everything from one of a tenth.
SECONDS_OF_QUEUE: Final = 0.1
# What a request costs beside the model.
SECONDS_A_REQUEST: Final = 0.00004
FEWEST, MOST = 8, 2_048
# Bytes that are decoded in some 100 us, as long as the way to a thread and back takes.
SMALL_BODY: Final = 16_384


@dataclass(slots=True)
class Lane:
    """Held by the application's lifespan, one in each process.

    most_in_flight: how many requests may be under way; 0: as many as the model answers in `SECONDS_OF_QUEUE`.
    small_body: bytes of a request that is decoded on the event loop.
    """

    predictor: Predictor
    recorder: Recorder
    batcher: Batcher
    meter: Meter
    most_in_flight: int = 0
    small_body: int = SMALL_BODY

    @property
    def is_full(self) -> bool:
        """Whether one more request would wait too long."""
        return self.meter.in_flight >= self.bound

    @property
    def bound(self) -> int:
        """How many requests may be under way with the model in use."""
        current = self.predictor.current
        if self.most_in_flight or current is None:
            return self.most_in_flight or FEWEST
        return max(FEWEST, min(MOST, int(SECONDS_OF_QUEUE / (current.row_seconds + SECONDS_A_REQUEST))))
