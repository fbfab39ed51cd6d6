"""The spool as the recorders see it: a writer that is made when it is needed, and made anew after it broke."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, Final

from model.errors import SpoolFull, StoreError, bounded
from model.spool import SpoolWriter
from model.spool.writer import SEGMENT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.records import Group

logger = logging.getLogger(__name__)

SECONDS_UNTIL_TRIED_AGAIN: Final = 1.0


class Log:
    """One process's writer in the spool, and what is wrong with it. For one thread at a time.

    Raises StoreError: from `append`, `commit` and `flushed`, whatever went wrong.
    """

    def __init__(self, folder: Path, most_bytes: int, *, durable: bool, segment_bytes: int = SEGMENT_BYTES) -> None:
        """Nothing is opened yet; the folder is made when missing, at the first group."""
        self._folder = folder
        self._most_bytes = most_bytes
        self._durable = durable
        self._segment_bytes = segment_bytes
        self._writer: SpoolWriter | None = None
        self._failed: StoreError | None = None
        self._try_at = 0.0

    @property
    def trouble(self) -> StoreError | None:
        """What it last failed with, until it is time to try again."""
        return None if self._failed is None or time.monotonic() >= self._try_at else self._failed

    def is_quick(self, size: int) -> bool:
        """Whether a group of `size` bytes can be appended without waiting for anything."""
        return self._writer is not None and self._writer.is_quick(size)

    def append(self, group: Group) -> int:
        """Write a group; returns the descriptor that has to be flushed before it is kept."""
        with self._door():
            return self._opened().append(group.contract, group.body, group.kind)

    def flushed(self, error: OSError | None) -> None:
        """Say how that ended: what was appended is kept now, unless there was an error."""
        with self._door():
            if error is not None:
                raise self._opened().flush_failed(error)
            self._failed = None

    def commit(self, group: Group) -> None:
        """Keep a group. Blocking."""
        with self._door():
            self._opened().commit(group.contract, group.body, group.kind)
            self._failed = None

    def close(self) -> None:
        """Leave the spool to the shipper."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _opened(self) -> SpoolWriter:
        if self._writer is None:
            sizes = {"segment_bytes": self._segment_bytes, "most_bytes": self._most_bytes}
            self._writer = SpoolWriter(self._folder, durable=self._durable, **sizes)
        return self._writer

    @contextlib.contextmanager
    def _door(self) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            self._fail(error)
            raise
        except Exception as error:  # whatever happens behind it, nobody may be left waiting
            logger.exception("commit failed", extra={"error": type(error).__name__})
            failed = StoreError("the spool failed")
            self._fail(failed)
            raise failed from error

    def _fail(self, error: StoreError) -> None:
        if self._failed is None:
            logger.error("the spool fails", extra={"reason": bounded(error), "durable": self._durable})
        self._failed, self._try_at = error, time.monotonic() + SECONDS_UNTIL_TRIED_AGAIN
        # After a failed fsync no later one on the same file can be believed. What is full stays good.
        if not isinstance(error, SpoolFull):
            self.close()
