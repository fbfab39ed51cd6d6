"""Predictions in SQLite or PostgreSQL. Nothing else in the project knows SQL."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from model.derived.tables import predictions
from model.errors import StoreError, bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from model.contract import Contract

ROWS_A_STATEMENT = 500
SECONDS_TO_WAIT_FOR_A_LOCK = 30


class Store:
    """The predictions of one contract. Use it as a context manager: it holds connections.

    Raises:
        StoreError: from every method, when the database does not answer or its table does not fit.
    """

    def __init__(self, url: str, contract: Contract) -> None:
        """`url` is an SQLAlchemy URL; a SQLite file and its folder are made when missing."""
        self._engine = _engine(url)
        self._table = predictions(contract, sa.MetaData())

    def __enter__(self) -> Self:
        """Make the table, or add the columns that the contract has gained."""
        try:
            self._table.metadata.create_all(self._engine)
            self._add_missing_columns()
        except sa.exc.SQLAlchemyError as error:
            self._engine.dispose()
            raise _unanswered(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the connections."""
        self._engine.dispose()

    def add(self, records: Iterable[Mapping[str, Any]]) -> int:
        """Write records (by column name); returns how many were new. A known `prediction_id` is left as it is."""
        try:
            with self._engine.begin() as connection:
                return sum(self._add_some(connection, list(some)) for some in _batched(records, ROWS_A_STATEMENT))
        except sa.exc.SQLAlchemyError as error:
            raise _unanswered(error) from error

    def count(self, **where: str) -> int:
        """How many predictions there are, e.g. `count(version="...", origin="...")`."""
        query = sa.select(sa.func.count()).select_from(self._table)
        for name, value in where.items():
            query = query.where(self._table.c[name] == value)
        try:
            with self._engine.connect() as connection:
                return int(connection.execute(query).scalar_one())
        except sa.exc.SQLAlchemyError as error:
            raise _unanswered(error) from error

    def _add_some(self, connection: sa.Connection, records: list[Mapping[str, Any]]) -> int:
        ids = [record["prediction_id"] for record in records]
        known = self._table.c.prediction_id
        there = set(connection.execute(sa.select(known).where(known.in_(ids))).scalars())
        new = [dict(record) for record in records if record["prediction_id"] not in there]
        if new:
            # Two writers may still meet here: the later one's row is the same row, so it is dropped.
            connection.execute(self._insert_new(), new)
        return len({record["prediction_id"] for record in new})

    def _insert_new(self) -> sa.Insert:
        if self._engine.dialect.name == "postgresql":
            return postgresql.insert(self._table).on_conflict_do_nothing(index_elements=["prediction_id"])
        return sqlite.insert(self._table).on_conflict_do_nothing(index_elements=["prediction_id"])

    def _add_missing_columns(self) -> None:
        there = {column["name"] for column in sa.inspect(self._engine).get_columns(self._table.name)}
        quote = self._engine.dialect.identifier_preparer
        with self._engine.begin() as connection:
            for column in self._table.columns:
                if column.name not in there:
                    kind = column.type.compile(self._engine.dialect)
                    added = f"{quote.format_column(column)} {kind}"
                    connection.execute(sa.text(f"ALTER TABLE {quote.format_table(self._table)} ADD COLUMN {added}"))


def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        message = "MODEL_DATABASE_URL is not an SQLAlchemy URL, e.g. sqlite:///predictions.db"
        raise StoreError(message) from error
    is_sqlite = parsed.get_backend_name() == "sqlite"
    try:
        return _sqlite(parsed) if is_sqlite else sa.create_engine(parsed, pool_pre_ping=True)
    except (ImportError, OSError, sa.exc.SQLAlchemyError) as error:
        raise _unanswered(error) from error


def _sqlite(parsed: sa.URL) -> sa.Engine:
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, connect_args={"timeout": SECONDS_TO_WAIT_FOR_A_LOCK})
    sa.event.listen(engine, "connect", _make_durable)
    return engine


def _make_durable(connection: Any, _: object) -> None:  # noqa: ANN401 - a DB-API connection has no common type
    """A committed row survives a power cut (synchronous=FULL); readers and the writer do not block each other."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _unanswered(error: Exception) -> StoreError:
    return StoreError(f"the prediction store did not answer: {type(error).__name__}: {bounded(error)}")


def _batched(records: Iterable[Mapping[str, Any]], size: int) -> Iterable[tuple[Mapping[str, Any], ...]]:
    left = iter(records)
    while some := tuple(itertools.islice(left, size)):
        yield some
