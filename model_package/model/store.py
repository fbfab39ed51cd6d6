"""Predictions, and what proved true, in SQLite or PostgreSQL. Nothing else in the project talks to a database."""

from __future__ import annotations

import contextlib
import threading
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa

from model import arrivals
from model.arrivals import ROWS_A_STATEMENT, batched
from model.board import HourOfTraffic, Recent
from model.derived import joins
from model.derived.tables import input_name, predictions, truths
from model.engine import engine, unanswered
from model.errors import StoreError, StoreRefused, bounded
from model.growth import grow
from model.joined import JoinedRows, joined_rows
from model.stored import OWN, recent, stored
from model.traffic import Traffic, insertion
from model.truth import Joined, Recorded, Truth, Unjoined, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from types import TracebackType

    from model.contract import Contract
    from model.stored import Stored

ROWS_A_DELETION = 10_000
ROWS_AT_ONCE = 50_000
EVERYTHING = Window()
ROWS_A_READING = 10_000


class Store:
    """The predictions of one contract, and their truth. Use it as a context manager: it holds connections.

    Raises:
        StoreError: from every method, when the database does not answer or its table does not fit.
        StoreRefused: when it answers, and there is something that it will not take however often it is asked.
    """

    def __init__(self, url: str, contract: Contract) -> None:
        """`url` is an SQLAlchemy URL; a SQLite file and its folder are made when missing."""
        self._contract = contract
        self._engine = engine(url)
        metadata = sa.MetaData()
        self._table, self._truths = predictions(contract, metadata), truths(contract, metadata)
        self._traffic = Traffic(contract, self._table)
        # Built once, asked with parameters: to build it takes longer than a database needs to answer.
        self._recent = joins.joined(joins.latest(self._table), self._truths, EVERYTHING)
        self._held = threading.local()

    def __enter__(self) -> Self:
        """Make the tables, or add the columns and indexes that they have gained."""
        try:
            with self._translated(), self._engine.begin() as connection:
                grow(connection, self._table.metadata)
                self._traffic.begin(connection)
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
            return sum(group.rows for group in arrivals.add(connection, self._table, self._traffic, records))

    def count_earlier(self) -> Iterator[int]:
        """Count into the traffic what was stored before there was such a table; yields how many after each transaction.

        Once all are counted there is nothing to do, and it costs a query.
        """
        counted = 1
        while counted:
            with self._translated(), self._engine.begin() as connection:
                counted = self._traffic.count_earlier(connection)
            if counted:
                yield counted

    def counted_since(self) -> datetime | None:
        """From when on the traffic is complete: `count_earlier` has yet to count what was made before; None: all is."""
        with self.reading() as connection:
            return self._traffic.since(connection)

    def traffic(self, since: datetime, until: datetime, whole_since: datetime | None = None) -> list[HourOfTraffic]:
        """Counts of the hours that begin at `since` or later and before `until`, the earliest first.

        Those before the quarter of a day in which `whole_since` lies are added up by quarters of a day (0, 6, 12, 18).
        """
        with self.reading() as connection:
            return self._traffic.read(connection, since, until, since if whole_since is None else whole_since)

    def recent(self, since: datetime, until: datetime, most: int) -> list[Recent]:
        """The latest predictions made from `since` to before `until` with what proved true, the latest first."""
        wanted = {"since": since.astimezone(UTC), "until": until.astimezone(UTC), "most": most}
        with self.reading() as connection:
            return recent(self._contract, connection.execute(self._recent, wanted).all())

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
            for some in batched(said, ROWS_A_STATEMENT):
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
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for what other modules read; inside `at_once`, that one."""
        held = getattr(self._held, "connection", None)
        with self._translated():
            if held is not None:
                yield held
            else:
                with self._engine.connect() as connection:
                    yield connection

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """What this thread reads inside comes over one connection: the many questions of a page need not open many.

        Raises StoreError when there is none. After an error inside, nothing more can be read inside.
        """
        with self._translated():
            connection = self._engine.connect()
        self._held.connection = connection
        try:
            yield
        finally:
            self._held.connection = None
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                connection.close()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise a StoreError instead of SQLAlchemy's or the driver's: it says whether trying again can help."""
        driver = self._engine.dialect.loaded_dbapi
        try:
            yield
        except (sa.exc.DataError, sa.exc.IntegrityError, driver.DataError, driver.IntegrityError) as error:
            raise StoreRefused(f"the prediction store refused a row: {bounded(error)}") from error
        except (sa.exc.SQLAlchemyError, driver.Error) as error:
            raise unanswered(error) from error

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
        table, statement = self._truths, insertion(connection, self._truths)
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
