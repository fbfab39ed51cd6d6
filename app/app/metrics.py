"""What Prometheus asks for, of all workers together. `/metrics` is for operators: nginx does not publish it.

A worker writes its counts into a folder that all of them share, every second and atomically; whichever worker is asked
adds up what it finds there. The files of a worker that died stay, so that no counter ever falls.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.to_thread
from fastapi import APIRouter, Response

from model.bundle import replace_file
from model.errors import bounded
from model.registry import Registry
from model.spool import backlog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.lane import Lane
    from app.settings import ServiceSettings

log = logging.getLogger(__name__)

SECONDS_BETWEEN: Final = 1.0

Said = dict[str, Any]


class Metrics:
    """The counts of this worker and of its siblings."""

    def __init__(self, lane: Lane, settings: ServiceSettings) -> None:
        """Nothing is written yet: `publish` does."""
        self.lane = lane
        self.spool_dir = None if settings.log == "off" else settings.spool_dir
        self.folder = settings.metrics_dir
        self.monitoring_file = Registry(settings.artifacts_dir, settings.contract).monitoring_file
        self._own = f"{os.getpid()}-{secrets.token_hex(4)}.json"

    def table(self) -> APIRouter:
        """The route."""
        table = APIRouter()
        table.get("/metrics", include_in_schema=False)(self.metrics)
        return table

    async def metrics(self) -> Response:
        """Everything, in Prometheus' text format."""
        from app import exposition, monitoring  # noqa: PLC0415 - what only operators ask for need not be there at the start

        said, spool = await anyio.to_thread.run_sync(self.collected)
        monitored = await anyio.to_thread.run_sync(monitoring.read, self.monitoring_file)
        return Response(exposition.text(said, spool, monitored), media_type=exposition.MEDIA_TYPE)

    async def publish(self) -> None:
        """Tell the siblings, for ever."""
        while self.folder is not None:
            said = json.dumps(self.said()).encode()
            try:
                await anyio.to_thread.run_sync(replace_file, self.folder / self._own, said)
            except OSError as error:
                log.warning("the counts cannot be shared", extra={"reason": bounded(error)})
            await anyio.sleep(SECONDS_BETWEEN)

    def said(self) -> Said:
        """This worker's counts and state."""
        current, refused = self.lane.predictor.current, self.lane.predictor.refused
        return {
            **self.lane.meter.said(),
            "at": time.time(),
            "model": None if current is None else [current.contract.name, current.version, current.bundle.served_by],
            "refused_version": None if refused is None else refused.version,
            "failing": self.lane.recorder.trouble is not None,
        }

    def collected(self) -> tuple[list[Said], tuple[int, float]]:
        """What all workers say, and the spool's bytes and age. Blocking: it reads files."""
        return list(self._all()), self._spool()

    def _all(self) -> Iterator[Said]:
        yield self.said()
        if self.folder is not None:
            for path in self.folder.glob("*.json"):
                if path.name != self._own:
                    yield json.loads(path.read_bytes())

    def _spool(self) -> tuple[int, float]:
        try:
            held = backlog(self.spool_dir) if self.spool_dir is not None else None
        except OSError:
            held = None
        return (held.bytes, held.oldest_seconds) if held else (0, 0.0)
