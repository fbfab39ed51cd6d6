"""Predictions, and what proved true, in SQLite or PostgreSQL. Nothing else in the project talks to a database."""

from __future__ import annotations

import contextlib
import itertools
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from model.derived import joins
from model.derived.tables import input_name, predictions, truths
from model.errors import StoreError, StoreRefused, bounded
from model.joined import JoinedRows, joined_rows
from model.stored import OWN, stored
from model.truth import Joined, Recorded, Truth, Unjoined, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import TracebackType

    from model.contract import Contract
    from model.stored import Stored

ROWS_A_STATEMENT = 500
ROWS_A_DELETION = 10_000
ROWS_AT_ONCE = 50_000
EVERYTHING = Window()
ROWS_A_READING = 10_000
SECONDS_TO_WAIT_FOR_A_LOCK = 30
SECONDS_TO_CONNECT = 10
MILLISECONDS_UNTIL_ACKNOWLEDGED = 30_000
T = TypeVar("T")


class Store:
    """The predictions of one contract, and their truth. Use it as a context manager: it holds connections.

    Raises:
        StoreError: from every method, when the database does not answer or its table does not fit.
        StoreRefused: when it answers, and there is something that it will not take however often it is asked.
    """

    def __init__(self, url: str, contract: Contract) -> None:
        """`url` is an SQLAlchemy URL; a SQLite file and its folder are made when missing."""
        self._contract = contract
        self._engine = _engine(url)
        metadata = sa.MetaData()
        self._table, self._truths = predictions(contract, metadata), truths(contract, metadata)

    def __enter__(self) -> Self:
        """Make the tables, or add the columns and indexes that they have gained."""
        try:
            with self._translated():
                self._table.metadata.create_all(self._engine)
                self._add_missing_columns()
                self._add_missing_indexes()
        except StoreError:
            self._engine.dispose()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the connections."""
        self._engine.dispose()

    def add(self, records: Iterable[Mapping[str, Any]]) -> int:
        """Write records (by column name) in one transaction, reading them as they are written.

        Returns how many were new: a known `prediction_id` is left as it is. Columns that a record lacks are NULL.
        """
        with self._translated(), self._engine.begin() as connection:
            # psycopg alone speaks COPY: two to three times as fast as insertions, for a third of the CPU time.
            add = self._copy if self._engine.driver == "psycopg" else self._insert
            return add(connection, records)

    def count(self, **where: str) -> int:
        """How many predictions there are, e.g. `count(version="...", origin="...")`."""
        query = sa.select(sa.func.count()).select_from(self._table)
        for name, value in where.items():
            query = query.where(self._table.c[name] == value)
        with self._translated(), self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def add_truths(self, said: Iterable[Truth]) -> Recorded:
        """Keep what was said, in one transaction; whatever the order, and however often, the same is known after it."""
        recorded = Recorded()
        with self._translated(), self._engine.begin() as connection:
            if self._engine.dialect.name == "postgresql":
                # It has no statistics of what this transaction adds, and would read all of it again for every batch.
                connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
            for some in _batched(said, ROWS_A_STATEMENT):
                recorded += self._add_some(connection, some)
        return recorded

    def joined(self, window: Window = EVERYTHING) -> Iterator[JoinedRows]:
        """The predictions of a window with what proved true, some ten thousand at a time, in no order."""
        yield from self._joined(joins.joined(self._table, self._truths, window))

    def known(self, window: Window, most: int) -> Iterator[JoinedRows]:
        """The latest `most` predictions of a window whose truth is known, the latest one first."""
        yield from self._joined(joins.known(self._table, self._truths, window, most))

    def _joined(self, query: sa.Select[Any]) -> Iterator[JoinedRows]:
        with self._translated(), self._engine.connect() as connection:
            found = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
            for rows in found.partitions():
                yield joined_rows(self._contract, rows)

    def joined_counts(self, window: Window = EVERYTHING) -> list[Joined]:
        """How many predictions a window has, and of how many the truth is known, by version and origin."""
        query = joins.counts(self._table, self._truths, window)
        with self._translated(), self._engine.connect() as connection:
            return [Joined(*row) for row in connection.execute(query)]

    def unjoined(self, window: Window = EVERYTHING) -> Unjoined:
        """What was said of moments in the window and cannot be joined, or contradicts itself. It reads all of that."""
        queries = [joins.unjoined(self._table, self._truths, by, window) for by in ("prediction_id", "key")]
        with self._translated(), self._engine.connect() as connection:
            found = [connection.execute(query).one() for query in queries]
        return Unjoined(*map(sum, zip(*found, strict=True)))

    def inputs(self, window: Window) -> Iterator[Stored]:
        """The predictions of a window with the features they were made from, at most 10,000 at once, in no order."""
        table, features = self._table, self._contract.features
        query = sa.select(*(table.c[name] for name in (*OWN, *map(input_name, features))))
        query = query.where(*joins.inside(table, window)).execution_options(yield_per=ROWS_A_READING)
        with self._translated(), self._engine.connect() as connection:
            # A server keeps the rest of the rows; SQLite steps through them.
            for rows in connection.execute(query).partitions():
                yield stored(features, rows)

    def prune(self, before: datetime, origin: str | None = None) -> Iterator[int]:
        """Delete the predictions made before a moment, the oldest first; yields how many after each transaction."""
        table = self._table
        old = sa.select(table.c.prediction_id).where(table.c.created_at < before).order_by(table.c.created_at)
        if origin is not None:
            old = old.where(table.c.origin == origin)
        yield from self._delete(table.c.prediction_id, old)

    def prune_truths(self, before: datetime) -> Iterator[int]:
        """The same for what was said, by its moment."""
        table = self._truths
        old = sa.select(table.c.truth_id).where(table.c.at < before, table.c.arrived_at < before).order_by(table.c.at)
        yield from self._delete(table.c.truth_id, old)

    def _delete(self, identity: sa.Column[Any], old: sa.Select[Any]) -> Iterator[int]:
        statement = sa.delete(identity.table).where(identity.in_(old.limit(ROWS_A_DELETION).scalar_subquery()))
        deleted = ROWS_A_DELETION
        while deleted == ROWS_A_DELETION:
            with self._translated(), self._engine.begin() as connection:
                deleted = connection.execute(statement).rowcount
            yield deleted

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """A transaction for what other modules keep beside the predictions; errors become StoreErrors."""
        with self._translated(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise a StoreError instead of SQLAlchemy's or the driver's: it says whether trying again can help."""
        driver = self._engine.dialect.loaded_dbapi
        try:
            yield
        except (sa.exc.DataError, sa.exc.IntegrityError, driver.DataError, driver.IntegrityError) as error:
            raise StoreRefused(f"the prediction store refused a row: {bounded(error)}") from error
        except (sa.exc.SQLAlchemyError, driver.Error) as error:
            raise _unanswered(error) from error

    def _insert(self, connection: sa.Connection, records: Iterable[Mapping[str, Any]]) -> int:
        statement = self._insertion(self._table).on_conflict_do_nothing(index_elements=["prediction_id"])
        # An insertion of many rows takes its columns from the first: all rows have all.
        names = self._table.columns.keys()
        rows = ({name: record.get(name) for name in names} for record in records)
        return sum(connection.execute(statement, some).rowcount for some in _batched(rows, ROWS_A_STATEMENT))

    def _insertion(self, table: sa.Table) -> Any:  # noqa: ANN401 - either dialect's, which share no class
        return (postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert)(table)

    def _add_some(self, connection: sa.Connection, some: list[Truth]) -> Recorded:
        known = self._known(connection, some)
        new = repeated = contradicting = 0
        latest: dict[str, Truth] = {}
        for said in some:
            of_subject, identity = known[said.by, said.subject], said.identity
            repeated += identity in of_subject
            contradicting += bool(of_subject) and identity not in of_subject
            new += not of_subject
            of_subject.add(identity)
            latest[identity] = max(latest.get(identity, said), said, key=lambda one: (one.at, one.arrived_at))
        self._upsert(connection, latest)
        return Recorded(new, repeated, contradicting)

    def _known(self, connection: sa.Connection, some: list[Truth]) -> defaultdict[tuple[str, str], set[str]]:
        """The values that are known already of the same subjects, by their identity."""
        table = self._truths
        known: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for by in ("prediction_id", "key"):
            subjects = {said.subject for said in some if said.by == by}
            query = sa.select(table.c[by], table.c.truth_id).where(table.c[by].in_(subjects))
            for subject, identity in connection.execute(query) if subjects else ():
                known[by, subject].add(identity)
        return known

    def _upsert(self, connection: sa.Connection, latest: Mapping[str, Truth]) -> None:
        table, statement = self._truths, self._insertion(self._truths)
        offered = statement.excluded
        is_later = sa.tuple_(offered.at, offered.arrived_at) > sa.tuple_(table.c.at, table.c.arrived_at)
        moments = {"at": offered.at, "arrived_at": offered.arrived_at}
        statement = statement.on_conflict_do_update(index_elements=["truth_id"], set_=moments, where=is_later)
        none = {"prediction_id": None, "key": None}
        rows = [
            # SQLite stores a moment without its zone: it has to be UTC.
            {**none, "truth_id": identity, said.by: said.subject, "value": said.value}
            | {"at": said.at.astimezone(UTC), "arrived_at": said.arrived_at.astimezone(UTC)}
            for identity, said in latest.items()
        ]
        connection.execute(statement, rows)

    def _copy(self, connection: sa.Connection, records: Iterable[Mapping[str, Any]]) -> int:
        quote = self._engine.dialect.identifier_preparer
        table, names = quote.format_table(self._table), self._table.columns.keys()
        columns = ", ".join(quote.quote(name) for name in names)
        connection.execute(sa.text(f"CREATE TEMPORARY TABLE arriving (LIKE {table}) ON COMMIT DROP"))
        # SQLAlchemy has no word for COPY. Nothing but quoted names of our own tables stands in these texts.
        cursor: Any = connection.connection.cursor()
        with cursor.copy(f"COPY arriving ({columns}) FROM STDIN") as copy:
            for record in records:
                copy.write_row([record.get(name) for name in names])
        cursor.execute(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM arriving ON CONFLICT (prediction_id) DO NOTHING"  # noqa: S608 - see above
        )
        return int(cursor.rowcount)

    def _add_missing_columns(self) -> None:
        there = {column["name"] for column in sa.inspect(self._engine).get_columns(self._table.name)}
        quote = self._engine.dialect.identifier_preparer
        with self._engine.begin() as connection:
            for column in self._table.columns:
                if column.name not in there:
                    kind = column.type.compile(self._engine.dialect)
                    added = f"{quote.format_column(column)} {kind}"
                    connection.execute(sa.text(f"ALTER TABLE {quote.format_table(self._table)} ADD COLUMN {added}"))

    def _add_missing_indexes(self) -> None:
        for index in (*self._table.indexes, *self._truths.indexes):
            index.create(self._engine, checkfirst=True)


