"""What monitoring found and what was decided, kept in the database of the store. The connection is the store's."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, get_args

import sqlalchemy as sa

from model.board import Reliability
from model.derived.findings import LONGEST_WHY, NUMBERS, decisions, last_ends, measures, of_inputs, over_time
from model.errors import bounded
from model.growth import grow
from model.measured import Action, Decision, Measured, Span
from model.stored import in_utc

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from model.contract import Contract
    from model.store import Store

CALIBRATION: Final = "calibration_error"  # whose shares are by tenths of the rows
SHARE_DIGITS: Final = 9
MOST_FIGURES: Final = 10_000  # of an answer about a stretch of time


class Findings:
    """The figures and decisions of one contract.

    Raises:
        StoreError: from every method, when the database does not answer.
    """

    def __init__(self, store: Store, contract: Contract) -> None:
        """`store` is open; the tables are made when missing."""
        self._store = store
        metadata = sa.MetaData()
        self._measures, self._decisions = measures(contract, metadata), decisions(contract, metadata)
        # Built once, asked with parameters: to build them anew takes as long as the database needs to answer.
        self._over_time = over_time(self._measures)
        self._ends = {own: last_ends(self._measures, of_version=own) for own in (False, True)}
        self._of_inputs = {own: of_inputs(self._measures, of_version=own) for own in (False, True)}
        with store.transaction() as connection:
            grow(connection, metadata)

    def replace(self, version: str, span: Span, found: Iterable[Measured]) -> int:
        """Keep a window's figures in place of those it had; returns how many."""
        table, rows = self._measures, [_figure_row(one) for one in found]
        of_window = (table.c.version == version, table.c.since == _utc(span.since), table.c.until == _utc(span.until))
        with self._store.transaction() as connection:
            connection.execute(sa.delete(table).where(*of_window))
            if rows:
                connection.execute(sa.insert(table), rows)
        return len(rows)

    def of(self, version: str, windows: int) -> list[Measured]:
        """The figures of a version's latest windows, the earliest window first."""
        table = self._measures
        latest = sa.select(table.c.since, table.c.until).where(table.c.version == version).distinct()
        latest = latest.order_by(table.c.until.desc(), table.c.since.desc()).limit(windows)
        with self._store.reading() as connection:
            spans = [tuple(row) for row in connection.execute(latest)]
            chosen = sa.tuple_(table.c.since, table.c.until).in_(spans)
            query = sa.select(table).where(table.c.version == version, chosen)
            ordered = query.order_by(table.c.until, table.c.since, table.c.measure, table.c.subject)
            return [_figure(row) for row in connection.execute(ordered).mappings()] if spans else []

    def over_time(self, measures: Collection[str], since: datetime, until: datetime) -> tuple[list[Measured], bool]:
        """These measures' figures of all windows that end in a stretch of time, the earliest first; whether it is all.

        Of more than MOST_FIGURES, the latest windows are given, whole ones. Without shares.
        """
        with self._store.reading() as connection:
            wanted = {"measures": list(measures), "since": _utc(since), "until": _utc(until), "most": MOST_FIGURES + 1}
            return _plain_figures(connection.execute(self._over_time, wanted).all())

    def last_ends(self, since: datetime, until: datetime, most: int, version: str | None = None) -> list[datetime]:
        """The last `most` moments after `since` and up to `until` at which windows end, the latest first.

        version: whose; None: of all.
        """
        own = {} if version is None else {"version": version}
        wanted = {"since": _utc(since), "until": _utc(until), "most": most, **own}
        with self._store.reading() as connection:
            return [in_utc(end) for end in connection.execute(self._ends[bool(own)], wanted).scalars()]

    def of_inputs(self, since: datetime, until: datetime, version: str | None = None) -> tuple[list[Measured], bool]:
        """How the inputs were in windows that end after `since` and up to `until`.

        Of each column its SHAPES, and what else alarms of it; the earliest first, bounded as `over_time`, no shares.
        """
        own = {} if version is None else {"version": version}
        wanted = {"since": _utc(since), "until": _utc(until), "most": MOST_FIGURES + 1, **own}
        with self._store.reading() as connection:
            return _plain_figures(connection.execute(self._of_inputs[bool(own)], wanted).all())

    def shares(self, version: str) -> dict[str, tuple[float, ...]]:
        """Of a version's latest window, by subject: the shares by the bins of the reference."""
        table = self._measures
        own = sa.and_(table.c.version == version, table.c.measure != CALIBRATION)
        last = sa.select(table.c.until).where(own).order_by(table.c.until.desc()).limit(1).scalar_subquery()
        query = sa.select(table.c.subject, table.c.shares, table.c.since).where(own, table.c.until == last)
        ordered = query.where(table.c.shares.is_not(None)).order_by(table.c.since.desc())
        found: dict[str, tuple[float, ...]] = {}
        with self._store.reading() as connection:
            for subject, shares, _ in connection.execute(ordered):
                found.setdefault(subject, tuple(json.loads(shares)))
        return found

    def reliability(self, version: str) -> Reliability | None:
        """How scores were borne out in a version's latest window that had truth; None before there was one."""
        table = self._measures
        own = (table.c.version == version, table.c.measure == CALIBRATION, table.c.shares.is_not(None))
        query = sa.select(table.c.since, table.c.until, table.c.rows, table.c.shares).where(*own)
        with self._store.reading() as connection:
            found = connection.execute(query.order_by(table.c.until.desc(), table.c.since.desc()).limit(1)).first()
        if found is None:
            return None
        said = json.loads(found.shares)
        span = Span(in_utc(found.since), in_utc(found.until))
        return Reliability(version, span, found.rows, tuple(said[::2]), tuple(said[1::2]))

    def latest_versions(self, most: int) -> list[str]:
        """The versions that have been measured, the one with the latest window first."""
        table = self._measures
        latest = sa.func.max(table.c.until)
        query = sa.select(table.c.version).group_by(table.c.version).order_by(latest.desc(), table.c.version.desc())
        with self._store.reading() as connection:
            return list(connection.execute(query.limit(most)).scalars())

    def add(self, decision: Decision) -> None:
        """Keep a decision. One with its identity must not be there yet."""
        with self._store.transaction() as connection:
            connection.execute(sa.insert(self._decisions), [_decision_row(decision)])

    def decisions(self, most: int = 100, action: Action | None = None, since: datetime | None = None) -> list[Decision]:
        """The latest decisions (made at `since` or later), the last one first."""
        table = self._decisions
        made = sa.true() if since is None else table.c.decided_at >= _utc(since)
        query = sa.select(table).where(made).order_by(table.c.decided_at.desc(), table.c.decision_id).limit(most)
        return self._read(query if action is None else query.where(table.c.action == action))

    def decision(self, identity: str) -> Decision | None:
        """The one with that identity, if it has been made."""
        found = self._read(sa.select(self._decisions).where(self._decisions.c.decision_id == identity))
        return found[0] if found else None

    def _read(self, query: sa.Select[Any]) -> list[Decision]:
        with self._store.reading() as connection:
            return [_decision(row) for row in connection.execute(query).mappings()]


