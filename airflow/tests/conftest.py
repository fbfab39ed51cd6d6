"""Airflow reads its settings when it is imported: they are made here, before any test module imports it."""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import tempfile
from pathlib import Path

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
