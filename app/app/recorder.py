"""The log of predictions: what was answered is kept before it is sent, by group commit.

durable   nothing that was answered is lost, not even when the power fails (`app.durable`)
async     answered first, written behind: a crash loses what was not yet written (a second's worth or less), and
          when the disk cannot keep up or fails, the newest records are dropped, counted and logged (`app.behind`)
off       nothing is kept
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from app.behind import Behind
from app.durable import Durable

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from app.asked import Asked
    from app.meter import Meter
    from app.serving import Serving
    from app.settings import ServiceSettings
    from model.errors import StoreError


class Settle(Protocol):
    """`Batcher.settle`."""

    def __call__(self, group: Sequence[Asked], error: Exception | None = None) -> None:
        """Send the answers of a group, or the error."""


class Recorder(Protocol):
    """Keeps answers and has them sent."""

    @property
    def is_busy(self) -> bool:
        """Whether what is asked now had better be answered when `go_on` is called."""

    @property
    def trouble(self) -> StoreError | None:
        """Why nothing can be kept at the moment, None when all is well."""

    def begin(self, loop: asyncio.AbstractEventLoop, settle: Settle, go_on: Callable[[], None]) -> None:
        """Called once. On `loop`, `settle` is called for each group that may be sent, `go_on` before each commit."""

    def keep(self, serving: Serving, group: list[Asked]) -> None:
        """Keep the answers of a group. On the loop's thread."""

    def close(self) -> None:
        """Write what is left. Blocking, and not on the loop's thread."""


def recorder_of(settings: ServiceSettings, meter: Meter) -> Recorder:
    """The recorder that the settings ask for."""
    if settings.log == "off":
        return Forgetful()
    kind = Behind if settings.log == "async" else Durable
    return kind(settings.spool_dir, meter, settings.spool_bytes)


class Forgetful:
    """Keeps nothing."""

    is_busy = False
    trouble = None

    def begin(self, loop: asyncio.AbstractEventLoop, settle: Settle, go_on: Callable[[], None]) -> None:  # noqa: ARG002 - the protocol's
        """Nothing to begin."""
        self._settle = settle

    def keep(self, serving: Serving, group: list[Asked]) -> None:  # noqa: ARG002 - the protocol's
        """Send at once."""
        self._settle(group, None)

    def close(self) -> None:
        """Nothing is left."""
