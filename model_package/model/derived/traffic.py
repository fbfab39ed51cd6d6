"""Contract -> the SQL of its traffic by hour: the table of counts, and how rows of predictions become counts.

The counts are kept so that a page about a month reads a few hundred rows, whatever the number of predictions.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from model.board import LATENCY_EDGES_MS, SCORE_BINS
from model.derived.tables import identifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.sql.compiler import SQLCompiler

    from model.contract import Contract

HOURS_A_PART: Final = 6
MOMENT: Final = sa.DateTime(timezone=True)
KEYS: Final = ("hour", "version", "origin")
LATENCIES: Final = tuple(f"latency_{place}" for place in range(len(LATENCY_EDGES_MS) + 1))
SCORE_EDGES: Final = tuple(place / SCORE_BINS for place in range(1, SCORE_BINS))
# What of a prediction decides where it is counted.
NOTED: Final = (*KEYS, "positive", "score_bin", "latency_bin", "is_counted")


def traffic(contract: Contract, metadata: sa.MetaData) -> sa.Table:
    """The table `traffic_<contract name>`: a row for each hour (UTC), version and origin that has predictions.

    positives: answers with the positive label; 0 unless the target is binary.
    score_0, ...: predictions by score, SCORE_BINS equal bins from 0 to 1; a regression has none.
    latency_0, ...: by latency, between LATENCY_EDGES_MS; a prediction without latency is in none.
    """
    counts = ("rows", "positives", *scores(contract), *LATENCIES)
    return sa.Table(
        identifier(f"traffic_{contract.name}"),
        metadata,
        sa.Column("hour", MOMENT, primary_key=True),
        sa.Column("version", sa.String(100), primary_key=True),
        sa.Column("origin", sa.String(200), primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in counts),
    )


def scores(contract: Contract) -> tuple[str, ...]:
    """The columns that count by score."""
    return tuple(f"score_{place}" for place in range(SCORE_BINS)) if contract.target.labels else ()


def counted(contract: Contract, metadata: sa.MetaData) -> sa.Table:
    """The table `counted_<contract name>`, of one row.

    since: predictions made at that moment or later have been counted, those made before are still to be; NULL: all
    have. It is there for databases that are older than their table of traffic.
    """
    return sa.Table(
        identifier(f"counted_{contract.name}"),
        metadata,
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("since", MOMENT, nullable=True),
    )


def noted(contract: Contract, predictions: sa.FromClause, since: datetime | None) -> list[sa.Label[Any]]:
    """The columns NOTED of predictions; is_counted says whether they were made at `since` or later."""
    columns = predictions.c
    is_counted = sa.true() if since is None else columns.created_at >= since
    return [
        HourOf(columns.created_at).label("hour"),
        columns.version.label("version"),
        columns.origin.label("origin"),
        _positive(contract, columns.label).label("positive"),
        (_bin(columns.score, SCORE_EDGES) if contract.target.labels else sa.literal(0)).label("score_bin"),
        sa.case((columns.latency_ms.is_not(None), _bin(columns.latency_ms, LATENCY_EDGES_MS))).label("latency_bin"),
        sa.case((is_counted, 1), else_=0).label("is_counted"),
    ]


def grouped(made: sa.FromClause) -> sa.Select[Any]:
    """Rows with the columns NOTED -> each different one once, and how many of it there are."""
    columns = [made.c[name] for name in NOTED]
    return sa.select(*columns, sa.func.count().label("rows")).group_by(*columns)


def quarter_of(moment: datetime) -> datetime:
    """When the quarter of a day (UTC) began in which a moment lies."""
    found = moment.astimezone(UTC)
    return found.replace(hour=found.hour // HOURS_A_PART * HOURS_A_PART, minute=0, second=0, microsecond=0)


def by_hour(hours: sa.Table) -> sa.Select[Any]:
    """The latest `most` rows of the hours from `since` to before `until`, three parameters; the latest first."""
    return _latest(sa.select(hours), hours)


def by_part_of_day(hours: sa.Table) -> sa.Select[Any]:
    """The same columns with the same parameters, the hours added up by quarters of a day."""
    part = PartOf(hours.c.hour).label("hour")
    keys = [part, *(hours.c[name] for name in KEYS[1:])]
    sums = [SumOf(column).label(column.name) for column in hours.columns if column.name not in KEYS]
    return _latest(sa.select(*keys, *sums).group_by(*keys), hours)


def _latest(query: sa.Select[Any], hours: sa.Table) -> sa.Select[Any]:
    inside = (hours.c.hour >= sa.bindparam("since"), hours.c.hour < sa.bindparam("until"))
    latest_first = [query.selected_columns[name].desc() for name in KEYS]
    return query.where(*inside).order_by(*latest_first).limit(sa.bindparam("most", type_=sa.Integer))


def added(table: sa.Table, statement: Any) -> Any:  # noqa: ANN401 - either dialect's insertion, which share no class
    """The insertion of counts of hours which, where there are some already, adds to them."""
    plain = {name: table.c[name] + statement.excluded[name] for name in table.columns.keys() if name not in KEYS}  # noqa: SIM118 - not a dict
    return statement.on_conflict_do_update(index_elements=KEYS, set_=plain)


def _positive(contract: Contract, label: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    if contract.target.task != "binary":
        return sa.literal(0)
    return sa.case((label == contract.target.classes[-1], 1), else_=0)


def _bin(value: sa.ColumnElement[Any], edges: Sequence[float]) -> sa.ColumnElement[Any]:
    """The place of the first edge above the value; the last bin takes what is above all."""
    return sa.case(*((value < edge, place) for place, edge in enumerate(edges)), else_=len(edges))


class HourOf(FunctionElement[datetime]):
    """The hour (UTC) in which a moment lies."""

    type = MOMENT
    inherit_cache = True
    name = "hour_of"


@compiles(HourOf, "sqlite")
def _hour_in_sqlite(element: HourOf, compiler: SQLCompiler, **words: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    # It stores moments as text, in UTC.
    return f"substr({compiler.process(element.clauses, **words)}, 1, 13) || ':00:00.000000'"


@compiles(HourOf, "postgresql")
def _hour_in_postgresql(element: HourOf, compiler: SQLCompiler, **words: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    return f"date_trunc('hour', {compiler.process(element.clauses, **words)}, 'UTC')"


class PartOf(FunctionElement[datetime]):
    """The quarter of a day (from 0, 6, 12, 18 UTC) in which an hour of the table lies."""

    type = MOMENT
    inherit_cache = True
    name = "part_of"


@compiles(PartOf, "sqlite")
def _part_in_sqlite(element: PartOf, compiler: SQLCompiler, **words: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    hour = compiler.process(element.clauses, **words)
    began = f"printf('%02d', substr({hour}, 12, 2) / {HOURS_A_PART} * {HOURS_A_PART})"
    return f"substr({hour}, 1, 11) || {began} || ':00:00.000000'"


@compiles(PartOf, "postgresql")
def _part_in_postgresql(element: PartOf, compiler: SQLCompiler, **words: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    # Counted from a midnight in UTC.
    return f"date_bin('{HOURS_A_PART} hours', {compiler.process(element.clauses, **words)}, '2000-01-01 00:00:00+00')"


class SumOf(FunctionElement[int]):
    """The sum of whole numbers, as a whole number."""

    type = sa.BigInteger()
    inherit_cache = True
    name = "sum_of"


@compiles(SumOf, "sqlite")
def _sum_in_sqlite(element: SumOf, compiler: SQLCompiler, **words: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    return f"sum({compiler.process(element.clauses, **words)})"


@compiles(SumOf, "postgresql")
def _sum_in_postgresql(element: SumOf, compiler: SQLCompiler, **words: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    # It adds up large integers as decimal numbers, which takes thrice as long; below 2^53 this is exact.
    return f"sum({compiler.process(element.clauses, **words)}::double precision)::bigint"
