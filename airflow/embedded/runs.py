"""Waiting for Airflow, running DAGs through it, and telling how their tasks end."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import outcome
from client import FINISHED_RUN, AirflowClient, AirflowRefused, TaskState
from console import say, show
from machine import Unready

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from deployment import Deployment

SECONDS_UNTIL_HEALTHY = 180.0
SECONDS_UNTIL_PARSED = 90.0
SECONDS_A_RUN_MAY_TAKE = 2 * 3600.0
SECONDS_BETWEEN_LOOKS = 0.3
HEALTHY = {"metadatabase", "scheduler", "dag_processor"}


class NotRight(Exception):
    """A run failed, or an answer is not the one it has to be."""


def wait_until(what: str, ready: Callable[[], str], seconds: float) -> None:
    """Wait until `ready` answers "" instead of what is still missing. Raises Unready with its last answer."""
    deadline = time.monotonic() + seconds
    while missing := _missing(ready):
        if time.monotonic() > deadline:
            raise Unready(f"{what} did not come up within {seconds:.0f} s: {missing}")
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _missing(ready: Callable[[], str]) -> str:
    try:
        return ready()
    except (httpx.HTTPError, AirflowRefused) as error:
        return f"{type(error).__name__}: {error}"


def wait_for_airflow(airflow: AirflowClient, dags: set[str], logs: Path) -> None:
    """Wait until every component reports healthy and the files of `dags` have been read."""
    since = datetime.now(UTC)

    def healthy() -> str:
        healthy_ = {name for name, status in airflow.health().items() if status == "healthy"}
        missing = sorted(HEALTHY - healthy_)
        return f"{', '.join(missing)} not healthy yet, logs in {logs}" if missing else ""

    def parsed() -> str:
        missing = sorted(dags - airflow.dags_parsed_since(since))
        broken = [f"{file}: {trace}" for file, trace in airflow.import_errors().items()] if missing else []
        return "\n".join([f"DAG {', '.join(missing)} not read yet, logs in {logs}", *broken]) if missing else ""

    def answers() -> str:
        return "" if airflow.health() else f"no answer yet, logs in {logs}"

    wait_until("Airflow's API", answers, SECONDS_UNTIL_HEALTHY)
    airflow.wake_execution_api()
    airflow.log_in()
    wait_until("Airflow", healthy, SECONDS_UNTIL_HEALTHY)
    wait_until("a DAG", parsed, SECONDS_UNTIL_PARSED)


def run_dag(airflow: AirflowClient, deployment: Deployment, dag: str, conf: Mapping[str, object]) -> str:
    """Trigger a DAG, tell when each task ends, and return the run's id. Raises NotRight when the run fails."""
    run = airflow.trigger(dag, conf, note="make demo")
    say(f"DAG {dag}: triggered")
    follow(airflow, deployment, dag, run)
    return run


def follow(airflow: AirflowClient, deployment: Deployment, dag: str, run: str) -> None:
    """Tell when each task of a run ends, until all have. Raises NotRight when the run fails."""
    told: set[tuple[str, int]] = set()
    deadline = time.monotonic() + SECONDS_A_RUN_MAY_TAKE
    while (state := airflow.run_state(dag, run)) not in FINISHED_RUN:
        _tell_tasks(airflow.tasks(dag, run), told)
        if time.monotonic() > deadline:
            raise NotRight(f"DAG {dag} still runs after {SECONDS_A_RUN_MAY_TAKE:.0f} s: see {deployment.airflow_url}")
        time.sleep(SECONDS_BETWEEN_LOOKS)
    tasks = airflow.tasks(dag, run)
    _tell_tasks(tasks, told)
    if state != "success":
        _tell_failures(deployment, dag, run, tasks)
        raise NotRight(f"DAG {dag} ended as {state}: {deployment.airflow_url}/dags/{dag}/runs/{run}")


def end_unfinished(airflow: AirflowClient, dag: str) -> None:
    """End the runs that an earlier demo was stopped in: they would go before ours, on data that may be another's."""
    for run in airflow.unfinished(dag):
        airflow.fail(dag, run)
        say(f"ended {dag} {run}, which an earlier demo had not finished")


def _tell_tasks(tasks: list[TaskState], told: set[tuple[str, int]]) -> None:
    for task in sorted(tasks, key=lambda task: task.seconds or 0):
        if task.finished and (task.task, task.attempt) not in told:
            told.add((task.task, task.attempt))
            again = f", attempt {task.attempt}" if task.attempt > 1 else ""
            took = f"{task.seconds:6.1f} s" if task.seconds is not None else " " * 8
            say(f"  {task.task:<20}{task.state:<16}{took}{again}")


def _tell_failures(deployment: Deployment, dag: str, run: str, tasks: list[TaskState]) -> None:
    for task in tasks:
        log = outcome.task_log(deployment.logs, dag, run, task.task)
        if task.state == "failed" and log is not None:
            say(f"task {task.task} failed; the last lines of {log}:")
            for line in outcome.last_words(log):
                show(line)


def check_runs(deployment: Deployment, runs: dict[str, str]) -> None:
    """Both runs stand as "success" in Airflow's own database, or NotRight."""
    states = outcome.run_states(deployment.database, runs)
    if set(states.values()) != {"success"}:
        raise NotRight(f"Airflow's database says {states}")
