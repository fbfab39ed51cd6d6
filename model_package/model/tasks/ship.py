"""The verb that empties the spool: ship.

Whatever ends it, and wherever, loses nothing: a segment is deleted when its writer has left it and the store has
committed all of it, and what is shipped again is known by its id.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from model.errors import StoreError
from model.spool import segment as files
from model.spool.shipper import Shipper
from model.tasks.following import alone, step_back, until_told
from model.tasks.job import Job, Summary
from model.truth import Recorded

if TYPE_CHECKING:
    import threading

SECONDS_BETWEEN_PASSES: Final = 1.0
SECONDS_BETWEEN_LINES: Final = 60.0
LONGEST_DELAY: Final = 30.0
LOCK: Final = ".shipping"


def ship(job: Job) -> Summary:
    """Ship what waits; with `ship_follow` also what comes, until SIGTERM or SIGINT, whether the store answers or not.

    Raises StoreError when the store does not answer, unless it follows.
    """
    settings = job.settings
    step_back()
    files.make_folder(settings.spool_dir)
    lock, doing = settings.spool_dir / LOCK, f"ships {settings.spool_dir}"
    with until_told() as stop, alone(lock, doing, job.report, stop):
        with Shipper(settings.spool_dir, settings.database_url.get_secret_value(), job.report, stop) as shipper:
            if settings.ship_follow:
                job.report(f"shipping what comes into {settings.spool_dir}")
                _Follower(job, shipper, stop).follow()
            else:
                shipper.ship()
        job.report(_told(shipper))
        return {"rows": shipper.rows, "added": shipper.added, "refused": shipper.refused}


def _told(shipper: Shipper) -> str:
    waiting = files.backlog(shipper.folder)
    refused = f", {shipper.refused} records refused (see refused/)" if shipper.refused else ""
    truths = f", truth among them: {shipper.truths}" if shipper.truths != Recorded() else ""
    shipped = f"shipped {shipper.rows} rows, {shipper.added} of them new{truths}{refused}"
    return f"{shipped}; {waiting.segments} segments are left"


class _Follower:
    """Passes over the spool, a second apart, or further while the store does not answer."""

    def __init__(self, job: Job, shipper: Shipper, stop: threading.Event) -> None:
        self._job = job
        self._shipper = shipper
        self._stop = stop
        self._silent_since: float | None = None
        self._delay = SECONDS_BETWEEN_PASSES
        self._told_rows = 0
        self._tell_at = 0.0

    def follow(self) -> None:
        """Until `stop` is set."""
        while not self._stop.is_set():
            try:
                self._shipper.ship()
            except StoreError as error:
                self._unanswered(error)
            else:
                self._answered()
            self._stop.wait(self._delay)

    def _unanswered(self, error: StoreError) -> None:
        if self._silent_since is None:
            self._silent_since = time.monotonic()
            self._job.report(f"{error}: predictions wait in the spool, and I try again until it does")
        self._delay = min(2 * self._delay, LONGEST_DELAY)

    def _answered(self) -> None:
        self._delay = SECONDS_BETWEEN_PASSES
        now = time.monotonic()
        if self._silent_since is not None:
            self._job.report(f"the store answers again, after {now - self._silent_since:.0f} s")
            self._silent_since = None
        if self._shipper.rows > self._told_rows and now >= self._tell_at:
            self._told_rows, self._tell_at = self._shipper.rows, now + SECONDS_BETWEEN_LINES
            self._job.report(_told(self._shipper))
