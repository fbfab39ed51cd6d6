"""Groups of records as a service commits them to the spool."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from model.derived.request import json_value
from model.testing.good_rows import good_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model.contract import Contract


def record(contract: Contract, identity: str, *, rows: int = 1, seed: int = 0, keys: bool = False) -> dict[str, Any]:
    """One request of so many good rows with answers that are drawn."""
    drawn = good_rows(contract, rows, seed)
    data = {column.name: [json_value(value) for value in drawn[column.name]] for column in contract.columns}
    if keys:
        data[contract.key.name] = [str(key) for key in drawn[contract.key.name]]
    return {
        "id": identity,
        "at": time.time_ns(),
        "us": 312,
        "version": "20261124T120000Z-00000000",
        "contract": contract.fingerprint,
        "request_id": f"request-{identity}",
        "labels": list(drawn[contract.target.name]),
        "scores": [0.25] * rows,
        "request": {"data": data},
    }


def group(contract: Contract, identities: Iterable[str], **how: Any) -> bytes:  # noqa: ANN401 - as `record` takes it
    """What one commit keeps: a record for each identity."""
    said = (json.dumps(record(contract, identity, **how), separators=(",", ":")) for identity in identities)
    return f"[{','.join(said)}]".encode()


def truth_group(at: int, *said: dict[str, Any]) -> bytes:
    """What one commit of truth keeps: a request that arrived then (unix nanoseconds)."""
    return json.dumps([{"at": at, "request": {"truths": said}}], separators=(",", ":")).encode()
