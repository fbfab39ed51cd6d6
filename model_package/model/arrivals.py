"""New predictions on their way into their table: in SQLite by insertions, in PostgreSQL by way of a temporary table.

Both tell what was new, grouped as traffic counts it (`model.derived.traffic`).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from model.derived.traffic import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from model.traffic import Group, Traffic

ROWS_A_STATEMENT: Final = 500
T = TypeVar("T")


def add(
    connection: sa.Connection, table: sa.Table, traffic: Traffic, records: Iterable[Mapping[str, Any]]
) -> Sequence[Group]:
    """Add the records whose `prediction_id` is not known, and count them; returns the groups of the new ones."""
    rows = _Rows(connection, table, traffic)
    found = rows.to_server(records) if connection.dialect.name == "postgresql" else rows.to_file(records)
    traffic.add(connection, found)
    return found


class _Rows:
    def __init__(self, connection: sa.Connection, table: sa.Table, traffic: Traffic) -> None:
        self._connection = connection
        self._table = table
        self._traffic = traffic
        self._names = table.columns.keys()

    @property
    def _can_copy(self) -> bool:
        # psycopg alone speaks COPY: two to three times as fast as insertions, for a third of the CPU time.
        return self._connection.dialect.driver == "psycopg"

    def to_file(self, records: Iterable[Mapping[str, Any]]) -> Sequence[Group]:
        """SQLite. Its rows have numbers that grow, and one writer at a time: what is above the last one is new.

        Returning each new row costs a third as much again as inserting it, finding them by their numbers a twentieth.
        """
        self._connection.exec_driver_sql("BEGIN IMMEDIATE")
        number = sa.literal_column("rowid", sa.BigInteger)
        last = self._connection.execute(sa.select(sa.func.max(number)).select_from(self._table)).scalar_one() or 0
        statement = sqlite.insert(self._table).on_conflict_do_nothing(index_elements=["prediction_id"])
        self._insert(statement, records)
        since = self._traffic.since(self._connection, is_writing=True)
        new = sa.select(*self._traffic.noted(since)).where(number > last).subquery()
        return self._connection.execute(grouped(new)).all()

    def _insert(self, statement: Any, records: Iterable[Mapping[str, Any]]) -> None:  # noqa: ANN401 - a dialect's
        # An insertion of many rows takes its columns from the first: all rows have all.
        rows = ({name: record.get(name) for name in self._names} for record in records)
        for some in batched(rows, ROWS_A_STATEMENT):
            self._connection.execute(statement, some)

    def to_server(self, records: Iterable[Mapping[str, Any]]) -> Sequence[Group]:
        """PostgreSQL. In the order of their ids: writers of the same ones wait for each other and not in a circle."""
        since = self._traffic.since(self._connection, is_writing=True)
        arriving = sa.table("arriving", *(sa.column(name) for name in self._names))
        quote = self._connection.dialect.identifier_preparer
        like = f"CREATE TEMPORARY TABLE arriving (LIKE {quote.format_table(self._table)}) ON COMMIT DROP"
        self._connection.execute(sa.text(like))
        if self._can_copy:
            self._copy(records)
        else:
            kinds = sa.table("arriving", *(sa.column(column.name, column.type) for column in self._table.columns))
            self._insert(sa.insert(kinds), records)
        ordered = sa.select(*arriving.columns).order_by(arriving.c.prediction_id)
        statement = postgresql.insert(self._table).from_select(self._names, ordered)
        statement = statement.on_conflict_do_nothing(index_elements=["prediction_id"])
        new = statement.returning(*self._traffic.noted(since)).cte("new")
        return self._connection.execute(grouped(new)).all()

    def _copy(self, records: Iterable[Mapping[str, Any]]) -> None:
        # SQLAlchemy has no word for COPY. Nothing but quoted names of our own tables stands in this text.
        quote = self._connection.dialect.identifier_preparer
        columns = ", ".join(quote.quote(name) for name in self._names)
        cursor: Any = self._connection.connection.cursor()
        with cursor.copy(f"COPY arriving ({columns}) FROM STDIN") as copy:
            for record in records:
                copy.write_row([record.get(name) for name in self._names])


def batched(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of so many."""
    left = iter(rows)
    while some := list(itertools.islice(left, size)):
        yield some
