"""What the service has kept, read from its spool as anybody can: SQLite files of JSON."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from model.spool.segment import lock, lock_of, remove, segments

Record = dict[str, Any]


def records(spool: Path) -> Iterator[Record]:
    """Every record of every segment, oldest segment first; of a segment that is being written what is committed."""
    for segment in segments(spool):
        yield from records_of(segment)


def records_of(segment: Path) -> Iterator[Record]:
    """The records of a segment, in the order of their commits."""
    # To write, as the shipper does: after a kill SQLite restores what only its log holds.
    with contextlib.closing(sqlite3.connect(f"file:{segment}?mode=rw", uri=True)) as connection:
        (fault,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if fault != "ok":
            raise ValueError(f"{segment.name} is damaged: {fault}")
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'groups'").fetchone():
            return  # its writer died before it was ready: nothing was acknowledged from it
        query = "SELECT fingerprint, body FROM groups JOIN contracts ON contracts.id = contract ORDER BY sequence"
        for fingerprint, body in connection.execute(query):
            yield from ({**record, "contract": fingerprint} for record in json.loads(body))


@dataclass
class Ledger:
    """What clients were told, and what was found kept: each acknowledged prediction must be kept once, as it was."""

    acknowledged: dict[str, tuple[str, Any]] = field(default_factory=dict)
    kept: Counter[str] = field(default_factory=Counter)
    different: list[str] = field(default_factory=list)

    def acknowledge(self, identity: str, key: str, answer: Any) -> None:  # noqa: ANN401 - a label or labels
        """A client has an answer: its prediction's id, the key it had sent, and the prediction."""
        if not identity:
            raise ValueError(f"the answer to {key} names no prediction id")
        self.acknowledged[identity] = key, answer

    def collect(self, spool: Path) -> None:
        """Take in the segments that no process writes any more, and delete them, as the shipper does."""
        for segment in segments(spool):
            held = lock(lock_of(segment))
            if held is not None:
                with open(held, closefd=True):  # noqa: PTH123 - a descriptor
                    for record in records_of(segment):
                        self.take(record)
                    remove(segment)

    def take(self, record: Record) -> None:
        """A record was kept."""
        identity = str(record["id"])
        self.kept[identity] += 1
        told = self.acknowledged.get(identity)
        if told is None:
            return
        (key,) = next(iter(record["request"]["data"].values()))
        (label,) = record["labels"]
        if (key, label) != told:
            self.different.append(f"{identity}: kept {key} -> {label}, told {told}")

    def lost(self) -> list[str]:
        """Predictions that clients were told of and that are not kept."""
        return [identity for identity in self.acknowledged if identity not in self.kept]

    def twice(self) -> list[str]:
        """Predictions that are kept more than once."""
        return [identity for identity, count in self.kept.items() if count > 1]

    def detail(self) -> dict[str, Any]:
        """For the results."""
        return {
            "acknowledged": len(self.acknowledged),
            "kept": self.kept.total(),
            "lost": len(self.lost()),
            "twice": len(self.twice()),
            "different": self.different[:10],
        }

    def wrong(self) -> int:
        """How many are lost, kept twice, or kept otherwise than they were told."""
        return len(self.lost()) + len(self.twice()) + len(self.different)