def _figure_row(one: Measured) -> dict[str, Any]:
    numbers = {name: _null(getattr(one, name)) for name in NUMBERS}
    own = {"version": one.version, "since": _utc(one.span.since), "until": _utc(one.span.until)}
    said = {"measure": one.measure, "subject": bounded(one.subject), "why": bounded(one.why, LONGEST_WHY)}
    shares = json.dumps([round(share, SHARE_DIGITS) for share in one.shares]) if one.shares else None
    return {**own, **said, **numbers, "rows": one.rows, "alarm": one.alarm, "shares": shares}


def _figure(row: sa.RowMapping) -> Measured:
    numbers: dict[str, Any] = {name: math.nan if row[name] is None else row[name] for name in NUMBERS}
    said: dict[str, Any] = {name: row[name] for name in ("version", "measure", "subject", "rows", "alarm", "why")}
    shares = tuple(json.loads(row["shares"])) if row["shares"] else ()
    return Measured(span=Span(in_utc(row["since"]), in_utc(row["until"])), **said, **numbers, shares=shares)


def _plain_figures(rows: Sequence[Sequence[Any]]) -> tuple[list[Measured], bool]:
    """Rows of the columns PLAIN, the latest first -> figures of whole windows, the earliest first; whether it is all.

    Moments are as the driver has them.
    """
    spans: dict[tuple[Any, Any], Span] = {}
    found = []
    for version, since, until, measure, subject, *rest in reversed(rows):
        span = spans.get((since, until))
        if span is None:
            span = spans[since, until] = Span(_moment(since), _moment(until))
        # Of what is left, `why` and others are never NULL: only numbers become NaN.
        values: list[Any] = [math.nan if value is None else value for value in rest] if None in rest else rest
        found.append(Measured(version, span, measure, subject, *values))
    if len(found) <= MOST_FIGURES:
        return found, True
    cut = found[0].span.until
    return [one for one in found if one.span.until > cut], False


def _moment(said: datetime | str) -> datetime:
    moment: datetime = in_utc(datetime.fromisoformat(said) if isinstance(said, str) else said)
    return moment


def _decision_row(one: Decision) -> dict[str, Any]:
    return {
        "decision_id": one.identity,
        "decided_at": _utc(one.at),
        "version": one.version,
        "since": None if one.span is None else _utc(one.span.since),
        "until": None if one.span is None else _utc(one.span.until),
        "action": one.action,
        "reasons": "\n".join(bounded(reason, LONGEST_WHY) for reason in one.reasons),
        "facts": json.dumps(one.facts, sort_keys=True),
        "who": bounded(one.who),
    }


def _decision(row: sa.RowMapping) -> Decision:
    (action,) = (known for known in get_args(Action) if known == row["action"])
    return Decision(
        identity=row["decision_id"],
        at=in_utc(row["decided_at"]),
        version=row["version"],
        action=action,
        reasons=tuple(row["reasons"].split("\n")),
        who=row["who"],
        span=None if row["since"] is None else Span(in_utc(row["since"]), in_utc(row["until"])),
        facts=json.loads(row["facts"]),
    )


def _null(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _utc(moment: datetime) -> datetime:
    # SQLite stores a moment without its zone: it has to be UTC.
    return moment.astimezone(UTC)
