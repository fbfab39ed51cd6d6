"""The verb that has a challenger answer beside the champion: shadow.

It reads what the service has answered from the store and writes what the challenger would have answered, under the
same ids. The service knows nothing of it: a challenger that is slow, wrong or dead can delay nobody but this process.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from model import assets
from model.errors import StepOrderError, bounded
from model.tasks.following import alone, step_back, until_told
from model.tasks.job import Job, Summary
from model.tasks.shadowing import Shadowing
from model.tasks.walk import Walk

if TYPE_CHECKING:
    from model.challenger import Challenger

SECONDS_BETWEEN_PASSES: Final = 1.0
SECONDS_BETWEEN_LINES: Final = 60.0
SECONDS_BETWEEN_NOTES: Final = 5.0
FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 60.0
LOCK: Final = ".shadowing"


def shadow(job: Job) -> Summary:
    """Have the challenger answer what it has not answered yet; with `shadow_follow` also what comes, until SIGTERM.

    Raises StepOrderError when no version shadows, and what the challenger or the store raise, unless it follows.
    """
    step_back(idle=True)
    root = job.registry.root
    root.mkdir(parents=True, exist_ok=True)
    with until_told() as stop, alone(root / LOCK, f"shadows {job.contract.name}", job.report, stop):
        return _followed(job, stop) if job.settings.shadow_follow else _once(job, stop)


def _once(job: Job, stop: threading.Event) -> Summary:
    challenger = job.registry.challenger()
    if challenger is None:
        raise StepOrderError("no version answers beside the champion: choose one with `python -m model shadow VERSION`")
    walk = Walk(challenger.since)
    with Shadowing(job, challenger) as work:
        while not work.page(walk) and not stop.is_set():
            pass
    job.report(f"{challenger.version} answered {work.answered} predictions, and refused {work.refused}")
    return {"version": challenger.version, "answered": work.answered, "refused": work.refused}


def _followed(job: Job, stop: threading.Event) -> Summary:
    follower = Follower(job, stop)
    job.report(f"shadowing {job.contract.name}, whenever a version is its challenger")
    try:
        while not stop.is_set():
            stop.wait(follower.turn())
    finally:
        follower.let_go()
    return {"answered": follower.state.answered, "refused": follower.state.refused}


@dataclass(slots=True)
class State:
    """What the file `shadow.json` says, for people and for the service.

    answered, refused: rows, since this process began with this challenger. newest: when the latest of them was made.
    failures: in a row, since `failing_since`, the last one for the reason `why`; 0: all is well.
    """

    version: str | None = None
    since: str | None = None
    answered: int = 0
    refused: int = 0
    newest: str | None = None
    failures: int = 0
    failing_since: str | None = None
    why: str | None = None


class Follower:
    """Follows the challenger file and the predictions, a page a turn, and takes no more than its share of time."""

    def __init__(self, job: Job, stop: threading.Event) -> None:
        """Nothing is read yet. stop: a turn that waits ends when it is set."""
        self.state = State()
        self._job = job
        self._stop = stop
        self._challenger: Challenger | None = None
        self._walk: Walk | None = None
        self._work: Shadowing | None = None
        self._delay = FIRST_DELAY
        self._noted_at = self._told_at = 0.0
        self._told = 0

    def turn(self) -> float:
        """Answer a page, if there is one; returns for how many seconds to rest. It raises nothing."""
        began = time.monotonic()
        try:
            ended = self._page()
        except Exception as error:  # noqa: BLE001 - the door: a challenger may fail in any way, and is tried again
            return self._failed(error)
        self._worked()
        rest = (time.monotonic() - began) * (1 / self._job.settings.shadow_share - 1)
        return max(rest, SECONDS_BETWEEN_PASSES) if ended else rest

    def let_go(self) -> None:
        """End the model and the connections; the next turn would make new ones."""
        work, self._work = self._work, None
        if work is not None:
            work.__exit__(None, None, None)

    def _page(self) -> bool:
        challenger = self._job.registry.challenger()
        if challenger != self._challenger:
            self._change(challenger)
        if challenger is None or self._walk is None:
            return True
        if self._work is None:
            self._work = Shadowing(self._job, challenger).__enter__()
        before = self._work.answered, self._work.refused
        ended = self._work.page(self._walk)
        self.state.answered += self._work.answered - before[0]
        self.state.refused += self._work.refused - before[1]
        self.state.newest = self._walk.newest.isoformat()
        return ended

    def _change(self, challenger: Challenger | None) -> None:
        self.let_go()
        self._challenger = challenger
        self._walk = None if challenger is None else Walk(challenger.since)
        self.state = State() if challenger is None else State(challenger.version, challenger.since.isoformat())
        said = "no version shadows any more" if challenger is None else f"{challenger.version} shadows from now on"
        self._job.report(said)
        self._note(now=True)

    def _failed(self, error: Exception) -> float:
        """Let go of what failed, so that the next turn loads it anew, after a pause that doubles."""
        self.let_go()
        state, rest = self.state, self._delay
        state.why = bounded(f"{type(error).__name__}: {error}")
        state.failures += 1
        if state.failing_since is None:
            state.failing_since = _now()
            self._job.report(f"shadowing fails, and is tried again until it does not: {state.why}")
        self._delay = min(2 * self._delay, LONGEST_DELAY)
        self._note(now=True)
        return rest

    def _worked(self) -> None:
        state, now = self.state, time.monotonic()
        if state.failures:
            self._job.report(f"shadowing works again, after {state.failures} failures in a row")
            state.failures, state.failing_since, state.why = 0, None, None
            self._note(now=True)
        self._delay = FIRST_DELAY
        self._note()
        rows = state.answered + state.refused
        if rows != self._told and now >= self._told_at + SECONDS_BETWEEN_LINES:
            self._told, self._told_at = rows, now
            self._job.report(f"{state.version} answered {state.answered} predictions, and refused {state.refused}")

    def _note(self, *, now: bool = False) -> None:
        """Write the file; a disk that is full is no reason to end."""
        if self._challenger is None and not now:
            return
        if now or time.monotonic() >= self._noted_at + SECONDS_BETWEEN_NOTES:
            self._noted_at = time.monotonic()
            self._write({"contract": self._job.contract.name, "at": _now(), **asdict(self.state)})

    def _write(self, said: dict[str, Any]) -> None:
        try:
            assets.write_json(self._job.registry.shadow_file, said)
        except OSError as error:
            self._job.report(f"{self._job.registry.shadow_file} cannot be written: {error.strerror}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
