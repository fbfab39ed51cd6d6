"""The public surfaces, rendered as text: a change of one shows in review.

To accept a change: `UPDATE_GOLDEN=1 .venv/bin/python -m pytest model_package/tests/test_golden.py`, and read the diff.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from model import Contract
from model.contracts import find
from model.derived import docs, findings, joins, monitors, request, tables, traffic
from model.truth import Window

GOLDEN = Path(__file__).parent / "golden"


def schema(contract: Contract) -> str:
    models = {"request": request.request_model(contract), "response": request.response_model(contract)}
    return json.dumps({name: model.model_json_schema() for name, model in models.items()}, indent=1)


def sql(contract: Contract) -> str:
    return created((*with_truth(contract), tables.shadows(contract, sa.MetaData())))


def found_sql(contract: Contract) -> str:
    metadata = sa.MetaData()
    return created(
        tuple(make(contract, metadata) for make in (findings.measures, findings.decisions, findings.incidents))
    )


def created(several: tuple[sa.Table, ...]) -> str:
    made = [
        str(sa.schema.CreateTable(table).compile(dialect=kind.dialect()))
        for kind in (postgresql, sqlite)
        for table in several
    ]
    return "\n".join(line.rstrip() for text in made for line in text.strip().splitlines())


def with_truth(contract: Contract) -> tuple[sa.Table, sa.Table]:
    metadata = sa.MetaData()
    return tables.predictions(contract, metadata), tables.truths(contract, metadata)


def traffic_sql(contract: Contract) -> str:
    """The tables of counts and of findings, and how rows are grouped for them, in both databases."""
    metadata = sa.MetaData()
    made = [view(contract, metadata) for view in (traffic.traffic, traffic.counted, findings.measures)]
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    predicted = tables.predictions(contract, metadata)
    query = traffic.grouped(sa.select(*traffic.noted(contract, predicted, moment)).subquery("new"))
    texts = [
        str(statement.compile(dialect=kind.dialect(), compile_kwargs={"literal_binds": True}))
        for kind in (postgresql, sqlite)
        for statement in (*map(sa.schema.CreateTable, made), query)
    ]
    return "\n".join(line.rstrip() for text in texts for line in text.strip().splitlines())


def join(contract: Contract) -> str:
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    query = joins.joined(*with_truth(contract), Window(moment, moment + timedelta(days=1), "v1", "online"))
    return str(query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))


def plan(contract: Contract) -> str:
    return json.dumps([dataclasses.asdict(monitor) for monitor in monitors.plan(contract)], indent=1)


VIEWS: dict[str, Callable[[Contract], str]] = {
    "contract.json": lambda contract: json.dumps(json.loads(contract.to_json()), indent=1, ensure_ascii=False),
    "schema.json": schema,
    "table.sql": sql,
    "traffic.sql": traffic_sql,
    "findings.sql": found_sql,
    "join.sql": join,
    "monitors.json": plan,
    "columns.md": docs.columns_table,
    "curl.txt": docs.curl,
}


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_a_public_surface_is_as_it_was_last_reviewed(shipped_name: str, view: str) -> None:
    path = GOLDEN / f"{shipped_name}.{view}"
    rendered = VIEWS[view](find(shipped_name).contract).rstrip() + "\n"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(rendered)
    assert path.read_text() == rendered, f"{path.name} has changed: see this file's docstring"
