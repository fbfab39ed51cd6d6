"""What verbs that go on for ever have in common: the lowest priority, an end by signal, and being alone."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Final

from model.spool import segment as files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from model.tasks.job import Report

LOWEST_PRIORITY: Final = 19
SECONDS_BETWEEN_TRIES: Final = 1.0


def step_back(*, idle: bool = False) -> None:
    """Take the lowest priority there is: what serves goes before.

    idle: for work that may wait for ever. Then the kernel (Linux, `SCHED_IDLE`) lets whatever else wants the processor
    have it at once; by its nice value alone, a process keeps it to the end of its slice of some milliseconds.
    """
    os.nice(LOWEST_PRIORITY)  # added to what it is, so that 19 is reached from anywhere
    if idle and hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(PermissionError):  # a sandbox may forbid it: the nice value is there
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


@contextlib.contextmanager
def until_told() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set, in a process's main thread, where alone signals can be caught."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def alone(lock: Path, doing: str, report: Report, stop: threading.Event) -> Iterator[None]:
    """One process a lock file: another one waits until the first has ended. doing: `ships FOLDER`, for the report."""
    held = files.lock_if_free(lock)
    if held is None:
        report(f"another process {doing}: I wait for its end")
    while held is None and not stop.wait(SECONDS_BETWEEN_TRIES):
        held = files.lock_if_free(lock)
    try:
        yield
    finally:
        if held is not None:
            os.close(held)
