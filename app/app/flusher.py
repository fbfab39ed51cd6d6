"""fdatasync beside the event loop: the kernel does it and says so, or where it cannot, a thread.

A thread costs each commit two changes of the interpreter's lock, as much as several requests; Linux's asynchronous I/O
(`io_submit`, by caio) costs a system call and an event that the loop waits for like any other.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

linux_aio: Any
try:
    from caio import linux_aio
except ImportError:  # not Linux
    linux_aio = None

log = logging.getLogger(__name__)


class Flusher:
    """Flushes one file at a time. Every method is for the thread of `loop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, landed: Callable[[OSError | None], None]) -> None:
        """`landed` is called on the loop once for each flush, with what it failed with."""
        self._loop = loop
        self._landed = landed
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="flusher")
        self._operation: Any = None
        self._context = _context()
        if self._context is not None:
            loop.add_reader(self._context.fileno, self._look)

    def flush(self, descriptor: int) -> None:
        """Have what was written to a file put on the disk."""
        if self._context is None or not self._submit(descriptor):
            self._thread.submit(self._flush, descriptor)

    def _submit(self, descriptor: int) -> bool:
        """Whether the kernel took it: not every file system's files can be flushed so."""
        self._operation = linux_aio.Operation.fdsync(descriptor)
        try:
            return bool(self._context.submit(self._operation))
        except (OSError, ValueError, SystemError):
            return False

    def _look(self) -> None:
        """Something has ended, or seems to have."""
        try:
            self._context.poll()
        except BlockingIOError:
            return
        if not self._context.process_events():
            return
        operation, self._operation = self._operation, None
        try:
            operation.get_value()
        except SystemError as error:  # caio's way to tell an errno
            self._landed(OSError(str(error)))
        else:
            self._landed(None)

    def _flush(self, descriptor: int) -> None:
        """In the thread."""
        try:
            os.fdatasync(descriptor)
        except OSError as error:
            self._loop.call_soon_threadsafe(self._landed, error)
        else:
            self._loop.call_soon_threadsafe(self._landed, None)


def _context() -> Any:  # noqa: ANN401 - caio's, where there is one
    """The kernel's queue; None where there is none, or where it may not be used."""
    if linux_aio is None:
        return None
    try:
        return linux_aio.Context(1)
    except (OSError, SystemError) as error:
        log.info("no asynchronous flush here: a thread does it", extra={"reason": str(error)})
        return None
