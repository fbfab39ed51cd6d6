"""Contract -> the SQL of what monitoring found: the tables of figures by window and version, decisions, incidents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from model.derived.tables import identifier

if TYPE_CHECKING:
    from datetime import datetime

    from model.contract import Contract

LONGEST_WHY: Final = 500
MOMENT: Final = sa.DateTime(timezone=True)


def measures(contract: Contract, metadata: sa.MetaData) -> sa.Table:
    """The table `measures_<contract name>`: one row for each figure; NULL where `Figure` has NaN.

    shares: of a distribution, a JSON list of the window's shares by the bins of its reference; else NULL.
    """
    name = identifier(f"measures_{contract.name}")
    numbers = ("value", "low", "high", "expected", "threshold")
    return sa.Table(
        name,
        metadata,
        sa.Column("version", sa.String(100), primary_key=True),
        sa.Column("since", MOMENT, primary_key=True),
        sa.Column("until", MOMENT, primary_key=True),
        sa.Column("measure", sa.String(100), primary_key=True),
        sa.Column("subject", sa.String(200), primary_key=True),
        *(sa.Column(name, sa.Double, nullable=True) for name in numbers),
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


def latest_ends(table: sa.Table, since: datetime, until: datetime, version: str | None, most: int) -> sa.Select[Any]:
    """The last `most` different moments (after `since`, up to `until`) at which windows end, the latest first.

    One step through the index for each, however many figures a window has: DISTINCT would read all of them.
    """
    end = table.c.until
    of_version = [] if version is None else [table.c.version == version]
    last = sa.select(end).where(end > since, *of_version).order_by(end.desc()).limit(1)
    first = sa.select(last.where(end <= until).scalar_subquery().label("until"), sa.literal(1).label("place"))
    ends = first.cte("ends", recursive=True)
    # One upper bound alone: of two, SQLite may take the farther one for its index.
    before = last.where(end < ends.c.until).correlate(ends).scalar_subquery()
    more = sa.select(before, ends.c.place + 1).where(ends.c.until.is_not(None), ends.c.place < most)
    ends = ends.union_all(more)
    return sa.select(ends.c.until).where(ends.c.until.is_not(None)).order_by(ends.c.place)


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
