"""Ports for what a measurement starts: below the range from which the kernel draws, so that they stay free."""

from __future__ import annotations

import os
import socket

FIRST, LAST = 9400, 9499


def free_port() -> int:
    """A port of the loopback that nothing listens on; processes begin to look at different places."""
    count = LAST - FIRST + 1
    for step in range(count):
        port = FIRST + (os.getpid() * 7 + step) % count
        with socket.socket() as probe:
            # As servers do: what lingers of an ended one does not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"none of the ports {FIRST} to {LAST} is free")
