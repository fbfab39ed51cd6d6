"""Explanations on request: a few rows, scored some hundred times each, in a thread of their own beside the lane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.to_thread

from app.errors import OVERLOADED, Overloaded
from app.protocols.get_prediction import canonical, is_other_form
from app.protocols.get_prediction import columns as in_columns
from app.protocols.refusals import refusal
from model.explanation import evaluations, explain

if TYPE_CHECKING:
    from app.lane import Lane
    from app.serving import Serving

MOST_ROWS: Final = 10
# How much work may wait for the thread, in seconds.
SECONDS_OF_QUEUE: Final = 1.0


class Explainer:
    """One worker's. Every method is for the event loop's thread."""

    def __init__(self, lane: Lane) -> None:
        """One explanation at a time: predictions keep the other cores, and Python's lock is not held meanwhile."""
        self._lane = lane
        self._thread = anyio.CapacityLimiter(1)
        self._waiting = 0.0

    async def explain(self, serving: Serving, body: bytes) -> list[dict[str, Any]]:
        """For each row of a body its base and its columns' contributions, the largest first.

        Raises:
            RowsRefused: the rows break the contract, or are more than ten.
            Overloaded: too much is under way.
            BundleError: the model gave no answer.
        """
        seconds = price(serving, len(body))
        if self._is_full(seconds) or self._lane.is_full(serving.seconds(0)):
            self._lane.meter.refused[OVERLOADED.code] += 1
            raise Overloaded("too much is under way")
        self._waiting += seconds
        try:
            return await anyio.to_thread.run_sync(_explained, serving, body, limiter=self._thread)
        finally:
            self._waiting -= seconds

    def _is_full(self, seconds: float) -> bool:
        """What is alone is never too much."""
        return self._thread.borrowed_tokens > 0 and self._waiting + seconds > SECONDS_OF_QUEUE


def price(serving: Serving, size: int) -> float:
    """About how many seconds explaining a body of `size` bytes takes, known before it is decoded."""
    rows = min(MOST_ROWS, max(1, (size - serving.name_bytes) // serving.row_bytes))
    sample = serving.bundle.sample
    return float(serving.row_seconds * rows * evaluations(sample.shape[1], len(sample)))


def _explained(serving: Serving, body: bytes) -> list[dict[str, Any]]:
    if is_other_form(body):
        body = canonical(in_columns(body))
    rows = serving.read(body)
    if len(rows) > MOST_ROWS:
        raise refusal("query.explain", f"explains at most {MOST_ROWS} rows at a time, not {len(rows)}")
    found = explain(serving.bundle, rows)
    names = serving.contract.feature_names
    return [
        {"base": base, "contributions": _sorted(dict(zip(names, shares, strict=True)))}
        for base, shares in zip(found.base.tolist(), found.contributions.tolist(), strict=True)
    ]


def _sorted(shares: dict[str, float]) -> list[dict[str, Any]]:
    ordered = sorted(shares.items(), key=lambda share: -abs(share[1]))
    return [{"column": name, "contribution": share} for name, share in ordered]
