"""Contract -> the SQL of what monitoring found: the tables of figures by window and version, decisions, incidents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from model.derived.tables import identifier
from model.measured import DRIFT, FAULTS, SHAPES

if TYPE_CHECKING:
    from model.contract import Contract

LONGEST_WHY: Final = 500
NUMBERS: Final = ("value", "low", "high", "expected", "threshold")
MOMENTS: Final = ("since", "until")
PLAIN: Final = ("version", *MOMENTS, "measure", "subject", *NUMBERS, "rows", "alarm", "why")
MOMENT: Final = sa.DateTime(timezone=True)


def measures(contract: Contract, metadata: sa.MetaData) -> sa.Table:
    """The table `measures_<contract name>`: one row for each figure; NULL where `Figure` has NaN.

    shares: a JSON list of what `Measured.shares` says; NULL where that is empty.
    """
    name = identifier(f"measures_{contract.name}")
    return sa.Table(
        name,
        metadata,
        sa.Column("version", sa.String(100), primary_key=True),
        sa.Column("since", MOMENT, primary_key=True),
        sa.Column("until", MOMENT, primary_key=True),
        sa.Column("measure", sa.String(100), primary_key=True),
        sa.Column("subject", sa.String(200), primary_key=True),
        *(sa.Column(name, sa.Double, nullable=True) for name in NUMBERS),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("alarm", sa.Boolean, nullable=False),
        sa.Column("why", sa.String(LONGEST_WHY), nullable=False),
        sa.Column("shares", sa.Text, nullable=True),
        # The windows of a stretch of time, of all versions; and a version's latest one.
        sa.Index(identifier(f"ix_{name}_until"), "until", "since", "version"),
        sa.Index(identifier(f"ix_{name}_version_until"), "version", "until"),
        # A measure over time, without what else was found in its windows.
        sa.Index(identifier(f"ix_{name}_measure_until"), "measure", "until"),
        sa.Index(identifier(f"ix_{name}_alarm_until"), "alarm", "until"),
    )


def last_ends(table: sa.Table, *, of_version: bool) -> sa.Select[Any]:
    """The last `most` different moments (after `since`, up to `until`) at which windows end, the latest first.

    One step through the index for each, however many figures a window has: DISTINCT would read all of them.
    Parameters: since, until, most; with `of_version` also version, else of all versions.
    """
    end = table.c.until
    own = [table.c.version == sa.bindparam("version")] if of_version else []
    last = sa.select(end).where(end > sa.bindparam("since"), *own).order_by(end.desc()).limit(1)
    newest = last.where(end <= sa.bindparam("until")).scalar_subquery()
    ends = sa.select(newest.label("until"), sa.literal(1).label("place")).cte("ends", recursive=True)
    # One upper bound alone: of two, SQLite may take the farther one for its index.
    before = last.where(end < ends.c.until).correlate(ends).scalar_subquery()
    more = sa.select(before, ends.c.place + 1).where(
        ends.c.until.is_not(None), ends.c.place < sa.bindparam("most", type_=sa.Integer)
    )
    ends = ends.union_all(more)
    return sa.select(ends.c.until).where(ends.c.until.is_not(None)).order_by(ends.c.place)


def over_time(table: sa.Table) -> sa.Select[Any]:
    """Figures (`plain`) of the parameter `measures`, a list."""
    return plain(table, table.c.measure.in_(sa.bindparam("measures", expanding=True)))


def of_inputs(table: sa.Table, *, of_version: bool) -> sa.Select[Any]:
    """Figures (`plain`) of each column: its SHAPES, and what else of it alarms.

    With `of_version`, of the parameter version alone.
    """
    # A window has five figures of a column, of which few are these: there is an index for either kind.
    shapes = table.c.measure.in_(SHAPES)
    alarms = sa.and_(table.c.alarm, table.c.measure.in_((DRIFT | FAULTS) - SHAPES))
    own = [table.c.version == sa.bindparam("version")] if of_version else []
    return plain(table, sa.or_(shapes, alarms), *own)


def plain(table: sa.Table, *where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """The columns PLAIN of the windows that end after `since` and up to `until`, the latest `most` rows; latest first.

    These three are parameters. Moments are as the driver has them, text in SQLite: thousands of figures have few.
    """
    names = [sa.type_coerce(table.c[name], sa.String) if name in MOMENTS else table.c[name] for name in PLAIN]
    inside = (table.c.until > sa.bindparam("since"), table.c.until <= sa.bindparam("until"))
    latest_first = [table.c[name].desc() for name in ("until", "since", "version", "measure", "subject")]
    return (
        sa.select(*names).where(*inside, *where).order_by(*latest_first).limit(sa.bindparam("most", type_=sa.Integer))
    )


def decisions(contract: Contract, metadata: sa.MetaData) -> sa.Table:
    """The table `decisions_<contract name>`: reasons as lines of text, facts as a JSON document."""
    return sa.Table(
        identifier(f"decisions_{contract.name}"),
        metadata,
        sa.Column("decision_id", sa.String(64), primary_key=True),
        sa.Column("decided_at", MOMENT, nullable=False, index=True),
        sa.Column("version", sa.String(100), nullable=False),
        sa.Column("since", MOMENT, nullable=True),
        sa.Column("until", MOMENT, nullable=True),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
    )


def incidents(contract: Contract, metadata: sa.MetaData) -> sa.Table:
    """The table `incidents_<contract name>`: `ended_at` is NULL while one lasts.

    told_begun_at, told_ended_at: when the webhook took the message; NULL until then, and where there is no webhook.
    """
    moments = ("ended_at", "told_begun_at", "told_ended_at")
    return sa.Table(
        identifier(f"incidents_{contract.name}"),
        metadata,
        sa.Column("incident_id", sa.String(64), primary_key=True),
        sa.Column("version", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("began_at", MOMENT, nullable=False, index=True),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("ended_why", sa.Text, nullable=True),
        *(sa.Column(name, MOMENT, nullable=True, index=name == "ended_at") for name in moments),
    )
