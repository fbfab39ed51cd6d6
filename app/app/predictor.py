"""The bundle in use, and how a new champion takes its place while requests are being answered.

The new one is loaded beside the old one, off the event loop; when it has been verified and has passed its self-test,
one assignment makes it the one in use. A request takes the bundle once, at its beginning, and is answered by it from
parsing to labels. A champion that cannot be used is refused, and the old one goes on.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from app.errors import Answer, answer_for
from app.serving import Serving
from model.errors import BundleDamaged, BundleNotFound, bounded

if TYPE_CHECKING:
    from model.registry import Registry

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refused:
    """A champion that cannot be used: which, what clients are told of it, and when it was tried (monotonic seconds)."""

    version: str
    answer: Answer
    tried_at: float


class Predictor:
    """Follows the registry's champion. One instance a process; every method may be called from any thread."""

    def __init__(self, registry: Registry, contract_name: str, *, retry_seconds: float) -> None:
        """Nothing is read yet: `refresh` does."""
        self._registry = registry
        self._contract_name = contract_name
        self._retry_seconds = retry_seconds
        self.current: Serving | None = None
        self.refused: Refused | None = None
        self._retired: list[Serving] = []

    def serving(self) -> Serving:
        """What is in use. Raises BundleNotFound while there is nothing."""
        if self.current is None:
            raise BundleNotFound("no champion has been loaded yet")
        return self.current

    async def watch(self, every_seconds: float) -> None:
        """Follow the champion for ever."""
        while True:
            await anyio.sleep(every_seconds)
            await anyio.to_thread.run_sync(self.refresh)

    def refresh(self) -> None:
        """Take up the champion if it is another one than the one in use. Blocking; raises nothing."""
        version = self._champion()
        if version is None or self._is_known(version):
            return
        try:
            serving = self._load(version)
        except Exception as error:  # noqa: BLE001 - a door: whatever is wrong with a bundle, the old one goes on
            self._refuse(version, error)
            return
        before, self.current, self.refused = self.current, serving, None
        self._retire(before)
        contract = serving.bundle.contract
        changed = before is not None and before.bundle.contract.fingerprint != contract.fingerprint
        log.info(
            "champion taken up",
            extra={
                "version": version,
                "before": before and before.version,
                "contract": contract.name,
                "contract_changed": changed,
            },
        )

    def close(self) -> None:
        """Let go of the models' own processes, where there are any."""
        for serving in (*self._retired, self.current):
            if serving is not None:
                serving.bundle.close()
        self._retired = []

    def _retire(self, before: Serving | None) -> None:
        """Requests that were under way at the last swap have been answered by now: that model can go."""
        for serving in self._retired:
            serving.bundle.close()
        self._retired = [] if before is None else [before]

    def _champion(self) -> str | None:
        try:
            return bounded(self._registry.champion())
        except BundleNotFound:
            return None
        except (OSError, ValueError) as error:
            log.warning("the champion file cannot be read", extra={"reason": bounded(error)})
            return None

    def _is_known(self, version: str) -> bool:
        if self.current is not None and version == self.current.version:
            self.refused = None
            return True
        known = self.refused
        if known is None or version != known.version:
            return False
        return time.monotonic() < known.tried_at + self._retry_seconds

    def _load(self, version: str) -> Serving:
        try:
            bundle = self._registry.load(version)
        except BundleNotFound:
            raise BundleDamaged(f"the champion file names {version!r}, which is not there") from None
        if bundle.contract.name != self._contract_name:
            raise BundleDamaged(f"bundle {version} is of the contract {bundle.contract.name!r}: promote another")
        return Serving.of(bundle)

    def _refuse(self, version: str, error: Exception) -> None:
        known = self.refused
        if known is None or known.version != version:
            kept = self.current and self.current.version
            reason = f"{type(error).__name__}: {bounded(error, 500)}"
            log.error("champion refused", extra={"version": version, "kept": kept, "reason": reason})
        self.refused = Refused(version, answer_for(error), time.monotonic())
