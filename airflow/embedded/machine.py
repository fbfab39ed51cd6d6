"""What the machine must have free before anything starts: two ports, and some disk."""

from __future__ import annotations

import errno
import shutil
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HOST = "127.0.0.1"
LAST_PORT = 65_535
NEEDED_FREE_BYTES = 500 * 1024**2


class Unready(Exception):
    """Something is missing or in the way; the message says what, and how to change it."""


def check_ports(ports: dict[str, int]) -> None:
    """`ports`: the variable of `make demo` -> its port. Raises Unready for the first that cannot be listened on."""
    if len(set(ports.values())) != len(ports):
        raise Unready(f"{' and '.join(ports)} must be different ports: `{_command(ports)}`")
    for name, port in ports.items():
        reason = _why_not(port)
        if reason:
            others = {name: _another(port, set(ports.values()))}
            raise Unready(f"port {port} {reason}: stop what uses it, or choose another one: `{_command(others)}`")


def check_disk(folder: Path) -> None:
    """Raises Unready when the disk that holds `folder` is nearly full."""
    free = shutil.disk_usage(folder).free
    if free < NEEDED_FREE_BYTES:
        needed = NEEDED_FREE_BYTES // 1024**2
        raise Unready(f"{free // 1024**2} MiB are free in {folder}, {needed} are needed: free some room")


def _why_not(port: int) -> str:
    if not 0 < port <= LAST_PORT:
        return f"is not between 1 and {LAST_PORT}"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError as error:
            return "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
    return ""


def _another(port: int, not_these: set[int]) -> int:
    """A free port whose number looks like `port`."""
    numbers = (number % LAST_PORT + 1 for number in range(port % 10_000 + 9_999, LAST_PORT * 2, 1000))
    return next((number for number in numbers if number not in not_these and not _why_not(number)), 18_080)


def _command(ports: dict[str, int]) -> str:
    return " ".join(["make demo", *(f"{name}={port}" for name, port in ports.items())])
