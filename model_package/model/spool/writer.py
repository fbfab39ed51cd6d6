"""Appends groups of records to the spool: what `append` wrote survives a kill, what was flushed then a power cut.

`commit` is both. Whoever must not wait for a disk, as an event loop, appends and flushes in two steps, with somebody
else waiting for the second.

Rules that each cost somebody else's data once:

- A commit that failed is never tried again on the same file: after a failed fsync the kernel may have dropped the
  pages and call the next one a success. The writer is broken for good then, and a new one begins a new segment.
- The log of a segment is never copied into its file while it is in use (a checkpoint: 5 to 15 ms in which nobody is
  answered). When the segment is full the next one stands ready, made by a thread of its own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from model.errors import SpoolBroken, SpoolFull, StoreError, bounded
from model.spool import segment as files

if TYPE_CHECKING:
    from pathlib import Path

    from model.contract import Contract

log = logging.getLogger(__name__)

SEGMENT_BYTES: Final = 64 * 1024 * 1024
MOST_BYTES: Final = 4 * 1024 * 1024 * 1024

# The first segment of a process is a small one, so that the process is up soon; each next one is twice as large: its
# room is written out while the one before it is in use, and a much larger one would slow each of its commits.
FIRST_BYTES: Final = 8 * 1024 * 1024
# A shipper can delete a segment only when its writer has left it: even a quiet one is left after this long.
SECONDS_OF_A_SEGMENT: Final = 3600.0
# How often the folder is looked at, for its bound and the segment's age.
SECONDS_BETWEEN_LOOKS: Final = 1.0
# Left segments that are kept open: closing one copies its log, which is a waste when it is about to be deleted.
LEFT_OPEN: Final = 2

_ADD: Final = "INSERT INTO groups (contract, body, kind) VALUES (?, ?, ?)"
_ADD_CONTRACT: Final = "INSERT INTO contracts VALUES (?, ?, ?)"


class SpoolWriter:
    """One process's own segments in the spool. For one thread at a time; `backlog` may be called from any."""

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        most_bytes: int = MOST_BYTES,
        durable: bool = True,
    ) -> None:
        """Begin a segment in `folder`, which is made when missing.

        segment_bytes: of a segment's log; that much room is written out before it is used.
        most_bytes: of the whole folder, all processes' segments and the room kept ready included.
        durable: `commit` flushes before it returns; without, a commit survives a kill but not a power cut.

        Raises StoreError when the folder cannot be written to.
        """
        self.folder = folder
        self._segment_bytes = segment_bytes
        self._most_bytes = most_bytes
        self._durable = durable
        self._useless = ""
        self._full = False
        self._look_at = 0.0
        self._left: deque[files.Segment] = deque()
        self._segment: files.Segment | None = None
        self._spare: files.Segment | None = None
        self._helper: threading.Thread | None = None
        self._hurry = threading.Event()
        try:
            files.make_folder(folder)
            self._take(files.begin(folder, min(segment_bytes, FIRST_BYTES)))
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"the spool {folder} cannot be written to: {bounded(error)}") from error

    def commit(self, contract: Contract, group: bytes, kind: int = files.PREDICTIONS) -> None:
        """Keep a group: a JSON array of records, all made under `contract`. When this returns, it is kept.

        kind: of the records, `segment.PREDICTIONS` or `segment.TRUTHS`.

        Raises:
            SpoolFull: the folder holds as much as it may. Nothing was kept; a later commit may succeed.
            SpoolBroken: the commit failed, now or earlier. Close this writer, and make another one.
        """
        log = self.append(contract, group, kind)
        if self._durable:
            try:
                os.fdatasync(log)
            except OSError as error:
                raise self.flush_failed(error) from error

    def is_quick(self, size: int) -> bool:
        """Whether appending `size` bytes is some writes to memory: no segment to be made, no folder to be looked at."""
        now = time.monotonic()
        return now < self._look_at and now < self._leave_at and _cost(size) <= self._room and not self._full

    def append(self, contract: Contract, group: bytes, kind: int = files.PREDICTIONS) -> int:
        """Write a group where a kill does not reach it; returns the descriptor to flush (fdatasync) for the rest.

        It is open until the writer is closed or some more segments have been filled. Raises as `commit` does.
        """
        self._make_room(len(group))
        try:
            known = self._contracts.get(contract.fingerprint)
            if known is not None:
                self._execute(_ADD, (known, group, kind))
            else:
                self._add_with_contract(contract, group, kind)
        except sqlite3.Error as error:
            raise self._break(f"failed a commit: {bounded(error)}") from error
        return self._log

    def flush_failed(self, error: OSError) -> SpoolBroken:
        """Make what an fdatasync of what `append` returned failed with known: this writer keeps nothing from now on."""
        return self._break(f"failed a flush: {bounded(error)}")

    def backlog(self) -> files.Backlog:
        """What the whole folder holds. Raises OSError when it cannot be read."""
        return files.backlog(self.folder)

    def close(self) -> None:
        """Leave every segment to the shipper. Nothing is lost without it: a kill leaves them as well."""
        self._wait_for_helper()
        self._useless = self._useless or "has been closed"
        unused = [self._spare, self._segment if not self._contracts else None]
        for segment in unused:
            if segment is not None:
                files.discard(segment)
        if self._contracts:
            self._leave()
        self._spare = self._segment = None
        self._close_left(0)

    def _add_with_contract(self, contract: Contract, group: bytes, kind: int) -> None:
        new = len(self._contracts) + 1
        self._execute("BEGIN IMMEDIATE")
        self._execute(_ADD_CONTRACT, (new, contract.fingerprint, contract.to_json()))
        self._execute(_ADD, (new, group, kind))
        self._execute("COMMIT")
        self._contracts[contract.fingerprint] = new

    def _break(self, what: str) -> SpoolBroken:
        self._useless = what
        return SpoolBroken(f"the spool {self.folder} {what}")

    # ---------------------------------------------------------------------------------- which segment

    def _take(self, segment: files.Segment) -> None:
        self._segment = segment
        self._log = segment.log
        self._execute = segment.connection.cursor().execute
        self._contracts: dict[str, int] = {}
        self._room = segment.room_bytes
        self._leave_at = time.monotonic() + SECONDS_OF_A_SEGMENT
        self._helper = None
        self._hurry.clear()

    def _make_room(self, size: int) -> None:
        """See to it that there is a segment with room for `size` bytes more. Nearly always a few comparisons."""
        if self._useless:
            raise SpoolBroken(f"the spool {self.folder} {self._useless}: this writer keeps nothing any more")
        now = time.monotonic()
        if now >= self._look_at:
            self._look(now)
        if self._full:
            raise SpoolFull(f"the spool {self.folder} holds {self._most_bytes:,} bytes: is `python -m model ship` up?")
        self._room -= _cost(size)
        if self._room < 0 or now >= self._leave_at or self._segment is None:
            self._move_on()
        elif self._helper is None and self._room < self._segment.room_bytes * 3 // 4:
            size = min(2 * self._segment.room_bytes, self._segment_bytes)
            self._helper = threading.Thread(target=self._prepare, args=(size,), name="spool", daemon=True)
            self._helper.start()

    def _look(self, now: float) -> None:
        self._look_at = now + SECONDS_BETWEEN_LOOKS
        try:
            held = self.backlog().bytes
        except OSError as error:
            raise self._break(f"cannot be looked at: {bounded(error)}") from error
        was, self._full = self._full, held > self._most_bytes
        if self._full and not was:
            # What this process has in use may be all that is there, and shipped long ago: let go of it.
            self._leave()
            self._close_left(0)

    def _move_on(self) -> None:
        """Leave the segment in use for the spare one, or for one that is made now."""
        try:
            if self._spare is None:
                self._wait_for_helper()
            spare, self._spare = self._spare, None
            self._leave()
            self._take(spare or files.begin(self.folder, self._segment_bytes))
            self._look_at = 0.0  # a segment's room is the most that the folder grows between two looks
        except (OSError, sqlite3.Error) as error:
            raise self._break(f"got no new segment: {bounded(error)}") from error

    def _leave(self) -> None:
        """From here on the shipper may delete it."""
        if self._segment is not None:
            self._segment.unlock()
            self._left.append(self._segment)
            self._segment = None

    def _prepare(self, room_bytes: int) -> None:
        """In a thread of its own: the next segment, and an end to those that were left some time ago."""
        try:
            self._spare = files.begin(self.folder, room_bytes, hurry=self._hurry)
        except (OSError, sqlite3.Error) as error:
            log.warning("no spare segment", extra={"reason": bounded(error)})
        self._close_left(LEFT_OPEN)

    def _wait_for_helper(self) -> None:
        if self._helper is not None:
            self._hurry.set()
            self._helper.join()

    def _close_left(self, most: int) -> None:
        while len(self._left) > most:
            # What fails here has been committed before: the shipper reads it from the log as it is. Two threads may
            # meet here: then one finds nothing left.
            with contextlib.suppress(sqlite3.Error, IndexError):
                self._left.popleft().close()


def _cost(size: int) -> int:
    """Bytes of the log that a group takes: its pages and, more often than not, the first and the one before its own."""
    return size + size // 128 + 2 * files.FRAME_BYTES
