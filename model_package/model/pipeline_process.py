"""A pipeline without a compiled form, at work in a process of its own: the same interface as `model.scoring.Scorer`.

The parent never unpickles. It sends the child the bytes whose hash (and signature, where a key is set) it has checked,
and afterwards rows and answers as doubles. A child that dies, hangs or talks nonsense fails the call at hand with
PipelineLost, and is started again in the background, the sooner the longer it had lived.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from model import pipeline_wire as wire
from model.errors import BundleDamaged, BundleError, bounded

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKER = "model.pipeline_worker"  # not imported: it loads scikit-learn
# So many rows are sent at once, so that a long batch is many short answers, each with its own deadline.
ROWS_AT_ONCE = 4096
NEEDED_PACKAGES = ("joblib", "pandas", "scikit-learn")
_SECONDS_UNTIL_GONE = 10.0  # after SIGKILL, on a machine with no time to spare


class PipelineLost(BundleError):
    """The process that answers is dead, too slow, or being started again: trying again can mend it."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take, in seconds, and how much memory a child may address (bytes; 0: as it likes).

    The child is started again after `first_wait`, twice as long after each death that follows within `steady`
    seconds, and never later than `longest_wait`.
    """

    start: float = 120.0
    answer: float = 10.0
    first_wait: float = 0.25
    longest_wait: float = 30.0
    steady: float = 60.0
    address_space: int = 0


def check_installed(libraries: Mapping[str, str]) -> None:
    """Return when this environment can unpickle what those versions wrote (a manifest's `libraries`).

    Raises:
        BundleError: a package is missing, or scikit-learn is another version than the one that trained.
    """
    found = {name: version for name in NEEDED_PACKAGES if (version := _version(name))}
    wanted = libraries.get("scikit-learn")
    missing = [name for name in NEEDED_PACKAGES if name not in found]
    if missing:
        raise BundleError(
            f"this model is served by its pipeline, which needs {', '.join(missing)}: install infra-mlops-model with "
            f"its extra `pipeline`, and scikit-learn {bounded(wanted)}; or train an estimator that compiles"
        )
    if wanted != found["scikit-learn"]:
        raise BundleError(
            f"this model is served by its pipeline, which scikit-learn {bounded(wanted)} wrote, and only that version "
            f"reads it safely; here is {found['scikit-learn']}: install {bounded(wanted)}, or train again"
        )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


class PipelineProcess:
    """A pickled pipeline that answers rows. Any number of threads may call `score`; they are answered in turn."""

    def __init__(self, pipeline: bytes, width: int, limits: Limits | None = None) -> None:
        """Start the child and wait until it has read the pipeline, which takes rows [n, width].

        Raises:
            BundleDamaged: the bytes are no pipeline that can be read here.
            PipelineLost: the child did not start in time, or died.
        """
        self.width = width
        self.deaths = 0
        self._pipeline = pipeline
        self._limits = limits or Limits()
        self._turn = threading.Lock()
        self._closed = threading.Event()
        self._in_a_row = 0
        # The child, or none while it is being started again.
        self._children = [_Child(pipeline, self._limits)]
        self._classes = self._children[0].classes
        self._end = weakref.finalize(self, _end, self._closed, self._children)

    def score(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities [n, classes] or values [n] of rows [n, width]; NaN means missing.

        Raises:
            BundleError: the rows are not doubles [n, width], or the pipeline refuses them.
            PipelineLost: there is no answer now; trying again can mend it.
        """
        if rows.ndim != 2 or rows.shape[1] != self.width or rows.dtype != np.float64:  # noqa: PLR2004 - rows, columns
            raise BundleError(f"the model takes float64 rows [n, {self.width}], not {rows.dtype} {list(rows.shape)}")
        if not len(rows):
            return np.empty((0, self._classes) if self._classes else 0)
        rows = np.ascontiguousarray(rows)
        at_once = max(1, min(ROWS_AT_ONCE, wire.MOST_CELLS // max(self.width, self._classes, 1)))
        pieces = [self._ask(rows[begin : begin + at_once]) for begin in range(0, len(rows), at_once)]
        return np.concatenate(pieces) if len(pieces) > 1 else pieces[0]

    def close(self) -> None:
        """End the child, which also happens when nobody holds this object. A call that it was answering fails."""
        self._end()

    def _ask(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self._turn.acquire(timeout=self._limits.answer):
            raise PipelineLost(f"the pipeline's process is busy for more than {self._limits.answer:g} s: send less")
        try:
            return self._ask_child(rows)
        finally:
            self._turn.release()

    def _ask_child(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._closed.is_set() or not self._children:
            raise PipelineLost("the pipeline's process is being started again: try again soon")
        child = self._children[0]
        try:
            return child.ask(rows, time.monotonic() + self._limits.answer)
        except OSError as error:
            raise self._lost(child, error) from error

    def _lost(self, child: _Child, error: OSError) -> PipelineLost:
        """Let go of a child that is no use, and have another one started."""
        self._children.clear()
        child.end()
        self.deaths += 1
        self._in_a_row = self._in_a_row + 1 if child.age < self._limits.steady else 1
        threading.Thread(target=_start_again, args=(weakref.ref(self),), name="pipeline", daemon=True).start()
        return PipelineLost(f"the pipeline's process is lost ({bounded(error)}): it is started again")

    def _wait(self) -> bool:
        """Wait before the next start; True when there will be none."""
        wait = min(self._limits.longest_wait, self._limits.first_wait * 2.0 ** min(self._in_a_row - 1, 30))
        return self._closed.wait(wait)

    def _start(self) -> bool:
        """Whether another child stands ready."""
        try:
            child = _Child(self._pipeline, self._limits)
        except BundleError:
            self._in_a_row += 1
            return False
        self._children.append(child)
        if self._closed.is_set():  # meanwhile
            child.end()
        return True


def _end(closed: threading.Event, children: list[_Child]) -> None:
    closed.set()
    for child in list(children):
        child.end()


def _start_again(reference: weakref.ref[PipelineProcess]) -> None:
    """Start a child, however often it takes, as long as somebody holds the process."""
    while (process := reference()) is not None and not process._wait() and not process._start():  # noqa: SLF001 - its own thread
        del process


class _Child:
    """One running child and the socket to it."""

    def __init__(self, pipeline: bytes, limits: Limits) -> None:
        ours, theirs = socket.socketpair()
        self._wire = wire.Wire(ours)
        self._born = time.monotonic()
        self._ending = threading.Lock()
        with theirs:
            self._process = _spawn(theirs.fileno(), limits.address_space)
        try:
            self.classes = self._hand_over(pipeline, self._born + limits.start)
        except BaseException as error:
            self.end()
            if isinstance(error, OSError):
                raise PipelineLost(f"the pipeline's process did not start ({bounded(error)})") from error
            raise

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._born

    def _hand_over(self, pipeline: bytes, deadline: float) -> int:
        self._wire.send(wire.PIPELINE, len(pipeline), 0, pipeline, deadline)
        message = self._wire.receive(deadline)
        if message.kind == wire.FAILURE:
            raise BundleDamaged(f"the pipeline cannot be read: {_text(message)}")
        if message.kind != wire.READY or message.first > wire.MOST_CELLS:
            raise wire.Garbled(f"a message of kind {message.kind!r} instead of readiness")
        return message.first

    def ask(self, rows: NDArray[np.float64], deadline: float) -> NDArray[np.float64]:
        """The answers to rows. Raises OSError when it gives none, BundleError when the pipeline refuses them."""
        self._wire.send(wire.ROWS, len(rows), rows.shape[1], rows, deadline)
        message = self._wire.receive(deadline)
        if message.kind == wire.FAILURE:
            raise BundleError(f"the pipeline refuses these rows: {_text(message)}")
        if (message.kind, message.first, message.second) != (wire.ANSWERS, len(rows), self.classes):
            raise wire.Garbled(f"kind {message.kind!r}, {message.first} by {message.second}, for {len(rows)} rows")
        return message.doubles()

    def end(self) -> None:
        """Make an end of it; what it was answering is lost."""
        with self._ending:
            with contextlib.suppress(OSError):
                self._wire.stream.shutdown(socket.SHUT_RDWR)
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_SECONDS_UNTIL_GONE)
            self._wire.stream.close()


def _text(message: wire.Message) -> str:
    return bounded(message.body.decode(errors="replace"))


def _spawn(descriptor: int, address_space: int) -> subprocess.Popen[bytes]:
    """The program, with nothing of our environment but where this package lies."""
    words: list[Any] = [sys.executable, "-s", "-P", "-B", "-m", WORKER, descriptor, os.getpid(), address_space]
    return subprocess.Popen(  # noqa: S603 - our own program
        [str(word) for word in words],
        env=_environment(),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[descriptor],
    )


def _environment() -> dict[str, str]:
    """One thread: rows come one or a few at a time, and sums are added up in the order in which training did."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    root = Path(__file__).resolve().parents[1]
    return {**one, "PYTHONPATH": str(root), "JOBLIB_MULTIPROCESSING": "0", "LANG": "C.UTF-8", "PATH": os.defpath}
