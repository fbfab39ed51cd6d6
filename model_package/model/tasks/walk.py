"""Where the shadow looks next for predictions without an answer: at the newest ones, and now and then at all.

There is no cursor to lose: what is answered stands in the table, so that a walk over anything, at any time, finds what
is missing there and nothing else. A walk only decides how soon a row is found. Rows do not arrive in the order of
`created_at`: workers' segments are shipped one after the other, and after an outage hours of them. So the walk begins
again and again a little before the newest row it has seen; now and then some more seconds before, so that no pass
reads all of those again; and from time to time at the moment at which shadowing began, which finds everything, however
late it came. A sweep that takes long is followed by a rest as many times as long, so that its share of the work stays
bounded when the table grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from model.derived.shadowing import Place

GLANCE_BACK: Final = timedelta(seconds=2)  # in every walk
LOOK_BACK: Final = timedelta(seconds=15)
BETWEEN_LOOKS: Final = LOOK_BACK
BETWEEN_SWEEPS: Final = timedelta(minutes=10)
RESTS_A_SWEEP: Final = 20


class Walk:
    """A place in the order of predictions. Moments are in UTC; `now` is the clock's."""

    def __init__(self, since: datetime, between_sweeps: timedelta = BETWEEN_SWEEPS) -> None:
        """Begin with a sweep of everything since then."""
        self.place = Place(since)
        self.newest = since
        self._since = since
        self._between = between_sweeps
        self._sweep_began: datetime | None = None
        self._next_sweep = self._next_look = datetime.min.replace(tzinfo=UTC)
        self._is_sweep = True

    def went(self, moments: Sequence[datetime], end: Place | None, now: datetime) -> bool:
        """Take in a page: when its rows were made, and its end. Returns whether it was the last one of this walk."""
        self._sweep_began = self._sweep_began or now
        seen = [*moments, *([] if end is None else [end.created_at])]
        # A row from a clock that is wrong must not have the walk wait for that clock's time.
        self.newest = max(self.newest, min(now, max(seen, default=self.newest)))
        if end is not None:
            self.place = end
            return False
        self._begin_again(self._sweep_began, now)
        return True

    def _begin_again(self, began: datetime, now: datetime) -> None:
        if self._is_sweep:
            self._next_sweep = now + max(self._between, RESTS_A_SWEEP * (now - began))
        self._is_sweep = now >= self._next_sweep
        back = GLANCE_BACK
        if now >= self._next_look:
            back, self._next_look = LOOK_BACK, now + BETWEEN_LOOKS
        self.place = Place(self._since if self._is_sweep else max(self._since, self.newest - back))
        self._sweep_began = None
