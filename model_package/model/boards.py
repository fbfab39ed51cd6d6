"""Filling a board: counts, figures and the latest predictions from the store, bundles and the audit from the registry.

Nothing here reads more than a page shows, however many predictions there are, and each part fails by itself. It needs
SQLAlchemy, and none of the libraries that train.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from model import versions
from model.board import MOST_WINDOWS, OVER_TIME, SPAN_BY_HOURS, WHOLE_HOURS, Board, Shares
from model.derived.traffic import quarter_of
from model.earlier import Earlier
from model.errors import ModelError, StoreError, bounded
from model.findings import Findings
from model.shares import shares
from model.store import Store

if TYPE_CHECKING:
    from model.board import HourOfTraffic
    from model.contract import Contract
    from model.measured import Measured
    from model.registry import Registry

MOST_RECENT: Final = 50
HOUR: Final = timedelta(hours=1)
MOST_DECISIONS: Final = 100
T = TypeVar("T")


class _Troubles:
    """What could not be read. A store that did not answer once is not asked again for this board: it may be slow."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._is_silent = False

    def read(self, what: str, part: Callable[[], T]) -> T | None:
        try:
            return part()
        except (ModelError, OSError, ValueError, KeyError) as error:
            self.said.append(f"{what} cannot be read: {bounded(error)}.")
            return None

    def stored(self, what: str, part: Callable[[], T]) -> T | None:
        if self._is_silent:
            return None
        try:
            return part()
        except StoreError as error:
            self._is_silent = True
            self.said.append(f"{what}, and what else is stored, cannot be read: {bounded(error)}.")
            return None


