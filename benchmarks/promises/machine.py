"""The machine: the programs it has, the cores it gives to whom, and how busy it was."""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from promises.promise import NotMeasured

_PLACES = ("/usr/sbin", "/usr/local/sbin")


def program(name: str, package: str) -> str:
    """The path of a program; NotMeasured without it."""
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *_PLACES)))
    if found is None:
        raise NotMeasured(f"{name} is not installed (Debian: {package})")
    return found


def cores() -> tuple[int, int] | None:
    """A core for what is measured and one for the load; None where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else None


def pinned(core: int | None) -> list[str]:
    """How a command begins that is to stay on a core."""
    return [] if core is None else [program("taskset", "util-linux"), "--cpu-list", str(core)]


@contextlib.contextmanager
def load_on(core: int | None) -> Iterator[None]:
    """Keep this thread, and the threads it starts, on a core, and its garbage where it is.

    A collection among all that this process has imported takes up to 200 ms: clients would take that for the service's.
    """
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        os.sched_setaffinity(0, before)


def allow_many_sockets(count: int) -> None:
    """Raise this process's limit of open files; NotMeasured where the machine forbids it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 256
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise NotMeasured(f"{wanted} open files are needed and {hard} are allowed: `ulimit -n {wanted}`")
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def described() -> dict[str, Any]:
    """What the figures were measured on."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": models[0].partition(": ")[2] if models else platform.machine(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 2),
    }