def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        message = "MODEL_DATABASE_URL is not an SQLAlchemy URL, e.g. sqlite:///predictions.db"
        raise StoreError(message) from error
    is_sqlite = parsed.get_backend_name() == "sqlite"
    try:
        return _sqlite(parsed) if is_sqlite else _server(parsed)
    except (ImportError, OSError, sa.exc.SQLAlchemyError) as error:
        raise _unanswered(error) from error


def _server(parsed: sa.URL) -> sa.Engine:
    # A server that vanished is noticed in seconds; by itself, the kernel waits for a quarter of an hour.
    patience = {"connect_timeout": SECONDS_TO_CONNECT, "tcp_user_timeout": MILLISECONDS_UNTIL_ACKNOWLEDGED}
    own = {name: value for name, value in patience.items() if name not in parsed.query}
    # Parameters are people's data: no message shows them.
    return sa.create_engine(parsed, pool_pre_ping=True, hide_parameters=True, connect_args=own)


def _sqlite(parsed: sa.URL) -> sa.Engine:
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, connect_args={"timeout": SECONDS_TO_WAIT_FOR_A_LOCK}, hide_parameters=True)
    sa.event.listen(engine, "connect", _make_durable)
    return engine


def _make_durable(connection: Any, _: object) -> None:  # noqa: ANN401 - a DB-API connection has no common type
    """A committed row survives a power cut (synchronous=FULL); readers and the writer do not block each other."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _unanswered(error: Exception) -> StoreError:
    return StoreError(f"the prediction store did not answer: {type(error).__name__}: {bounded(error)}")


def _batched(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(rows)
    while some := list(itertools.islice(left, size)):
        yield some
