"""Filling a board: counts, figures and the latest predictions from the store, bundles and the audit from the registry.

Nothing here reads more than a page shows, however many predictions there are, and each part fails by itself. It needs
SQLAlchemy, and none of the libraries that train.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from model import versions
from model.board import MOST_WINDOWS, OVER_TIME, SPAN_BY_HOURS, WHOLE_HOURS, Board, Shares
from model.errors import ModelError, StoreError, bounded
from model.findings import Findings
from model.shares import shares
from model.store import Store

if TYPE_CHECKING:
    from model.contract import Contract
    from model.measured import Measured
    from model.registry import Registry

MOST_RECENT: Final = 50
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
    contract: Contract, store: Store, findings: Findings | None, registry: Registry, since: datetime, now: datetime
) -> Board:
    """Everything of a page.

    findings: None where their tables could not be made. registry: keep one, it remembers the bundles that were read.
    since, now: with a zone. Raises nothing that a store, a registry or a bundle could be the reason of.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(StoreError):  # each part will say so
            stack.enter_context(store.at_once())
        return _read(contract, store, findings, registry, since, now)


def _read(
    contract: Contract, store: Store, findings: Findings | None, registry: Registry, since: datetime, now: datetime
) -> Board:
    troubles = _Troubles()
    champion = troubles.read("The champion", registry.champion_or_none)
    bundles, damaged = troubles.read("Versions", lambda: versions.versions(registry, champion)) or ([], [])
    troubles.said += damaged
    challenger = troubles.read("The challenger", registry.shadowing)
    changes = troubles.read("The audit", lambda: versions.changes(registry, since)) or []
    whole = now - WHOLE_HOURS if now - since > SPAN_BY_HOURS else since
    traffic = troubles.stored("Traffic", lambda: store.traffic(since, now, whole)) or []
    recent = troubles.stored("Predictions", lambda: store.recent(since, now, MOST_RECENT)) or []
    _note_uncounted(troubles, store, since)
    figures, is_all = troubles.stored("Figures", lambda: _figures(_found(findings), champion, since, now)) or ([], True)
    if not is_all:
        troubles.said.append("There are too many figures for one page: those of the earlier windows are left out.")
    decisions = troubles.stored("Decisions", lambda: _found(findings).decisions(MOST_DECISIONS, since=since)) or []
    drawn = _shares(troubles, contract, findings, registry, champion)
    borne_out = champion and troubles.stored("Reliability", lambda: _found(findings).reliability(champion))
    parts = (traffic, figures, decisions, bundles, changes, recent, drawn)
    return Board(contract, now, since, champion, *parts, tuple(troubles.said), challenger, borne_out or None)


def _found(findings: Findings | None) -> Findings:
    if findings is None:
        raise StoreError("the store has no tables of figures yet")
    return findings


def _figures(findings: Findings, champion: str | None, since: datetime, now: datetime) -> tuple[list[Measured], bool]:
    over_time, is_all = findings.over_time(OVER_TIME, since, now)
    of_inputs, is_all_of_inputs = findings.latest(since, now, MOST_WINDOWS)
    if champion is not None and not any(one.version == champion for one in of_inputs):
        # Others have answered since: what the champion was last seen with is still what is known of it.
        of_inputs = [*findings.latest(since, now, 1, champion)[0], *of_inputs]
    found = sorted([*over_time, *of_inputs], key=lambda one: one.span.until)
    return found, is_all and is_all_of_inputs


def _note_uncounted(troubles: _Troubles, store: Store, since: datetime) -> None:
    counted = troubles.stored("Traffic", store.counted_since)
    if counted is not None and counted > since:
        troubles.said.append(
            f"Predictions made before {counted:%Y-%m-%d %H:%M} UTC are not counted yet: `python -m model measure` does."
        )


def _shares(
    troubles: _Troubles, contract: Contract, findings: Findings | None, registry: Registry, champion: str | None
) -> list[Shares]:
    if champion is None:
        return []
    now = troubles.stored("Shares", lambda: _found(findings).shares(champion)) or {}
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
        self._opening = threading.Lock()

    def read(self, since: datetime, now: datetime | None = None) -> Board:
        """A board of what has happened since then."""
        self._open()
        moment = datetime.now(UTC) if now is None else now
        return read_board(self._contract, self._store, self._findings, self._registry, since, moment)

    def _open(self) -> None:
        with self._opening:
            if self._findings is None:
                with contextlib.suppress(StoreError):  # the board will say so
                    self._findings = Findings(self._store.__enter__(), self._contract)

    def close(self) -> None:
        """Let go of the connections."""
        self._store.__exit__(None, None, None)
