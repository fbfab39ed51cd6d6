"""What challengers answer, kept beside the predictions under the same ids. The connection is the store's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from model.derived import shadowing
from model.derived.shadowing import Place
from model.derived.tables import input_name, predictions, shadows, truths
from model.stored import OWN, Compared, Shadowed, Stored, in_utc, stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from model.contract import Contract
    from model.store import Store
    from model.truth import Window

ROWS_A_PAGE: Final = 1_000
ROWS_AT_ONCE: Final = 10_000


class Page(NamedTuple):
    """Those predictions of a stretch that have no answer yet, at most so many as a page has rows.

    moments: when each was made. end: where the next page begins; None when this was the last one.
    """

    rows: Stored | None
    moments: list[datetime]
    end: Place | None


class Shadows:
    """The answers of one contract's challengers.

    Raises:
        StoreError: from every method, when the database does not answer.
    """

    def __init__(self, store: Store, contract: Contract) -> None:
        """`store` is open; the table is made when missing. contract: whose features are read of the predictions."""
        self._store = store
        self._features = contract.features
        metadata = sa.MetaData()
        self._predictions, self._truths = predictions(contract, metadata), truths(contract, metadata)
        self._table = shadows(contract, metadata)
        with store.transaction() as connection:
            metadata.create_all(connection)

    def page(self, version: str, after: Place, rows: int = ROWS_A_PAGE) -> Page:
        """Of the next `rows` online predictions behind a place, those that `version` has not answered."""
        columns = [*OWN, *map(input_name, self._features)]
        with self._store.transaction() as connection:
            last = connection.execute(shadowing.page_end(self._predictions, after, rows)).one_or_none()
            end = None if last is None else Place(in_utc(last[0]), last[1])
            query = shadowing.unanswered(self._predictions, self._table, version, columns, (after, end))
            # Without an end, there were fewer than `rows` a moment ago: what came since then waits for the next page.
            found = [tuple(row) for row in connection.execute(query.limit(rows))]
        moments = [in_utc(row[0]) for row in found]
        return Page(stored(self._features, [row[1:] for row in found]) if found else None, moments, end)

    def add(self, version: str, answers: Iterable[Shadowed], at: datetime) -> None:
        """Keep what `version` answered at a moment, in one transaction; a known answer is left as it is."""
        own = {"version": version, "at": at.astimezone(UTC)}
        rows = [answer._asdict() | own | {"created_at": answer.created_at.astimezone(UTC)} for answer in answers]
        if not rows:
            return
        with self._store.transaction() as connection:
            is_server = connection.dialect.name == "postgresql"
            if is_server:
                # The last moment's answers may be lost in a crash: what has none is asked again. Its log need not be
                # flushed for them, on a disk on which the service may be waiting for its own.
                connection.execute(sa.text("SET LOCAL synchronous_commit = off"))
            insert = postgresql.insert if is_server else sqlite.insert
            statement: Any = insert(self._table)
            keys = ["prediction_id", "version"]
            connection.execute(statement.on_conflict_do_nothing(index_elements=keys), rows)

    def count(self, version: str) -> int:
        """How many predictions `version` has answered or refused."""
        query = sa.select(sa.func.count()).select_from(self._table).where(self._table.c.version == version)
        with self._store.transaction() as connection:
            return int(connection.execute(query).scalar_one())

    def compared(self, version: str, window: Window) -> Iterator[Compared]:
        """The predictions of the window that `version` has answered or refused, ten thousand at a time, in no order."""
        query = shadowing.compared(self._predictions, self._truths, self._table, version, window)
        with self._store.transaction() as connection:
            found = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
            for rows in found.partitions():
                yield Compared(*map(list, zip(*rows, strict=True)))

    def prune(self, before: datetime) -> Iterator[int]:
        """Delete the answers to predictions made before a moment; yields how many after each transaction."""
        table = self._table
        old = sa.select(table.c.prediction_id).where(table.c.created_at < before.astimezone(UTC))
        some = old.order_by(table.c.created_at).limit(ROWS_AT_ONCE).scalar_subquery()
        deleted = ROWS_AT_ONCE
        # All answers to a prediction go at once: there may be more of them than ids.
        while deleted >= ROWS_AT_ONCE:
            with self._store.transaction() as connection:
                deleted = connection.execute(sa.delete(table).where(table.c.prediction_id.in_(some))).rowcount
            yield deleted