def read_board(
    contract: Contract,
    store: Store,
    findings: Findings | None,
    registry: Registry,
    since: datetime,
    now: datetime,
    earlier: Earlier | None = None,
) -> Board:
    """Everything of a page.

    findings: None where their tables could not be made. registry: keep one, it remembers the bundles that were read.
    since, now: with a zone.
    earlier: keep one too, and of more than SPAN_BY_HOURS what lies WHOLE_HOURS back is as it was a minute ago at the
    earliest. None: everything is read. Raises nothing that a store, a registry or a bundle could be the reason of.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(StoreError):  # each part will say so
            stack.enter_context(store.at_once())
        return _read(contract, _Past(store, findings, since, now, earlier or Earlier(0)), registry)


def _read(contract: Contract, past: _Past, registry: Registry) -> Board:
    troubles, store, since, now = _Troubles(), past.store, past.since, past.now
    champion = troubles.read("The champion", registry.champion_or_none)
    bundles, damaged = troubles.read("Versions", lambda: versions.versions(registry, champion)) or ([], [])
    troubles.said += damaged
    challenger = troubles.read("The challenger", registry.shadowing)
    changes = troubles.read("The audit", lambda: versions.changes(registry, since)) or []
    traffic = troubles.stored("Traffic", past.traffic) or []
    recent = troubles.stored("Predictions", lambda: store.recent(since, now, MOST_RECENT)) or []
    _note_uncounted(troubles, store, since)
    figures, is_all = troubles.stored("Figures", lambda: past.figures(champion)) or ([], True)
    if not is_all:
        troubles.said.append("There are too many figures for one page: those of the earlier windows are left out.")
    decisions = troubles.stored("Decisions", lambda: past.findings().decisions(MOST_DECISIONS, since=since)) or []
    drawn = _shares(troubles, contract, past, registry, champion)
    borne_out = champion and troubles.stored("Reliability", lambda: past.findings().reliability(champion))
    parts = (traffic, figures, decisions, bundles, changes, recent, drawn)
    return Board(contract, now, since, champion, *parts, tuple(troubles.said), challenger, borne_out or None)


class _Past:
    """What the store knows of a stretch of time, in two parts: what lies days back, and what has happened since."""

    def __init__(
        self, store: Store, findings: Findings | None, since: datetime, now: datetime, earlier: Earlier
    ) -> None:
        self.store, self.since, self.now = store, since, now
        self._found, self._earlier = findings, earlier
        # By whole hours (UTC, as traffic is), so that the same is asked for a while.
        self._first = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        self._edge = quarter_of(now - WHOLE_HOURS) if now - since > SPAN_BY_HOURS else None

    def findings(self) -> Findings:
        if self._found is None:
            raise StoreError("the store has no tables of figures yet")
        return self._found

    def traffic(self) -> list[HourOfTraffic]:
        edge = self._edge
        if edge is None:
            return self.store.traffic(self.since, self.now)
        first = self._first if self._first == self.since else self._first + HOUR
        earlier = self._earlier.get(("traffic", first, edge), lambda: self.store.traffic(first, edge, edge))
        return [*earlier, *self.store.traffic(edge, self.now)]

    def figures(self, champion: str | None) -> tuple[list[Measured], bool]:
        findings, since, now = self.findings(), self.since, self.now
        begin = since if self._edge is None else self._first
        over_time, is_all = self._measured("over time", begin, partial(findings.over_time, OVER_TIME))
        ends = findings.last_ends(since, now, MOST_WINDOWS)
        found, is_all_found = self._measured("inputs", before(ends[-1]), findings.of_inputs) if ends else ([], True)
        if champion is not None and not any(one.version == champion for one in found):
            # Others have answered since: what the champion was last seen with is still what is known of it.
            for end in findings.last_ends(since, now, 1, champion):
                found = [*findings.of_inputs(before(end), end, champion)[0], *found]
        inside = [one for one in over_time if one.span.until > since]
        return sorted([*inside, *found], key=lambda one: one.span.until), is_all and is_all_found

    def _measured(
        self, what: str, since: datetime, read: Callable[[datetime, datetime], tuple[list[Measured], bool]]
    ) -> tuple[list[Measured], bool]:
        """The figures that `read` gives of windows that end after `since`, and whether these are all."""
        edge = self._edge
        if edge is None or edge <= since:
            return read(since, self.now)
        earlier, is_all = self._earlier.get((what, since, edge), lambda: read(since, edge))
        later, is_all_later = read(edge, self.now)
        return ([*earlier, *later], is_all) if is_all_later else (later, False)


def before(moment: datetime) -> datetime:
    """The last moment before another one: stretches of time do not hold the moment that they begin at."""
    return moment - timedelta(microseconds=1)


def _note_uncounted(troubles: _Troubles, store: Store, since: datetime) -> None:
    counted = troubles.stored("Traffic", store.counted_since)
    if counted is not None and counted > since:
        troubles.said.append(
            f"Predictions made before {counted:%Y-%m-%d %H:%M} UTC are not counted yet: `python -m model measure` does."
        )


def _shares(
    troubles: _Troubles, contract: Contract, past: _Past, registry: Registry, champion: str | None
) -> list[Shares]:
    if champion is None:
        return []
    now = troubles.stored("Shares", lambda: past.findings().shares(champion)) or {}
    remembered = troubles.read("The champion's reference", lambda: versions.reference(registry, champion))
    return [] if remembered is None else list(shares(contract, remembered, now))


class Boards:
    """The boards of one contract for a door that shows them again and again. Threads may share it.

    The store is opened when it is first asked for, and again after it could not be.
    """

    def __init__(self, url: str, contract: Contract, registry: Registry) -> None:
        """`url`: of the store. Nothing is opened yet. Raises StoreError when it is not a URL."""
        self._contract = contract
        self._registry = registry
        self._store = Store(url, contract)
        self._findings: Findings | None = None
        self._earlier = Earlier()
        self._opening = threading.Lock()

    def read(self, since: datetime, now: datetime | None = None) -> Board:
        """A board of what has happened since then."""
        self._open()
        moment = datetime.now(UTC) if now is None else now
        return read_board(self._contract, self._store, self._findings, self._registry, since, moment, self._earlier)

    def _open(self) -> None:
        with self._opening:
            if self._findings is None:
                with contextlib.suppress(StoreError):  # the board will say so
                    self._findings = Findings(self._store.__enter__(), self._contract)

    def close(self) -> None:
        """Let go of the connections."""
        self._store.__exit__(None, None, None)
