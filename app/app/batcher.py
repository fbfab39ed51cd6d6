"""Micro-batching: rows of concurrent requests are scored together, and never wait for one another.

What came in one turn of the event loop makes one batch, scored in the next turn: a request that comes alone is
answered alone, at once. A row joins a batch only after it has passed the contract, and each batch is of one model.
While a commit of the log is under way, what comes is scored when it ends: the commit after it takes all of that.
A model so slow that a batch would hold up the event loop is asked in a thread; what comes meanwhile is the next batch.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import numpy as np

from app.asked import new_ids
from app.serving import as_json, stacked
from model.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.asked import Asked
    from app.meter import Meter
    from app.recorder import Recorder
    from app.serving import Serving
    from model.decision import Predictions
    from model.derived.decoder import Columns, Row
    from model.derived.encoding import Floats

log = logging.getLogger(__name__)

MOST_ROWS_A_BATCH: Final = 128
# How long the event loop may be held up by a batch.
MOST_SECONDS_INLINE: Final = 0.002


class Batcher:
    """Answers requests of one event loop. Every method is for that loop's thread."""

    def __init__(self, recorder: Recorder, meter: Meter) -> None:
        """`recorder` keeps each answer before it is sent, and calls back `settle` and `go_on`."""
        self._recorder = recorder
        self._meter = meter
        self._waiting: list[Asked] = []
        self._several: deque[tuple[Asked, Floats]] = deque()
        self._busy = False
        self._held = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="scorer")

    def begin(self) -> None:
        """Within the event loop whose requests it will answer."""
        self._loop = asyncio.get_running_loop()
        self._recorder.begin(self._loop, self.settle, self.go_on)

    def ask(self, asked: Asked, columns: Columns) -> None:
        """Have what the decoder read answered: one row together with others', several rows as a batch of their own."""
        if len(columns[0]) == 1:
            self.ask_one(asked, [column[0] for column in columns])
        else:
            self._ask_several(asked, stacked(columns))

    def ask_one(self, asked: Asked, row: Row) -> None:
        """Have one row answered."""
        asked.row = row
        self._waiting.append(asked)
        self._meter.begin(asked.seconds)
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._turn)

    def _ask_several(self, asked: Asked, rows: Floats) -> None:
        """In a later turn: what is ready to be read meanwhile is read, and refused if this and others are enough."""
        self._meter.begin(asked.seconds)
        self._several.append((asked, rows))
        if len(self._several) == 1:
            self._loop.call_soon(self._turn_of_several)

    def _turn_of_several(self) -> None:
        asked, rows = self._several[0]
        if len(rows) * asked.serving.row_seconds > MOST_SECONDS_INLINE:
            self._thread.submit(self._score_rows_elsewhere, asked, rows)
            return
        try:
            predictions = asked.serving.predict(rows)
        except Exception as error:  # noqa: BLE001 - a door: no request may be left without an answer
            self._after_several(self._fail, [asked], error)
        else:
            self._after_several(self._keep_rows, asked, predictions)

    def _after_several(self, act: Callable[..., None], *what: object) -> None:
        self._several.popleft()
        if self._several:
            self._loop.call_soon(self._turn_of_several)
        act(*what)

    def answered(self, asked: Asked, predictions: Predictions) -> None:
        """Take in a request of many rows that has been scored elsewhere."""
        self._meter.begin(asked.seconds)
        self._keep_rows(asked, predictions)

    def settle(self, group: Sequence[Asked], error: Exception | None = None) -> None:
        """Send the answers of a group, or tell each why there is none."""
        for asked in group:
            if error is not None:
                asked.error = error
            asked.settle()
        now, meter = time.perf_counter(), self._meter
        for asked in group:
            meter.latency.observe(now - asked.began)
            meter.end(asked.seconds)

    def close(self) -> None:
        """Once no request is under way. Blocking."""
        self._thread.shutdown()
        self._recorder.close()

    def go_on(self) -> None:
        """The recorder is about to commit: score what has waited for that."""
        if self._held:
            self._held = False
            self._batch()

    def _turn(self) -> None:
        first = self._waiting[0].serving
        if self._recorder.is_busy and len(self._waiting) * first.row_seconds <= MOST_SECONDS_INLINE:
            self._held = True
        else:
            self._batch()

    def _batch(self) -> None:
        serving, group = self._take()
        if len(group) * serving.row_seconds > MOST_SECONDS_INLINE:
            self._thread.submit(self._score_elsewhere, serving, group)
        else:
            self._score(serving, group)
            self._next()

    def _take(self) -> tuple[Serving, list[Asked]]:
        """The requests that were first, all of one model: a swap may fall between two of them."""
        group, rest = self._waiting[:MOST_ROWS_A_BATCH], self._waiting[MOST_ROWS_A_BATCH:]
        serving = group[0].serving
        others = [asked for asked in group if asked.serving is not serving]
        if others:
            group = [asked for asked in group if asked.serving is serving]
        self._waiting = others + rest
        return serving, group

    def _next(self) -> None:
        self._busy = bool(self._waiting)
        if self._busy:
            self._loop.call_soon(self._turn)

    def _score(self, serving: Serving, group: list[Asked]) -> None:
        try:
            predictions = _predict(serving, group)
        except Exception as error:  # noqa: BLE001 - a door: no request may be left without an answer
            self._fail(group, error)
        else:
            self._keep(serving, group, predictions)

    def _score_elsewhere(self, serving: Serving, group: list[Asked]) -> None:
        """In the scorer's thread."""
        try:
            predictions = _predict(serving, group)
        except Exception as error:  # noqa: BLE001 - as in `_score`
            self._loop.call_soon_threadsafe(self._after, self._fail, group, error)
        else:
            self._loop.call_soon_threadsafe(self._after, self._keep, serving, group, predictions)

    def _score_rows_elsewhere(self, asked: Asked, rows: Floats) -> None:
        """In the scorer's thread."""
        try:
            predictions = asked.serving.predict(rows)
        except Exception as error:  # noqa: BLE001 - as in `_score`
            self._loop.call_soon_threadsafe(self._after_several, self._fail, [asked], error)
        else:
            self._loop.call_soon_threadsafe(self._after_several, self._keep_rows, asked, predictions)

    def _after(self, act: Callable[..., None], *what: object) -> None:
        act(*what)
        self._next()

    def _keep(self, serving: Serving, group: list[Asked], predictions: Predictions) -> None:
        labels, scores, output = predictions.labels, predictions.scores.tolist(), _output(predictions)
        spoken, figures = serving.say(labels), as_json(scores)
        ids = new_ids(len(group))
        for place, asked in enumerate(group):
            asked.id, asked.said, asked.figures = ids[place], spoken[place], figures[place]
            if asked.whole:
                asked.labels, asked.scores, asked.output = [labels[place]], [scores[place]], output[place : place + 1]
        self._meter.batch_rows.observe(len(group))
        self._meter.predictions[serving.version] += len(group)
        self._recorder.keep(serving, group)

    def _keep_rows(self, asked: Asked, predictions: Predictions) -> None:
        serving, labels, scores = asked.serving, predictions.labels, predictions.scores.tolist()
        asked.id, asked.said, asked.figures = new_ids(1)[0], b",".join(serving.say(labels)), b",".join(as_json(scores))
        asked.several = True
        if asked.whole:
            asked.labels, asked.scores, asked.output = labels, scores, _output(predictions)
        self._meter.batch_rows.observe(len(labels))
        self._meter.predictions[serving.version] += len(labels)
        self._recorder.keep(serving, [asked])

    def _fail(self, group: list[Asked], error: Exception) -> None:
        log.error("a batch failed", exc_info=error, extra={"rows": len(group), "version": group[0].serving.version})
        self.settle(group, error if isinstance(error, BundleError) else BundleError("the model gave no answer"))


def _predict(serving: Serving, group: Sequence[Asked]) -> Predictions:
    return serving.predict(np.array([asked.row for asked in group], dtype=np.float64))


def _output(predictions: Predictions) -> Floats:
    return predictions.scores if predictions.probabilities is None else predictions.probabilities
