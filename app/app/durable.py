"""The durable log: an answer leaves when what it says is on the disk.

One commit is under way at a time. What is asked meanwhile waits, unscored, for the next one (`is_busy`): so answers
that were sent together come back as one batch and one commit, and half the cost of each. While the disk is at work,
the answers that wait for it are put into bytes.

Appending to the log is some writes to memory, done on the event loop; the flush is the kernel's (`app.flusher`); what
takes longer, a new segment or a look at the folder once a second, is done in a thread.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from app.flusher import Flusher
from app.log import Log
from app.records import Group, next_commit, records
from model.errors import StoreError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

    from app.asked import Asked
    from app.meter import Meter
    from app.recorder import Settle
    from app.serving import Serving

SECONDS_TO_END: Final = 10.0
SECONDS_BETWEEN_LOOKS: Final = 0.002


class Durable:
    """Keeps answers in the spool, then sends them. Every method but `close` is for the event loop's thread."""

    def __init__(self, folder: Path, meter: Meter, most_bytes: int) -> None:
        """The folder is made when missing, at the first group."""
        self.is_busy = False
        self._log = Log(folder, most_bytes, durable=True)
        self._meter = meter
        self._gathered: list[Group] = []
        self._under_way: list[Asked] = []
        self._began = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recorder")

    @property
    def trouble(self) -> StoreError | None:
        """What the last commit failed with, until it is time to try again."""
        return self._log.trouble

    def begin(self, loop: asyncio.AbstractEventLoop, settle: Settle, go_on: Callable[[], None]) -> None:
        """Find out who flushes here."""
        self._loop = loop
        self._settle = settle
        self._go_on = go_on
        self._flusher = Flusher(loop, self._flushed)

    def keep(self, serving: Serving, group: list[Asked]) -> None:
        """Commit a group now, or with the next commit."""
        self._gathered.append(Group(serving.contract, records(serving, group), group))
        if not self.is_busy:
            self._commit()

    def close(self) -> None:
        """Wait until what is under way has ended: in another thread than the loop's, which goes on meanwhile."""
        until = time.monotonic() + SECONDS_TO_END
        while self.is_busy and time.monotonic() < until:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        self._thread.shutdown()
        self._log.close()

    def _commit(self) -> None:
        group, self._gathered = next_commit(self._gathered)
        self.is_busy, self._under_way, self._began = True, group.waiting, time.perf_counter()
        if not self._log.is_quick(sum(map(len, group.records))):
            self._thread.submit(self._append_elsewhere, group)
            return
        try:
            descriptor = self._log.append(group)
        except StoreError as error:
            self._ended(error)
        else:
            self._appended(descriptor)

    def _append_elsewhere(self, group: Group) -> None:
        """In the thread."""
        try:
            descriptor = self._log.append(group)
        except StoreError as error:
            self._loop.call_soon_threadsafe(self._ended, error)
        else:
            self._loop.call_soon_threadsafe(self._appended, descriptor)

    def _appended(self, descriptor: int) -> None:
        self._flusher.flush(descriptor)
        for asked in self._under_way:
            asked.prepare()

    def _flushed(self, failed: OSError | None) -> None:
        try:
            self._log.flushed(failed)
        except StoreError as error:
            self._ended(error)
        else:
            self._ended(None)

    def _ended(self, error: StoreError | None) -> None:
        self._meter.commit.observe(time.perf_counter() - self._began)
        waiting, self._under_way = self._under_way, []
        self._settle(waiting, error)
        # Two turns of the loop, of which the second has read what came back: see above.
        self._loop.call_soon(self._loop.call_soon, self._next)

    def _next(self) -> None:
        self._go_on()
        if self._gathered:
            self._commit()
        else:
            self.is_busy = False
