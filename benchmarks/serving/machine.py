"""The machine: its two cores, what a server's processes have used, and what others are doing meanwhile."""

from __future__ import annotations

import os
import platform
import resource
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
MEBIBYTE = 1024 * 1024
MOST_FILES = 65_536


class TooFewCores(Exception):
    """Server and load need a core each."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Where the server runs, and where the load comes from."""

    server: int
    load: int


def cores() -> Cores:
    """The first and the last core that this process may use. Raises TooFewCores."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:  # noqa: PLR2004 - one each
        raise TooFewCores("the benchmark needs two cores: one for the server, one for the load")
    return Cores(usable[0], usable[-1])


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """What starts inside stays on this core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_many_files() -> None:
    """Let this process and what it starts open a connection for each client of the open loop."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@dataclass(frozen=True, slots=True)
class Process:
    """What the kernel says of one process: CPU in seconds, resident memory in bytes."""

    pid: int
    parent: int
    session: int
    cpu: float
    resident: int


def parse_stat(text: str) -> Process:
    """One line of /proc/PID/stat."""
    pid, _, rest = text.partition(" (")
    fields = rest.rpartition(") ")[2].split()
    cpu = (int(fields[11]) + int(fields[12])) / TICKS
    return Process(int(pid), int(fields[1]), int(fields[3]), cpu, int(fields[21]) * PAGE)


def processes() -> list[Process]:
    """All there are."""
    found = []
    for path in PROC.glob("[0-9]*/stat"):
        try:
            found.append(parse_stat(path.read_text()))
        except (OSError, ValueError):
            continue  # it has ended meanwhile
    return found


def tree(root: int) -> list[Process]:
    """A process, its session, and all that descends from either."""
    everybody = processes()
    chosen = {one.pid for one in everybody if root in {one.pid, one.session}}
    while more := {one.pid for one in everybody if one.parent in chosen} - chosen:
        chosen |= more
    return [one for one in everybody if one.pid in chosen]


def cpu_of(root: int) -> float:
    """CPU seconds of a process tree so far, of threads and kernel work for them alike."""
    return sum(one.cpu for one in tree(root))


def memory_of(root: int) -> float:
    """Resident MB of a process tree; what its processes share counts for each."""
    return sum(one.resident for one in tree(root)) / MEBIBYTE


def busy_share(seconds: float = 0.5) -> float:
    """Which share of all cores is in use, by anybody, during the next `seconds`."""
    before = _clock()
    time.sleep(seconds)
    idle, total = (now - then for now, then in zip(_clock(), before, strict=True))
    return 1 - idle / total if total else 0.0


def _clock() -> tuple[int, int]:
    fields = [int(word) for word in (PROC / "stat").read_text().splitlines()[0].split()[1:]]
    return fields[3] + fields[4], sum(fields[:8])


def described() -> dict[str, str | int | float]:
    """The machine in a few words."""
    return {
        "processor": _first_of(PROC / "cpuinfo", "model name") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * PAGE / 1024**3, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _first_of(path: Path, name: str) -> str:
    lines = (line.partition(":") for line in path.read_text().splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), "")


def load() -> dict[str, float]:
    """How busy the machine is without us: the load average of a minute, and the share of all cores in use now."""
    return {"average": os.getloadavg()[0], "busy": round(busy_share(), 3)}
