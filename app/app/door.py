"""Predictions for the application's routes: the same lane as the wire's, awaited."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

from app.access import current_request
from app.asked import Answered, Awaited
from app.errors import Overloaded

if TYPE_CHECKING:
    from app.lane import Lane
    from app.serving import Serving
    from model.decision import Predictions

# Large requests that may wait for a thread. More would only hold more bodies in memory.
MOST_ELSEWHERE: Final = 16


class Door:
    """One worker's door to its lane. Every method is for the event loop's thread."""

    def __init__(self, lane: Lane, threads: int) -> None:
        """threads: large requests that are decoded and scored at the same time."""
        self.lane = lane
        self._threads = anyio.CapacityLimiter(threads)
        self._elsewhere = 0

    def serving(self) -> Serving:
        """What is in use. Raises BundleNotFound while there is nothing."""
        return self.lane.predictor.serving()

    async def answer(self, serving: Serving, body: bytes) -> Answered:
        """Answer a body in the canonical form.

        Raises:
            RowsRefused: it breaks the contract.
            Overloaded: too much is under way.
            StoreError: the prediction cannot be kept.
            BundleError: the model gave no answer.
        """
        asked = Awaited(serving, body, current_request.get().encode(), perf_counter())
        self._check(large=len(body) > self.lane.small_body)
        columns = serving.decoder.many(body) if len(body) <= self.lane.small_body else None
        if columns is None:
            await self._answer_elsewhere(asked)
        else:
            self.lane.batcher.ask(asked, columns)
        return await asked.answer()

    def _check(self, *, large: bool) -> None:
        lane = self.lane
        if lane.recorder.trouble is not None:
            raise lane.recorder.trouble
        if lane.is_full or (large and self._elsewhere >= MOST_ELSEWHERE):
            raise Overloaded("too much is under way")

    async def _answer_elsewhere(self, asked: Awaited) -> None:
        """Ten thousand rows take a second: in a thread, because others must not wait for them."""
        self._elsewhere += 1
        try:
            predictions = await anyio.to_thread.run_sync(_read_and_predict, asked, limiter=self._threads)
        finally:
            self._elsewhere -= 1
        self.lane.batcher.answered(asked, predictions)


def _read_and_predict(asked: Awaited) -> Predictions:
    return asked.serving.predict(asked.serving.read(asked.body))
