"""Starts programs, restarts those that die, and leaves none behind.

Each program leads a session of its own and writes to a log file (a full pipe would stop it). All processes that come
from one supervisor, whatever session or group they have moved to, carry a mark in their environment: by it they are
found again, also by the next supervisor when this one was killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import psutil  # type: ignore[import-untyped]  # it ships no types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

MARK = "EMBEDDED_AIRFLOW"
SECONDS_BETWEEN_LOOKS = 0.3
# Killing loses nothing: databases and bundles are written atomically, and a task that was cut off can run again.
SECONDS_UNTIL_KILLED = 6.0
SECONDS_UNTIL_GONE = 30.0  # from the kill to the end of a process that hangs in the kernel
SECONDS_UNTIL_ASKED_AGAIN = 2.0
SECONDS_BETWEEN_ASKING = 1.0
SHORTEST_DELAY = 1.0
LONGEST_DELAY = 30.0
SECONDS_UNTIL_TRUSTED = 60.0  # a program that has run this long starts again without delay


class AlreadyRunning(Exception):
    """Another supervisor holds this folder."""


@dataclass(frozen=True, slots=True)
class Component:
    """One program: what it is called, and its command."""

    name: str
    command: tuple[str, ...]


@dataclass(slots=True)
class _Child:
    component: Component
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0  # when a dead one starts again
    delay: float = 0.0
    ends: int = 0


@dataclass
class Supervisor:
    """Runs components from `start` to `stop`; use it as a context manager.

    folder: named by the mark; two supervisors never share it.
    report: told when a component has died, and when it starts again.
    """

    components: Sequence[Component]
    environment: Mapping[str, str]
    folder: Path
    logs: Path
    report: Callable[[str], None] = print
    patience: float = SECONDS_UNTIL_KILLED
    shortest_delay: float = SHORTEST_DELAY
    _children: list[_Child] = field(default_factory=list, init=False)
    _ending: threading.Event = field(default_factory=threading.Event, init=False)
    _watch: threading.Thread | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        """Start everything."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything."""
        self.stop()

    def start(self) -> None:
        """Start each component, and the thread that watches over them."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for component in self.components:
            log = self.logs / f"{component.name}.log"
            if log.exists():
                log.replace(self.logs / f"{component.name}.previous.log")
            self._children.append(child := _Child(component, log, delay=self.shortest_delay))
            self._start(child)
        self._watch = threading.Thread(target=self._look_after, name="supervisor", daemon=True)
        self._watch.start()

    def stop(self) -> None:
        """Ask all to end, kill those that do not within `patience` seconds, and wait for the last one to be gone."""
        self._ending.set()
        if self._watch is not None:
            self._watch.join()
        deadline = time.monotonic() + self.patience
        delay = SECONDS_UNTIL_ASKED_AGAIN
        while (running := self._running()) and time.monotonic() < deadline:
            for process in running:
                _signal(process.pid, signal.SIGTERM)
            # Asked once, a scheduler waits for its tasks, however long they take; asked again, it does not.
            _wait_for(running, min(delay, deadline - time.monotonic()))
            delay = SECONDS_BETWEEN_ASKING
        reap(self.folder)
        for child in self._children:
            if child.process is not None:
                child.process.wait()

    def _running(self) -> list[subprocess.Popen[bytes]]:
        processes = (child.process for child in self._children)
        return [process for process in processes if process is not None and process.poll() is None]

    def log_of(self, name: str) -> Path:
        """The log file of a component."""
        return self.logs / f"{name}.log"

    def ends_of(self, name: str) -> int:
        """How often a component has died."""
        return next(child.ends for child in self._children if child.component.name == name)

    def pid_of(self, name: str) -> int | None:
        """The process of a component; None while it is dead."""
        process = next(child.process for child in self._children if child.component.name == name)
        return process.pid if process is not None else None

    def _start(self, child: _Child) -> None:
        environment = {**self.environment, MARK: str(self.folder)}
        with child.log.open("ab") as log:
            child.process = subprocess.Popen(
                child.component.command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        child.started = time.monotonic()

    def _look_after(self) -> None:
        while not self._ending.wait(SECONDS_BETWEEN_LOOKS):
            for child in self._children:
                self._look_at(child)

    def _look_at(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.due:
                self._restart(child)
            return
        status = child.process.poll()
        if status is None:
            return
        if now - child.started > SECONDS_UNTIL_TRUSTED:
            child.delay = self.shortest_delay
        # What the dead one leaves behind holds its port, or works on without anybody who listens.
        _signal_session(child.process.pid, signal.SIGKILL)
        child.process, child.due, child.ends = None, now + child.delay, child.ends + 1
        name, delay = child.component.name, child.delay
        child.delay = min(2 * child.delay, LONGEST_DELAY)
        self.report(f"{name} ended with status {status}: it starts again in {delay:g} s (log: {child.log})")

    def _restart(self, child: _Child) -> None:
        try:
            self._start(child)
        except OSError as error:
            child.due = time.monotonic() + child.delay
            self.report(f"{child.component.name} does not start: {error.strerror}")


def reap(folder: Path) -> int:
    """Kill what an earlier supervisor of `folder` left behind; returns how many processes that were."""
    reaped = 0
    while left := list(_marked(folder)):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        gone, _ = psutil.wait_procs(left, timeout=SECONDS_UNTIL_GONE)
        if not gone:
            break
        reaped += len(gone)
    return reaped


def _marked(folder: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            ours = process.environ().get(MARK) == str(folder)
            if ours and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                yield process


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold `folder` against a second supervisor. The lock ends with the process, however that ends.

    Raises:
        AlreadyRunning: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            message = (
                f"a demo runs already (process {file.read().strip() or 'unknown'}): stop that one first with Ctrl-C"
            )
            raise AlreadyRunning(message) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _wait_for(processes: list[subprocess.Popen[bytes]], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _signal_session(pid: int, number: signal.Signals) -> None:
    """Signal every process of the session that `pid` led, in whatever group it is."""
    for process in _of_session(pid):
        _signal(process, number)


def _of_session(leader: int) -> Iterable[int]:
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if pid != leader and os.getsid(pid) == leader:
                yield pid
