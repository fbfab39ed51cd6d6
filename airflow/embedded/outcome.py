"""What the demo tells at its end: how good the champion is, what validation found, and where everything lies."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from model.errors import bounded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_FINDINGS = 20
MOST_EVENTS = 15
FOLDING_MARK = "::"  # tells Airflow's UI where a group of lines begins and ends
MOST_MEASURES = 5


def headline(metrics: dict[str, Any]) -> Iterator[str]:
    """The champion's main measures with their 95 % intervals, the one that promotion goes by first."""
    folds, holdout = metrics["cross_validation"], metrics["holdout"]
    names = sorted(holdout, key=lambda name: name != metrics["primary"])  # stable: the others keep their order
    inside = f"cross-validation, {folds['repeats']} x {folds['folds']} folds"
    yield f"{'':<20}{inside:<33}{'hold-out, {holdout} rows'.format(**metrics['rows']):<26}no skill"
    for name in names[:MOST_MEASURES]:
        inside, outside = _figure(folds["measures"].get(name)), _figure(holdout[name])
        yield f"{name.replace('_', ' '):<20}{inside:<33}{outside:<26}{metrics['baseline'][name]:.3f}"


def _figure(measured: dict[str, float] | None) -> str:
    return "" if measured is None else "{value:.3f} [{low:.3f}, {high:.3f}]".format(**measured)


def findings(report: Path) -> Iterator[str]:
    """What validation found worth knowing, one line each."""
    found = json.loads(report.read_bytes())["report"]["findings"]
    for finding in found[:MOST_FINDINGS]:
        yield f"{finding['severity']}: {bounded(finding['where'])}: {bounded(finding['message'], 300)}"
    if len(found) > MOST_FINDINGS:
        yield f"… and {len(found) - MOST_FINDINGS} more in {report}"
    if not found:
        yield "nothing to report"


def task_log(logs: Path, dag: str, run: str, task: str) -> Path | None:
    """The log file of a task's last attempt."""
    folder = logs / f"dag_id={dag}" / f"run_id={run}" / f"task_id={task}"
    return max(folder.glob("attempt=*.log"), default=None, key=lambda path: path.stat().st_mtime)


def last_words(log: Path, most: int = MOST_EVENTS) -> Iterator[str]:
    """The last lines of a task's log, which holds a JSON object a line, or of a component's."""
    for line in log.read_text(errors="replace").splitlines()[-most:]:
        yield from _event(line)


def _event(line: str) -> Iterator[str]:
    try:
        event = json.loads(line)
    except ValueError:
        yield bounded(line, 500)
        return
    if not isinstance(event, dict):
        yield bounded(line, 500)
        return
    yield from (said for said in str(event.get("event", "")).splitlines() if not said.startswith(FOLDING_MARK))
    for error in event.get("error_detail") or []:
        yield from f"{error.get('exc_type')}: {error.get('exc_value')}".splitlines()


def run_states(database: Path, runs: dict[str, str]) -> dict[str, str]:
    """DAG -> the state of its run, as Airflow's database itself says; "missing" when it does not."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=60)) as connection:
        query = "SELECT state FROM dag_run WHERE dag_id = ? AND run_id = ?"
        rows = {dag: connection.execute(query, (dag, run)).fetchone() for dag, run in runs.items()}
    return {dag: str(row[0]) if row else "missing" for dag, row in rows.items()}
