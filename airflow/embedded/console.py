"""What the demo tells the person in front of it."""

from __future__ import annotations

import contextlib
import time

STARTED = time.monotonic()


def say(line: str = "") -> None:
    """Tell the user, with the seconds since the start; a closed terminal must not keep anything from being stopped."""
    with contextlib.suppress(OSError):
        print(f"[{time.monotonic() - STARTED:6.1f} s] {line}" if line else "", flush=True)


def show(line: str) -> None:
    """Tell the user more about what was said last."""
    with contextlib.suppress(OSError):
        print(f"{'':11}{line}", flush=True)
