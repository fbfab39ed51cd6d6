"""The DAGs run whole in this process: real Airflow on SQLite, real steps, real files."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.models.dagrun import DagRun
    from airflow.sdk import DAG

    from model.registry import Registry

AIRFLOW = Path(__file__).resolve().parent.parent
TRAINING, BATCH, MONITORING = "1_training_pipeline", "2_batch_prediction", "3_monitoring"
APPROVAL = "4_retraining_approval"
TASKS = {
    TRAINING: ["validate", "collect", "preprocess", "train"],
    BATCH: ["validate", "collect", "create_batch_data", "predict"],
    MONITORING: ["join", "measure", "decide"],
}
CONTRACT = """
from model.contracts.reggaeton import contract, write_example

def estimator():
    from sklearn.ensemble import ExtraTreesClassifier
    return ExtraTreesClassifier(n_estimators=10, min_samples_leaf=2, random_state=0)
"""


def load(dag_id: str) -> DAG:
    """The DAG, read from its file as the DAG processor reads it."""
    from airflow.dag_processing.dagbag import DagBag

    read = DagBag(AIRFLOW / "dags" / f"{dag_id}.py")
    assert read.import_errors == {}
    return read.dags[dag_id]


@contextmanager
def settled(folder: Path) -> Iterator[None]:
    """Settings of a data and an artifacts folder below `folder`, with the example's files, and a quick estimator."""
    from model.contracts import find

    contract = folder / "quick.py"
    contract.write_text(CONTRACT)
    own = {
        "CONTRACT": contract,
        "DATA_DIR": folder / "data",
        "ARTIFACTS_DIR": folder / "artifacts",
        "DATABASE_URL": f"sqlite:///{folder / 'predictions.db'}",
        "FOLDS": 2,
        "CV_REPEATS": 1,
        "BOOTSTRAP_SAMPLES": 100,
    }
    with pytest.MonkeyPatch.context() as patched:
        for name, value in own.items():
            patched.setenv(f"MODEL_{name}", str(value))
        write = find(str(contract)).write_example
        assert write is not None
        write(folder / "data")
        yield
    sys.modules.pop("user_contract_quick", None)


def run(dag_id: str, **conf: object) -> DagRun:
    """One whole run in this process."""
    finished: DagRun = load(dag_id).test(run_conf=conf)
    return finished


def states(finished: DagRun) -> dict[str, tuple[str | None, int]]:
    """Task -> how it ended, and at which attempt."""
    return {task.task_id: (task.state, task.try_number) for task in finished.get_task_instances()}


def asset_events(name: str) -> list[dict[str, Any]]:
    """The extras of an asset's events, oldest first."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(AssetEvent.extra).join(AssetModel, AssetModel.id == AssetEvent.asset_id)
        return list(session.scalars(query.where(AssetModel.name == name).order_by(AssetEvent.id)))


def grow_old(registry: Registry, days: float = 400) -> None:
    """Date every bundle as if it had been trained so long ago."""
    from datetime import UTC, datetime, timedelta

    from model.bundle import read_manifest
    from model.bundle.manifest import sealed

    made = datetime.now(UTC) - timedelta(days=days)
    for version in registry.versions():
        folder = registry.root / version
        (folder / "manifest.json").write_bytes(sealed(read_manifest(folder).model_copy(update={"created_at": made})))


def waiting_events(dag_id: str) -> int:
    """How many assets have events that wait to start a run."""
    from airflow.models.asset import AssetDagRunQueue
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    with create_session() as session:
        query = select(func.count()).select_from(AssetDagRunQueue).where(AssetDagRunQueue.target_dag_id == dag_id)
        return int(session.scalars(query).one())


def run_what_events_started(dag_id: str) -> DagRun:
    """The one run that Airflow's scheduler makes of the waiting asset events, with all of its tasks run here."""
    start_what_events_started(dag_id)
    for task in load(dag_id).tasks:
        run_task(dag_id, task.task_id)
    return latest_run(dag_id)


def start_what_events_started(dag_id: str) -> None:
    """The one run that Airflow's scheduler makes of the waiting asset events, with none of its tasks run."""
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    assert waiting_events(dag_id) == 1
    with create_session() as session:
        scheduler = SchedulerJobRunner(Job())
        scheduler._create_dag_runs_asset_triggered(dag_models=[session.get(DagModel, dag_id)], session=session)
        session.flush()
        latest_run(dag_id, session).state = "running"


def latest_run(dag_id: str, session: Any = None) -> DagRun:
    """The DAG's latest run."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    latest = select(DagRun).where(DagRun.dag_id == dag_id).order_by(DagRun.id.desc()).limit(1)
    if session is not None:
        return session.scalars(latest).one()
    with create_session() as own:
        return own.scalars(latest).one()


def run_task(dag_id: str, task_id: str) -> None:
    """Run one task of the latest run here, as far as it goes."""
    from airflow.sdk.definitions.dag import _run_task
    from airflow.utils.session import create_session

    with create_session() as session:
        instance = latest_run(dag_id, session).get_task_instance(task_id, session=session)
        instance.try_number += 1
    _run_task(ti=instance, task=load(dag_id).get_task(task_id))  # in a transaction of its own: SQLite lets one write
