"""Airflow reads its settings when it is imported: they are made here, before any test module imports it."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from dag_runs import TASKS, TRAINING, settled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.registry import Registry

AIRFLOW = Path(__file__).resolve().parent.parent
HOME = Path(tempfile.mkdtemp(prefix="airflow-home-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

os.environ.update(
    AIRFLOW_HOME=str(HOME),
    AIRFLOW__API_AUTH__JWT_SECRET=secrets.token_hex(64),
    AIRFLOW__CORE__DAGS_FOLDER=str(AIRFLOW / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(AIRFLOW / "plugins"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{HOME / 'airflow.db'}?timeout=60",
    AIRFLOW__LOGGING__BASE_LOG_FOLDER=str(HOME / "logs"),
    AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
)


@pytest.fixture(scope="session")
def database() -> None:
    """Airflow's own database, made once."""
    from airflow.utils import db

    db.initdb()


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """Folders of this test's own, and the settings that name them."""
    with settled(tmp_path):
        yield tmp_path


@pytest.fixture
def registry(tree: Path) -> Registry:
    """The bundles in `tree`."""
    from model.registry import Registry

    return Registry(tree / "artifacts", "reggaeton")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifacts after a training on the example's files, by the steps without Airflow. Not to be changed."""
    from model import tasks
    from model.settings import Settings

    folder = tmp_path_factory.mktemp("trained")
    with settled(folder):
        for step in TASKS[TRAINING]:
            tasks.run(step, Settings(), lambda _: None)
    return folder / "artifacts"


@pytest.fixture
def champion(trained: Path, tree: Path, registry: Registry) -> str:
    """The version of a champion that stands in `tree`."""
    shutil.copytree(trained, tree / "artifacts")
    return registry.champion()
