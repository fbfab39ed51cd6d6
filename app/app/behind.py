"""The log written behind: answers are sent at once, and a thread keeps them after that."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Final

from app.log import Log
from app.records import MOST_RECORDS, Group, next_commit, records
from model.errors import StoreError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

    from app.asked import Asked
    from app.meter import Meter
    from app.recorder import Settle
    from app.serving import Serving

# Groups that may wait to be written.
MOST_BEHIND: Final = 1_000


class Behind:
    """Sends answers, then keeps them; what the disk cannot take is dropped and counted, and refuses nobody."""

    is_busy = False
    trouble = None

    def __init__(self, folder: Path, meter: Meter, most_bytes: int) -> None:
        """The folder is made when missing, at the first group."""
        self._log = Log(folder, most_bytes, durable=False)
        self._meter = meter
        self._groups: queue.SimpleQueue[Group | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def begin(self, loop: asyncio.AbstractEventLoop, settle: Settle, go_on: Callable[[], None]) -> None:  # noqa: ARG002 - the protocol's
        """Start the thread."""
        self._settle = settle
        self._thread.start()

    def keep(self, serving: Serving, group: list[Asked]) -> None:
        """Hand the records to the thread, and send the answers."""
        if self._groups.qsize() < MOST_BEHIND:
            self._groups.put(Group(serving.contract, records(serving, group), []))
        else:
            self._meter.records_dropped += len(group)
        self._settle(group, None)

    def close(self) -> None:
        """Write what is left."""
        if self._thread.is_alive():
            self._groups.put(None)
            self._thread.join()

    # ------------------------------------------------------------------------------- in the thread

    def _run(self) -> None:
        ended = False
        while not ended:
            groups, ended = self._gather()
            while groups:
                group, groups = next_commit(groups)
                self._commit(group)
        self._log.close()

    def _gather(self) -> tuple[list[Group], bool]:
        """Wait for a group, and take whatever else has gathered meanwhile; and whether that is all."""
        taken: list[Group] = []
        count = 0
        while count < MOST_RECORDS:
            if taken and self._groups.empty():
                break
            group = self._groups.get()
            if group is None:
                return taken, True
            taken.append(group)
            count += len(group.records)
        return taken, False

    def _commit(self, group: Group) -> None:
        began = time.perf_counter()
        try:
            self._log.commit(group)
        except StoreError:
            self._meter.records_dropped += len(group.records)
        self._meter.commit.observe(time.perf_counter() - began)
