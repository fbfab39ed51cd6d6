"""What proved true, over HTTP: checked against the contract, and on the disk before it is answered.

It waits in the spool like the predictions do, whatever SERVICE_LOG says of those: it is rare, and it has no second
copy. It has a writer and a thread of its own, so that no prediction ever waits for it.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import anyio
import anyio.to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel

from app import body
from app.errors import OVERLOADED, ErrorResponse, Overloaded
from app.log import Log
from app.protocols.reading import parse as parse_json
from app.records import Group
from model.derived.truth import EARLIEST, parse, statements, truth_model
from model.spool import TRUTHS

if TYPE_CHECKING:
    from app.door import Door
    from app.settings import ServiceSettings
    from model.contract import Contract

MEBIBYTE: Final = 1024 * 1024
# Truth comes seldom: what waits for the shipper need not be as large as the predictions' segments.
SEGMENT_BYTES: Final = 4 * MEBIBYTE
# Requests that wait for the thread. More would only hold more bodies in memory.
MOST_WAITING: Final = 16

PATH: Final = "/ground_truth"
TRUTH_REQUEST, ONE_TRUTH = "TruthRequest", "TruthStatement"

_RECORD: Final = b'{"at":%d,"request":%b}'
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    413: {"model": ErrorResponse, "description": "The body is too large"},
    415: {"model": ErrorResponse, "description": "The body is not JSON in UTF-8"},
    422: {"model": ErrorResponse, "description": "The truth breaks the contract; each wrong field is named"},
    503: {"model": ErrorResponse, "description": "No model is being served, or the truth cannot be kept"},
}


class Accepted(BaseModel):
    """The truth is on the disk: how many statements, and how many of them are about a prediction, how many a key's.

    Whether there are such predictions is found when it is joined with them: `python -m model join` tells.
    """

    accepted: int
    by_prediction_id: int
    by_key: int


class _Taken(NamedTuple):
    """A request that keeps the contract."""

    record: bytes
    answer: Accepted


class GroundTruth:
    """The route that takes in the truth, and the log that keeps it."""

    def __init__(self, door: Door, settings: ServiceSettings) -> None:
        """Nothing is opened yet; the spool is made when missing, at the first truth."""
        self._door = door
        self._most_bytes = settings.max_body_bytes
        self._log = Log(settings.spool_dir, settings.spool_bytes, durable=True, segment_bytes=SEGMENT_BYTES)
        self._one = anyio.CapacityLimiter(1)
        self._waiting = 0
        self._made: tuple[str, type[BaseModel]] = ("", BaseModel)

    def table(self) -> APIRouter:
        """The route."""
        any_of = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in (TRUTH_REQUEST, ONE_TRUTH)]}
        asked = {"requestBody": {"required": True, "content": {"application/json": {"schema": any_of}}}}
        table = APIRouter(generate_unique_id_function=lambda route: route.name)
        table.post(PATH, tags=["truth"], status_code=202, responses=_ANSWERS, openapi_extra=asked)(self.ground_truth)
        return table

    async def ground_truth(self, request: Request) -> Accepted:
        """Say what proved true, of predictions by their id or by the caller's key. Saying it again changes nothing."""
        received = await body.read(request, self._most_bytes)
        contract = self._door.serving().contract
        if self._waiting >= MOST_WAITING:
            self._door.lane.meter.refused[OVERLOADED.code] += 1
            raise Overloaded("too much truth is waiting")
        self._waiting += 1
        try:
            return await anyio.to_thread.run_sync(self._keep, contract, received, limiter=self._one)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Leave what was kept to the shipper. Blocking, and not while a request is under way."""
        self._log.close()

    def _keep(self, contract: Contract, received: bytes) -> Accepted:
        """In the thread."""
        if self._made[0] != contract.fingerprint:
            self._made = contract.fingerprint, truth_model(contract)
        taken = _take(contract, self._made[1], received, time.time_ns())
        self._log.commit(Group(contract, [taken.record], [], TRUTHS))
        return taken.answer


def _take(contract: Contract, model: type[BaseModel], received: bytes, now: int) -> _Taken:
    """Check a request that came now (unix nanoseconds). Raises RowsRefused naming each wrong field."""
    asked = parse_json(received)
    if isinstance(asked, dict) and "truths" not in asked:
        asked = {"truths": [asked]}
    whole = json.dumps(asked, separators=(",", ":")).encode()
    said = statements(contract, parse(model, whole), EARLIEST + timedelta(microseconds=now // 1000))
    by_key = sum(one.by == "key" for one in said)
    answer = Accepted(accepted=len(said), by_prediction_id=len(said) - by_key, by_key=by_key)
    return _Taken(_RECORD % (now, whole), answer)
