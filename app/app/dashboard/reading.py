"""Where boards come from: the seam between the pages and whoever reads store and registry."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.board import Board

SPANS: Final = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
USUAL: Final = "30d"
SECONDS_KEPT: Final = 2.0
MOST_KEPT: Final = 64


class BoardReader(Protocol):
    """Reads a board of what happened since `span` ago. Blocking; from one thread at a time.

    Raises:
        BundleNotFound: nothing has been trained yet.
        ModelError: it cannot be read; what can be read besides stands on the board, with its `trouble`.
    """

    def __call__(self, span: timedelta) -> Board:
        """See above."""
        ...


@dataclass(frozen=True, slots=True)
class _Kept:
    at: float
    value: Any


class Shelf:
    """What was made a moment ago, by name: a flood of readers makes it once. For the event loop's thread."""

    def __init__(self, seconds: float = SECONDS_KEPT) -> None:
        """How long a thing is kept."""
        self._seconds = seconds
        self._kept: OrderedDict[tuple[str, ...], _Kept] = OrderedDict()
        self._one = anyio.Lock()

    async def get(self, name: tuple[str, ...], make: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever is made
        """The thing, made in a thread unless it is there and young: one at a time, so that readers wait, not work."""
        young = self._young(name)
        if young is not None:
            return young.value
        async with self._one:
            young = self._young(name)
            return young.value if young is not None else await self._made(name, make)

    async def _made(self, name: tuple[str, ...], make: Callable[[], Any]) -> Any:  # noqa: ANN401
        value = await anyio.to_thread.run_sync(make)
        self._kept[name] = _Kept(monotonic(), value)
        self._kept.move_to_end(name)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return value

    def _young(self, name: tuple[str, ...]) -> _Kept | None:
        kept = self._kept.get(name)
        return kept if kept is not None and monotonic() - kept.at < self._seconds else None

    def forget(self) -> None:
        """Somebody changed something: what is asked next is read anew."""
        self._kept.clear()
