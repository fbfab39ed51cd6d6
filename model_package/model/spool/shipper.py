"""Takes segments of the spool into the store: read, make rows, commit there, remember here, delete when all is done."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import time
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Self

from model.contract import Contract
from model.errors import ContractError, StoreError, StoreRefused, bounded
from model.spool import reader
from model.spool import segment as files
from model.spool.rows import Record, Refused, Rows
from model.spool.truths import Truths
from model.store import Store
from model.truth import Recorded

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from model.spool.reader import Group, Reader

ROWS_A_TRANSACTION: Final = 5_000
MOST_STORES: Final = 8
# A file's time of change may be this much older than the change: the kernel's clock ticks.
CLOCK_TICK_NS: Final = 20_000_000
Maker = Rows | Truths


class Shipper:
    """Ships a spool. Use it as a context manager: it holds the store's connections.

    rows, added, refused: shipped so far, how many of them the store did not have, and records that it cannot take.
    truths: what became of the statements of truth among the rows.
    """

    def __init__(self, folder: Path, url: str, report: Callable[[str], None], stop: threading.Event) -> None:
        """`stop` ends a pass behind the transaction that is under way."""
        self.folder = folder
        self.rows = self.added = self.refused = 0
        self._url = url
        self._report = report
        self._stop = stop
        self.truths = Recorded()
        self._stores: dict[str, tuple[dict[int, Maker], Store]] = {}
        self._said: set[str] = set()

    def __enter__(self) -> Self:
        """There is nothing to do."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the connections."""
        self._let_go()

    def ship(self) -> None:
        """One pass: all that waits. Raises StoreError when the store does not answer."""
        try:
            for segment in files.segments(self.folder):
                if self._stop.is_set():
                    return
                self._ship_segment(segment)
        except StoreError:
            self._let_go()
            raise
        self._clear_rests()

    def _ship_segment(self, segment: Path) -> None:
        # Taken before the first look: what is read without its writer is all that there will ever be.
        abandoned = files.lock_if_free(files.lock_of(segment))
        try:
            self._read_segment(segment, abandoned=abandoned is not None)
        except sqlite3.OperationalError as error:
            self._say_once(f"{segment.name} cannot be read, and is tried again: {bounded(error)}")
        except sqlite3.DatabaseError as error:
            self._say_once(f"{segment.name} is damaged: {bounded(error)}")
            if abandoned is not None:
                self._report(f"what is left of it waits in {reader.set_segment_aside(segment)}")
        except OSError as error:
            self._say_once(f"{segment.name} cannot be shipped, and is tried again: {bounded(error)}")
        finally:
            if abandoned is not None:
                os.close(abandoned)

    def _read_segment(self, segment: Path, *, abandoned: bool) -> None:
        if abandoned:
            reader.check_header(segment)
        with reader.Reader(segment) as opened:
            all_shipped = not opened.is_begun() or self._ship_groups(segment, opened, abandoned=abandoned)
            if abandoned and all_shipped:
                # Before the connection is closed: SQLite does not tidy up a file that is no more.
                files.remove(segment)

    def _ship_groups(self, segment: Path, opened: Reader, *, abandoned: bool) -> bool:
        """Whether all of them are in the store. What a living writer adds meanwhile is left to the next pass."""
        at = reader.position(segment)
        while not self._stop.is_set():
            began = time.time_ns() - CLOCK_TICK_NS
            groups = opened.groups(at)
            more = sum(len(group.body) for group in groups) >= reader.BYTES_AT_ONCE
            moment = 0
            for (number, kind), same in itertools.groupby(groups, attrgetter("contract", "kind")):
                moment = self._ship_some(segment, opened.contract(number), kind, same)
            at = groups[-1].sequence if groups else at
            # A full disk must not keep from shipping what fills it: without its position, it is shipped once more.
            with contextlib.suppress(OSError):
                reader.set_position(segment, at, moment if more else began)
            if not groups or not (more or abandoned):
                return not groups
        return False

    def _ship_some(self, segment: Path, contract: str, kind: int, groups: Iterable[Group]) -> int:
        """Ship groups of one contract and one kind; returns when the last record was made (nanoseconds)."""
        try:
            makers, store = self._store(contract)
        except ContractError as error:
            for group in groups:
                self._refuse(segment, str(error), group.body.decode(errors="backslashreplace"))
            return 0
        moment, maker = 0, makers[kind]
        for records in _by_rows(self._good(segment, maker, groups)):
            self.added += self._add(segment, maker, store, records)
            self.rows += sum(record.count for record in records)
            moment = records[-1].parsed.at
        return moment

    def _good(self, segment: Path, maker: Maker, groups: Iterable[Group]) -> Iterator[Record]:
        for record in itertools.chain.from_iterable(map(maker.records, groups)):
            if isinstance(record, Refused):
                self._refuse(segment, record.why, record.text)
            else:
                yield record

    def _add(self, segment: Path, maker: Maker, store: Store, records: list[Record]) -> int:
        """Write them in one transaction; those that the store does not take are found by halving."""
        try:
            return self._store_rows(maker, store, records)
        except StoreRefused as error:
            if len(records) == 1:
                self.rows -= records[0].count
                self._refuse(segment, str(error), records[0].text)
                return 0
        middle = len(records) // 2
        halves = records[:middle], records[middle:]
        return sum(self._add(segment, maker, store, half) for half in halves)

    def _store_rows(self, maker: Maker, store: Store, records: list[Record]) -> int:
        if isinstance(maker, Rows):
            return store.add(row for record in records for row in maker.rows(record))
        recorded = store.add_truths(said for record in records for said in maker.rows(record))
        self.truths += recorded
        return recorded.new + recorded.contradicting

    def _refuse(self, segment: Path, why: str, text: str) -> None:
        self.refused += 1
        path = reader.set_aside(segment, why, text)
        self._say_once(f"the store cannot take a record of {segment.name}: it is kept in {path}")

    def _store(self, contract: str) -> tuple[dict[int, Maker], Store]:
        if contract not in self._stores:
            if len(self._stores) >= MOST_STORES:
                self._let_go()
            made = Contract.from_json(contract)
            makers: dict[int, Maker] = {files.PREDICTIONS: Rows(made), files.TRUTHS: Truths(made)}
            store = Store(self._url, made).__enter__()
            self._stores[contract] = makers, store
            self._count_earlier(store)
        return self._stores[contract]

    def _count_earlier(self, store: Store) -> None:
        """Once, for a database that is older than its counts of traffic."""
        for _ in store.count_earlier():
            if self._stop.is_set():
                return

    def _let_go(self) -> None:
        while self._stores:
            _, (_, store) = self._stores.popitem()
            store.__exit__(None, None, None)

    def _clear_rests(self) -> None:
        """A writer that died while it began a segment, or a shipper while it deleted one, left a lock alone."""
        for lock in self.folder.glob(f"[!.]*{files.LOCK}"):
            segment = lock.with_suffix(files.SUFFIX)
            if not segment.exists() and (held := files.lock_if_free(lock)) is not None:
                files.remove(segment)
                os.close(held)

    def _say_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._report(line)


def _by_rows(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Records of a few thousand rows together, and of one record at least."""
    some: list[Record] = []
    count = 0
    for record in records:
        some.append(record)
        count += record.count
        if count >= ROWS_A_TRANSACTION:
            yield some
            some, count = [], 0
    if some:
        yield some
