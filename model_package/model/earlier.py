"""What lies days back and hardly changes any more: read once a minute, however often a page shows it."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final, TypeVar

SECONDS_KEPT: Final = 60.0
MOST_KEPT: Final = 16
T = TypeVar("T")


class Earlier:
    """What was read, by what was asked. Threads may share it; two that ask for the same at once may both read."""

    def __init__(self, seconds: float = SECONDS_KEPT) -> None:
        """seconds: that a thing is kept; 0 keeps nothing."""
        self._seconds = seconds
        self._kept: OrderedDict[Hashable, tuple[float, Any]] = OrderedDict()
        self._one = threading.Lock()

    def get(self, asked: Hashable, read: Callable[[], T]) -> T:
        """What `read` gave when the same was last asked, or gives now. Whatever it raises is raised, and not kept."""
        with self._one:
            kept = self._kept.get(asked)
        if kept is not None and time.monotonic() - kept[0] < self._seconds:
            known: T = kept[1]
            return known
        began, made = time.monotonic(), read()
        with self._one:
            self._kept[asked] = began, made
            self._kept.move_to_end(asked)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return made
