"""The log of predictions: what was answered is kept before it is sent, by group commit.

A thread commits what has been answered to the spool, group after group: while one group is being written, the next
one gathers. The answers of a group leave when its commit has returned. Requests that come alone wait for one
fdatasync; under load many share it.

    durable   nothing that was answered is lost, not even when the power fails
    async     answered first, written behind: a crash loses what was not yet written (a second's worth or less), and
              when the disk cannot keep up or fails, the newest records are dropped, counted and logged
    off       nothing is kept
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from model.errors import SpoolFull, StoreError, bounded
from model.spool import SpoolWriter

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence
    from pathlib import Path

    from app.asked import Asked
    from app.meter import Meter
    from app.serving import Serving
    from app.settings import ServiceSettings
    from model.contract import Contract

log = logging.getLogger(__name__)

# Records of one commit, so that no answer waits for a long one.
MOST_RECORDS: Final = 256
MICROSECONDS: Final = 1_000_000
# Groups that may wait to be written behind.
MOST_BEHIND: Final = 1_000
SECONDS_UNTIL_TRIED_AGAIN: Final = 1.0


class Settle(Protocol):
    """`Batcher.settle`."""

    def __call__(self, group: Sequence[Asked], error: Exception | None = None) -> None:
        """Send the answers of a group, or the error."""


class Group(NamedTuple):
    """What is committed together: records under one contract, and who waits for that."""

    contract: Contract
    records: list[bytes]
    waiting: list[Asked]


class Recorder(Protocol):
    """Keeps answers and has them sent."""

    @property
    def trouble(self) -> StoreError | None:
        """Why nothing can be kept at the moment, None when all is well."""

    def begin(self, loop: asyncio.AbstractEventLoop, settle: Settle) -> None:
        """Called once. `settle` is called on `loop` for each group that may be sent."""

    def keep(self, serving: Serving, group: list[Asked]) -> None:
        """Keep the answers of a group. On the loop's thread."""

    def close(self) -> None:
        """Write what is left. Blocking."""


def recorder_of(settings: ServiceSettings, meter: Meter) -> Recorder:
    """The recorder that the settings ask for."""
    if settings.log == "off":
        return Forgetful()
    return Spooling(settings.spool_dir, meter, behind=settings.log == "async", most_bytes=settings.spool_bytes)


class Forgetful:
    """Keeps nothing."""

    trouble = None

    def begin(self, loop: asyncio.AbstractEventLoop, settle: Settle) -> None:  # noqa: ARG002 - the protocol's
        """Nothing to begin."""
        self._settle = settle

    def keep(self, serving: Serving, group: list[Asked]) -> None:  # noqa: ARG002 - the protocol's
        """Send at once."""
        self._settle(group, None)

    def close(self) -> None:
        """Nothing is left."""


