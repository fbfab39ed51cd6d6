"""The one way from a request to its answer, whoever received it: model, batcher and recorder of one worker process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from app.batcher import Batcher
    from app.meter import Meter
    from app.predictor import Predictor
    from app.recorder import Recorder

# How much work may be under way, in seconds of the event loop: what is more than that is refused at once, while it is
# still cheap to. Measured: clients that wait a second get nothing from a queue of a second, everything from this one;
# and 64 clients that ask for a hundred rows of a forest at a time all find room in it.
SECONDS_OF_QUEUE: Final = 0.15
# Bytes that are decoded on the event loop, in some 100 us, as long as the way to a thread and back takes.
SMALL_BODY: Final = 16_384


@dataclass(slots=True)
class Lane:
    """Held by the application's lifespan, one in each process.

    most_in_flight: how many requests may be under way; 0: as many as their work allows.
    small_body: bytes of a request that is decoded on the event loop.
    """

    predictor: Predictor
    recorder: Recorder
    batcher: Batcher
    meter: Meter
    most_in_flight: int = 0
    small_body: int = SMALL_BODY

    def is_full(self, seconds: float) -> bool:
        """Whether a request that takes so long would wait too long. What is alone never does."""
        meter = self.meter
        if not meter.in_flight:
            return False
        return meter.load + seconds > SECONDS_OF_QUEUE or 0 < self.most_in_flight <= meter.in_flight
