"""Millions of stored predictions in minutes: some thousands by the store itself, the rest copies made inside SQL."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from model.contracts.reggaeton import contract
from model.derived import tables
from model.derived.tables import input_name
from model.findings import Findings
from model.measured import Decision, Measured, Span
from model.testing import good_rows
from model.truth import Truth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.store import Store

NOW: Final = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)  # pages are about the time until now
DAYS: Final = 30
FIRST_MOMENT: Final = NOW - timedelta(days=DAYS)
BLOCK: Final = 20_000  # rows that are copied
COPIES: Final = 50  # a statement
FIRST: Final = 100_000  # of the numbers that copies begin with
VERSIONS: Final = ("20261020T060000Z-00000001", "20261110T060000Z-00000002")
MEASURES: Final = ("psi", "missing", "outside_contract", "out_of_range", "wasserstein")  # of a column
WHOLE: Final = ("average_precision", "estimated_average_precision", "calibration_error")  # of a window, drawn
OTHERS: Final = 17  # of a window, that no page draws


def predictions(store: Store, rows: int) -> None:
    """`rows` of them, evenly over DAYS days, two versions, online and batch; uncounted, as an old database has them."""
    copies = max(1, rows // BLOCK)
    step = timedelta(days=DAYS) / (BLOCK * copies)
    with store.transaction() as connection:
        table = tables.predictions(contract, sa.MetaData())
        connection.execute(sa.insert(table), list(_block(step)))
    for first in range(1, copies, COPIES):
        _copy(store, range(first, min(copies, first + COPIES)), step)
    with store.transaction() as connection:
        _forget_counts(connection)
        if connection.dialect.name == "postgresql":
            connection.execute(sa.text("ANALYZE"))  # as its autovacuum would


def _block(step: timedelta) -> Iterator[dict[str, Any]]:
    """The first rows, beginning DAYS days ago."""
    rows = good_rows(contract, 1_000, 0)
    own = {"contract_fingerprint": contract.fingerprint, "request_id": "request"}
    for place in range(BLOCK):
        drawn = place * 7_919 % 1_000
        is_online = place % 4 > 0
        yield {
            "prediction_id": f"{place:08}",
            "created_at": FIRST_MOMENT + place * step,
            "origin": "online" if is_online else "batch",
            "version": VERSIONS[place % 2],
            "key": f"key-{place}",
            "label": rows["target"][drawn],
            "score": drawn / 1_000,
            "latency_ms": 0.1 + drawn % 50 / 10 if is_online else None,
            **own,
            **{input_name(column): rows[column.name][drawn] for column in contract.columns},
        }


def _copy(store: Store, places: range, step: timedelta) -> None:
    """Copies of the block with ids and moments of their own: each so many steps later as its place says."""
    with store.transaction() as connection:
        table = tables.predictions(contract, sa.MetaData())
        is_server = connection.dialect.name == "postgresql"
        seconds = step.total_seconds() * BLOCK
        moment = (
            f"created_at + copies.place * interval '{seconds:.6f} seconds'"
            if is_server
            else f"strftime('%Y-%m-%d %H:%M:%f000', created_at, (copies.place * {seconds:.6f}) || ' seconds')"
        )
        changed = {
            # In order, so that indexes grow at their ends: a random order takes hours of reading and writing.
            "prediction_id": f"({FIRST} + copies.place) || '-' || prediction_id",
            "created_at": moment,
            "key": f"({FIRST} + copies.place) || '-' || key",
        }
        names = table.columns.keys()
        values = ", ".join(changed.get(name, name) for name in names)
        numbers = " UNION ALL ".join(f"SELECT {place} AS place" for place in places)
        connection.execute(
            sa.text(
                f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {values} "  # noqa: S608 - our own names
                f"FROM ({numbers}) AS copies CROSS JOIN {table.name} WHERE created_at < :until"
            ).bindparams(sa.bindparam("until", FIRST_MOMENT + BLOCK * step, sa.DateTime(timezone=True)))
        )


def _forget_counts(connection: sa.Connection) -> None:
    for name in ("traffic", "counted"):
        connection.execute(sa.text(f"DROP TABLE {name}_{contract.name}"))


def said(store: Store) -> None:
    """Truth of a tenth of the first rows and of the last ones, figures of DAYS days, decisions."""
    latest = [one.prediction_id for one in store.recent(FIRST_MOMENT, NOW, 500)]
    store.add_truths(Truth("prediction_id", identity, 1, NOW, NOW) for identity in latest[::2])
    findings = Findings(store, contract)
    for day in range(DAYS):
        until = NOW.replace(hour=0) - timedelta(days=DAYS - 1 - day)
        span = Span(until - timedelta(days=1), until)
        for version in VERSIONS:
            findings.replace(version, span, list(_figures(version, span)))
        findings.add(Decision(f"{day}", until, VERSIONS[-1], "keep", ("Nothing has changed.",), "benchmark", span))


def _figures(version: str, span: Span) -> Iterator[Measured]:
    nothing = math.nan
    for name in contract.column_names:
        for measure in MEASURES:
            shares = (0.1,) * 10 if measure == "psi" else ()
            why = f"{name}: {measure} is 0.012 within 0.034 over 166,667 rows, as it was in training"
            yield Measured(
                version,
                span,
                measure,
                name,
                0.012,
                0.01,
                0.02,
                0.0,
                0.034,
                166_667,
                alarm=False,
                why=why,
                shares=shares,
            )
    for measure in (*WHOLE, *(f"measure_{place}" for place in range(OTHERS))):
        yield Measured(
            version, span, measure, "", 0.7, 0.6, 0.8, nothing, nothing, 166_667, alarm=False, why="so it is"
        )
