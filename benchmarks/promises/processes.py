"""Processes as /proc shows them: children, memory, and who listens or is connected where."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

KIBIBYTE = 1024
LISTENING, CONNECTED = "0A", "01"


def tree(pid: int) -> list[int]:
    """A process and all that it started, itself first."""
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += tree(int(child))
    return found


def parent(pid: int) -> int:
    """The process that started it."""
    return int(_status(pid, "PPid:")[0])


def resident_bytes(pid: int) -> int:
    """Its memory at the moment."""
    return int(_status(pid, "VmRSS:")[0]) * KIBIBYTE


def peak_bytes(pid: int) -> int:
    """Its memory at the worst moment since `forget_peak`."""
    return int(_status(pid, "VmHWM:")[0]) * KIBIBYTE


def forget_peak(pid: int) -> None:
    """Begin its worst moment anew (man 5 proc: clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status(pid: int, name: str) -> list[str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((line.split()[1:] for line in lines if line.startswith(name)), ["0"])


def sockets(pid: int, port: int, state: str) -> int:
    """How many TCP sockets on that local port and in that state it holds."""
    wanted = set(_inodes(port, state))
    held = 0
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                held += str(descriptor.readlink()) in wanted
    return held


def _inodes(port: int, state: str) -> Iterator[str]:
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[1].endswith(f":{port:04X}") and words[3] == state:
            yield f"socket:[{words[9]}]"
