"""Counts of predictions by hour, kept in the transaction that adds the predictions: exactly the new ones count.

Whoever counts takes first the row of `counted_<contract>`, then predictions, then hours in the order of their keys:
nobody waits for somebody who waits for him.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from model.board import LATENCY_EDGES_MS, SCORE_BINS, HourOfTraffic
from model.derived import traffic as tables
from model.stored import in_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from model.contract import Contract

ROWS_A_STEP: Final = 50_000
MOST_HOURS: Final = 10_000  # rows of an answer: a month of a dozen versions and origins
ONE: Final = 1
Group = sa.Row[Any]  # NOTED, rows


class Traffic:
    """The two tables of a contract. Every method takes a connection inside a transaction of the store."""

    def __init__(self, contract: Contract, predictions: sa.Table) -> None:
        """`predictions`: the tables are of its metadata."""
        self._contract = contract
        self._predictions = predictions
        self._hours = tables.traffic(contract, predictions.metadata)
        self._counted = tables.counted(contract, predictions.metadata)
        # Built once, asked with parameters: three dozen columns take a while to name.
        self._since = sa.select(self._counted.c.since)
        self._by_hour, self._by_part = tables.by_hour(self._hours), tables.by_part_of_day(self._hours)

    # ------------------------------------------------------------------------------------- counting

    def begin(self, connection: sa.Connection) -> None:
        """Say from when on predictions count, unless that was said: those that are there already do not yet."""
        if connection.execute(sa.select(self._counted.c.one)).first() is not None:
            return
        latest = connection.execute(sa.select(sa.func.max(self._predictions.c.created_at))).scalar_one()
        since = None if latest is None else in_utc(latest) + timedelta(microseconds=1)
        statement = insertion(connection, self._counted).on_conflict_do_nothing()
        connection.execute(statement, {"one": ONE, "since": since})

    def since(self, connection: sa.Connection, *, is_writing: bool = False) -> datetime | None:
        """From when on all predictions have been counted; None: all. It stays so until a writer's transaction ends."""
        found = connection.execute(self._since).scalar_one_or_none()
        if found is not None and is_writing:  # once all are counted, that stays so
            found = connection.execute(self._since.with_for_update(read=True)).scalar_one_or_none()
        return None if found is None else in_utc(found)

    def noted(self, since: datetime | None) -> list[sa.Label[Any]]:
        """What of predictions `add` takes."""
        return tables.noted(self._contract, self._predictions, since)

    def add(self, connection: sa.Connection, found: Iterable[Group]) -> None:
        """Count predictions that were grouped (`model.derived.traffic.grouped`), those that count."""
        rows = self._summed(group for group in found if group.is_counted)
        if rows:
            connection.execute(tables.added(self._hours, insertion(connection, self._hours)), rows)

    def _summed(self, found: Iterable[Group]) -> list[dict[str, Any]]:
        """Groups -> rows of the table, in the order of their keys."""
        hours: dict[tuple[datetime, str, str], dict[str, Any]] = {}
        names = tables.scores(self._contract)
        nothing = dict.fromkeys(("rows", "positives", *names, *tables.LATENCIES), 0)
        for group in found:
            key = (in_utc(group.hour), group.version, group.origin)
            row = hours.setdefault(key, dict(zip(tables.KEYS, key, strict=True)) | nothing)
            row["rows"] += group.rows
            row["positives"] += group.rows * group.positive
            if names:
                row[names[group.score_bin]] += group.rows
            if group.latency_bin is not None:
                row[tables.LATENCIES[group.latency_bin]] += group.rows
        return [hours[key] for key in sorted(hours)]

    def count_earlier(self, connection: sa.Connection) -> int:
        """Count the latest fifty thousand or so of the predictions that have not been; returns how many there were."""
        since = connection.execute(self._since.with_for_update()).scalar_one_or_none()
        if since is None:
            return 0
        since, made = in_utc(since), self._predictions.c.created_at
        earlier = sa.select(made).where(made < since).order_by(made.desc())
        edge = connection.execute(earlier.offset(ROWS_A_STEP - 1).limit(1)).scalar_one_or_none()
        until = None if edge is None else in_utc(edge)
        chosen = [made < since, *([] if until is None else [made >= until])]
        rows = sa.select(*self.noted(None)).where(*chosen).subquery()
        found = connection.execute(tables.grouped(rows)).all()
        self.add(connection, found)
        connection.execute(sa.update(self._counted).values(since=until))
        return sum(group.rows for group in found)

    # -------------------------------------------------------------------------------------- reading

    def read(
        self, connection: sa.Connection, since: datetime, until: datetime, whole_since: datetime
    ) -> list[HourOfTraffic]:
        """The hours that begin between two moments, the earliest first; at most the latest MOST_HOURS rows.

        Those before `whole_since` by quarters of a day: a month of them need not be added up by whoever draws it.
        """
        whole = tables.quarter_of(whole_since)
        first, end = since.astimezone(UTC), until.astimezone(UTC)
        parts = [(self._by_hour, max(first, whole), end), (self._by_part, first, min(whole, end))]
        found: list[HourOfTraffic] = []
        for query, begin, before in parts:
            if begin < before:
                wanted = {"since": begin, "until": before, "most": MOST_HOURS - len(found)}
                found += [self._hour(row) for row in connection.execute(query, wanted).all()]
        return found[::-1]

    def _hour(self, row: Sequence[Any]) -> HourOfTraffic:
        hour, version, origin, rows, positives, *counts = row
        width = SCORE_BINS if len(counts) > len(LATENCY_EDGES_MS) + 1 else 0
        latencies = counts[width:]
        known = tuple(latencies) if any(latencies) else ()
        return HourOfTraffic(in_utc(hour), version, origin, rows, positives, tuple(counts[:width]), known)


def insertion(connection: sa.Connection, table: sa.Table) -> Any:  # noqa: ANN401 - either dialect's, which share no class
    """An insertion that can say what to do with rows that are there."""
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)
