"""Predictions for the application's routes: the same lane as the wire's, awaited."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

from app.access import current_request
from app.asked import Awaited
from app.errors import OVERLOADED, Overloaded
from app.protocols.door import Answered, Served, translate
from app.protocols.get_prediction import canonical, is_other_form
from app.protocols.get_prediction import columns as in_columns

if TYPE_CHECKING:
    from app.lane import Lane
    from app.protocols.frames import Columns
    from app.serving import Serving
    from app.settings import ServiceSettings
    from model.decision import Predictions

# How much work may wait for the threads, in seconds. More would only hold more bodies in memory.
SECONDS_ELSEWHERE: Final = 1.0
BYTES_A_VALUE: Final = 8  # about


class Door:
    """One worker's door to its lane. Every method is for the event loop's thread."""

    def __init__(self, lane: Lane, settings: ServiceSettings) -> None:
        """settings.threads: large requests that are decoded and scored at the same time."""
        self.lane = lane
        self.max_body_bytes = settings.max_body_bytes
        self.threads = anyio.CapacityLimiter(settings.threads)
        self._elsewhere = 0.0

    def serving(self) -> Serving:
        """What is in use. Raises BundleNotFound while there is nothing."""
        return self.lane.predictor.serving()

    def served(self) -> Served:
        """What is in use, as the protocols see it. Raises BundleNotFound while there is nothing."""
        serving = self.serving()
        return Served(serving.contract, serving.version)

    async def predict(self, columns: Columns) -> Answered:
        """Answer columns of plain JSON values: what stands under "data" in a body. Raises as `answer`."""
        size = sum(map(len, columns.values())) * BYTES_A_VALUE
        body = await translate(self, size, lambda: canonical(columns))
        return await self.answer(self.serving(), body)

    async def answer(self, serving: Serving, body: bytes) -> Answered:
        """Answer a body in the canonical form.

        Raises:
            RowsRefused: it breaks the contract.
            Overloaded: too much is under way.
            StoreError: the prediction cannot be kept.
            BundleError: the model gave no answer.
        """
        asked = Awaited(serving, body, current_request.get().encode(), perf_counter())
        self._check(asked, large=len(body) > self.lane.small_body)
        columns = serving.decoder.many(body) if len(body) <= self.lane.small_body else None
        if columns is None:
            await self._answer_elsewhere(asked)
        else:
            self.lane.batcher.ask(asked, columns)
        return await asked.answer()

    def _check(self, asked: Awaited, *, large: bool) -> None:
        lane = self.lane
        if lane.recorder.trouble is not None:
            raise lane.recorder.trouble
        too_much = self._elsewhere + asked.seconds > SECONDS_ELSEWHERE if large and self._elsewhere else False
        if too_much or (not large and lane.is_full(asked.seconds)):
            lane.meter.refused[OVERLOADED.code] += 1
            raise Overloaded("too much is under way")

    async def _answer_elsewhere(self, asked: Awaited) -> None:
        """Ten thousand rows take a second: in a thread, because others must not wait for them."""
        self._elsewhere += asked.seconds
        try:
            predictions = await anyio.to_thread.run_sync(_read_and_predict, asked, limiter=self.threads)
        finally:
            self._elsewhere -= asked.seconds
        self.lane.batcher.answered(asked, predictions)


def _read_and_predict(asked: Awaited) -> Predictions:
    asked.serving.refuse_at_sight(asked.body)
    if is_other_form(asked.body):
        asked.body = canonical(in_columns(asked.body))
    return asked.serving.predict(asked.serving.read(asked.body))