class Spooling:
    """Keeps answers in the spool, in a thread of its own; sends them after that, or with `behind` before it."""

    def __init__(self, folder: Path, meter: Meter, *, behind: bool, most_bytes: int) -> None:
        """The folder is made when missing, at the first group."""
        self._folder = folder
        self._meter = meter
        self._behind = behind
        self._most_bytes = most_bytes
        self._writer: SpoolWriter | None = None
        self._failed: StoreError | None = None
        self._try_at = 0.0
        self._groups: queue.SimpleQueue[Group | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    @property
    def trouble(self) -> StoreError | None:
        """What the last commit failed with, until it is time to try again. Never, when written behind."""
        if self._failed is None or self._behind or time.monotonic() >= self._try_at:
            return None
        return self._failed

    def begin(self, loop: asyncio.AbstractEventLoop, settle: Settle) -> None:
        """Start the thread."""
        self._loop = loop
        self._settle = settle
        self._thread.start()

    def keep(self, serving: Serving, group: list[Asked]) -> None:
        """Hand a group to the thread."""
        if not self._behind:
            self._groups.put(Group(serving.contract, records(serving, group), group))
            return
        if self._groups.qsize() < MOST_BEHIND:
            self._groups.put(Group(serving.contract, records(serving, group), []))
        else:
            self._meter.records_dropped += len(group)
        self._settle(group, None)

    def close(self) -> None:
        """Commit what is left, and leave the spool to the shipper."""
        if self._thread.is_alive():
            self._groups.put(None)
            self._thread.join()

    # ------------------------------------------------------------------------------- in the thread

    def _run(self) -> None:
        ended = False
        while not ended:
            taken, ended = self._gather()
            for contract, groups in _by_contract(taken):
                self._commit(contract, groups)
        if self._writer is not None:
            self._writer.close()

    def _gather(self) -> tuple[list[Group], bool]:
        """Wait for a group, and take whatever else has gathered meanwhile; and whether that is all."""
        taken: list[Group] = []
        records = 0
        while records < MOST_RECORDS:
            if taken and self._groups.empty():
                break
            group = self._groups.get()
            if group is None:
                return taken, True
            taken.append(group)
            records += len(group.records)
        return taken, False

    def _commit(self, contract: Contract, groups: list[Group]) -> None:
        kept = [one for group in groups for one in group.records]
        error: StoreError | None = None
        began = time.perf_counter()
        try:
            self._open().commit(contract, b"[%b]" % b",".join(kept))
        except StoreError as failed:
            error = self._fail(failed, len(kept))
        except Exception as failed:  # a door: whatever happens here, nobody may be left waiting
            log.exception("commit failed", extra={"error": type(failed).__name__})
            error = self._fail(StoreError("the spool failed"), len(kept))
        else:
            self._failed = None
        self._meter.commit.observe(time.perf_counter() - began)
        waiting = [asked for group in groups for asked in group.waiting]
        if waiting:
            self._loop.call_soon_threadsafe(self._settle, waiting, error)

    def _open(self) -> SpoolWriter:
        if self._writer is None:
            self._writer = SpoolWriter(self._folder, durable=not self._behind, most_bytes=self._most_bytes)
        return self._writer

    def _fail(self, error: StoreError, records: int) -> StoreError:
        if self._failed is None:
            log.error("the spool fails", extra={"reason": bounded(error), "behind": self._behind})
        self._failed, self._try_at = error, time.monotonic() + SECONDS_UNTIL_TRIED_AGAIN
        if self._behind:
            self._meter.records_dropped += records
        # After a failed fsync no later one on the same file can be believed. What is full stays good.
        if not isinstance(error, SpoolFull) and self._writer is not None:
            self._writer.close()
            self._writer = None
        return error


def record_template(version: str, fingerprint: str) -> bytes:
    """A record of one model, to be filled in by `records`."""
    made = f'"version":{json.dumps(version)},"contract":"{fingerprint}"'.replace("%", "%%").encode()
    filled = b'"request_id":"%b","labels":[%b],"scores":[%b],"request":%b}'
    return b",".join([b'{"id":"%b","at":%d,"us":%d', made, filled])


def records(serving: Serving, group: Sequence[Asked]) -> list[bytes]:
    """Each prediction as JSON: when it was made and how long that took, the answer, the request as it was sent."""
    at, now = time.time_ns(), time.perf_counter()
    template = serving.record
    return [
        template
        % (
            asked.id,
            at,
            (now - asked.began) * MICROSECONDS,
            asked.request_id or asked.id,
            asked.said,
            asked.figures,
            asked.body,
        )
        for asked in group
    ]


def _by_contract(groups: list[Group]) -> list[tuple[Contract, list[Group]]]:
    """Nearly always one: a swap may bring another contract."""
    contracts = {group.contract.fingerprint: group.contract for group in groups}
    if len(contracts) == 1:
        return [(groups[0].contract, groups)]
    return [
        (contract, [group for group in groups if group.contract.fingerprint == fingerprint])
        for fingerprint, contract in contracts.items()
    ]
