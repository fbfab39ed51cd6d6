"""What the log keeps of each answer, as the bytes of a JSON object; `model.spool` makes rows of them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from model.spool import PREDICTIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.asked import Asked
    from app.serving import Serving
    from model.contract import Contract

# Records of one commit, so that no answer waits for a long one.
MOST_RECORDS: Final = 256
MICROSECONDS: Final = 1_000_000
_NAMED: Final = b',"request_id":"%b"'
_FILLED: Final = b'"labels":[%b],"scores":[%b],"request":%b}'


class Group(NamedTuple):
    """What is committed together: records of one kind under one contract, and who waits for that."""

    contract: Contract
    records: list[bytes]
    waiting: list[Asked]
    kind: int = PREDICTIONS

    @property
    def body(self) -> bytes:
        """As the spool keeps it."""
        return b"[%b]" % b",".join(self.records)


def record_template(version: str) -> bytes:
    """A record of one model, to be filled in by `records`."""
    made = f'"version":{json.dumps(version)}'.replace("%", "%%").encode()
    return b",".join([b'{"id":"%b"%b,"at":%d,"us":%d', made, _FILLED])


def records(serving: Serving, group: Sequence[Asked]) -> list[bytes]:
    """Each prediction: when it was made and how long that took, the answer, the request as it was sent."""
    at, now = time.time_ns(), time.perf_counter()
    template = serving.record
    return [
        template
        % (
            asked.id,
            asked.request_id and _NAMED % asked.request_id,
            at,
            (now - asked.began) * MICROSECONDS,
            asked.said,
            asked.figures,
            asked.body,
        )
        for asked in group
    ]


def next_commit(groups: list[Group]) -> tuple[Group, list[Group]]:
    """What is committed next, the first groups as long as they are of one contract and not too many; and the rest."""
    contract = groups[0].contract
    count = taken = 0
    for group in groups:
        if count >= MOST_RECORDS or group.contract.fingerprint != contract.fingerprint:
            break
        taken, count = taken + 1, count + len(group.records)
    if taken == 1:
        return groups[0], groups[1:]
    first = groups[:taken]
    kept = [one for group in first for one in group.records]
    return Group(contract, kept, [asked for group in first for asked in group.waiting]), groups[taken:]
