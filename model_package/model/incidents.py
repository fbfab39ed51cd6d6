"""Incidents, kept in the database of the store, and which of them somebody has been told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from model.derived.findings import LONGEST_WHY, incidents
from model.errors import bounded
from model.incident import KINDS, Incident
from model.stored import in_utc

if TYPE_CHECKING:
    from model.contract import Contract
    from model.store import Store

Event = Literal["begun", "ended"]
MOST_LASTING: Final = 100
# What could not be told for so long is told no more: it would be news of last week.
TOLD_WITHIN: Final = timedelta(days=2)


class Incidents:
    """The incidents of one contract.

    Raises:
        StoreError: from every method, when the database does not answer.
    """

    def __init__(self, store: Store, contract: Contract) -> None:
        """`store` is open; the table is made when missing."""
        self._store = store
        metadata = sa.MetaData()
        self._table = incidents(contract, metadata)
        with store.transaction() as connection:
            metadata.create_all(connection)

    def lasting(self) -> list[Incident]:
        """Those that are not over, the first one first."""
        return self._read(self._table.c.ended_at.is_(None))

    def begin(self, new: list[Incident]) -> None:
        """Keep new ones."""
        if new:
            with self._store.transaction() as connection:
                connection.execute(sa.insert(self._table), [_row(one) for one in new])

    def end(self, over: list[Incident]) -> None:
        """Keep that these are over."""
        table = self._table
        with self._store.transaction() as connection:
            for one in over:
                said = {"ended_at": one.ended_at and one.ended_at.astimezone(UTC), "ended_why": one.ended_why}
                connection.execute(sa.update(table).where(table.c.incident_id == one.identity).values(said))

    def untold(self, event: Event, now: datetime) -> list[Incident]:
        """Those of whose beginning or end nobody has been told. Whose beginning was not told, its end need not be."""
        table, since = self._table, (now - TOLD_WITHIN).astimezone(UTC)
        if event == "begun":
            return self._read(table.c.told_begun_at.is_(None), table.c.ended_at.is_(None), table.c.began_at > since)
        return self._read(table.c.told_begun_at.is_not(None), table.c.told_ended_at.is_(None), table.c.ended_at > since)

    def told(self, one: Incident, event: Event, now: datetime) -> None:
        """Keep that somebody has been told."""
        table = self._table
        update = sa.update(table).where(table.c.incident_id == one.identity)
        with self._store.transaction() as connection:
            connection.execute(update.values({f"told_{event}_at": now.astimezone(UTC)}))

    def _read(self, *conditions: sa.ColumnElement[bool]) -> list[Incident]:
        query = sa.select(self._table).where(*conditions).order_by(self._table.c.began_at, self._table.c.incident_id)
        with self._store.transaction() as connection:
            return [_incident(row) for row in connection.execute(query.limit(MOST_LASTING)).mappings()]


def _row(one: Incident) -> dict[str, Any]:
    return {
        "incident_id": one.identity,
        "version": one.version,
        "kind": one.kind,
        "began_at": one.began_at.astimezone(UTC),
        "why": bounded(one.why, LONGEST_WHY),
    }


def _incident(row: sa.RowMapping) -> Incident:
    (kind,) = (known for known in KINDS if known == row["kind"])
    ended = row["ended_at"]
    own = (row["incident_id"], row["version"], kind, in_utc(row["began_at"]), row["why"])
    return Incident(*own, None if ended is None else in_utc(ended), row["ended_why"])
