"""Coverage's tracer, stopped for a while in one thread."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def unmeasured() -> Iterator[None]:
    """Stop coverage's tracer in this thread; a debugger's stays."""
    tracer: Any = sys.gettrace()
    if not type(tracer).__module__.startswith("coverage"):
        yield
        return
    tracer.stop()
    try:
        yield
    finally:
        tracer.start()
