"""What an embedded Airflow is made of: its folders, secrets, environment variables and components.

Airflow runs on SQLite with the LocalExecutor, on 127.0.0.1 only. Everything it keeps lies in `airflow/home`, which
can be deleted at any time: the next start makes it anew.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor import Component

if TYPE_CHECKING:
    from collections.abc import Mapping

USER = "airflow"
PASSWORD = "airflow"  # noqa: S105 - of a server that listens on this machine only
HOST = "127.0.0.1"
SECONDS_A_TASK_MAY_TAKE = 24 * 3600
# A component's variables begin with one of these. What the caller's shell holds of Airflow's own would break the rest.
FOREIGN = ("AIRFLOW_", "AIRFLOW__", "_AIRFLOW")
OURS = ("MODEL_", "SERVICE_")
NO_PROXY = "127.0.0.1,localhost"


@dataclass(frozen=True)
class Deployment:
    """One embedded Airflow with the service beside it.

    root: the project's folder.
    contract: a shipped contract's name or the path of a contract file; contract_name is the name inside it.
    data_dir, artifacts_dir: where the pipeline's files and bundles lie.
    own: a folder for Airflow's home, its logs and the store too; then the caller's MODEL_* and SERVICE_* do not count.
    settings: more variables of every component.
    """

    root: Path
    contract: str
    contract_name: str
    data_dir: Path
    artifacts_dir: Path
    airflow_port: int
    service_port: int
    own: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """AIRFLOW_HOME."""
        return (self.own or self.root / "airflow") / "home"

    @property
    def logs(self) -> Path:
        """Logs of the tasks; those of the components lie in its folder `components`."""
        return (self.own or self.root / "airflow") / "logs"

    @property
    def database(self) -> Path:
        """Airflow's own database."""
        return self.home / "airflow.db"

    @property
    def predictions_url(self) -> str:
        """The store of predictions: the caller's MODEL_DATABASE_URL, or a SQLite file beside the bundles."""
        beside = f"sqlite:///{self.artifacts_dir / 'predictions.db'}"
        return beside if self.own else os.environ.get("MODEL_DATABASE_URL") or beside

    @property
    def spool_dir(self) -> Path:
        """Where the service's predictions wait for the store: beside the bundles."""
        return self.artifacts_dir.parent / "spool"

    @property
    def airflow_url(self) -> str:
        """Where the UI and the API answer."""
        return f"http://{HOST}:{self.airflow_port}"

    @property
    def service_url(self) -> str:
        """Where the prediction service answers."""
        return f"http://{HOST}:{self.service_port}"

    def environment(self) -> dict[str, str]:
        """The environment of every component."""
        foreign = (*FOREIGN, *OURS) if self.own else FOREIGN
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        paths = [str(self.root / "airflow" / "config"), str(self.root / "app"), inherited.get("PYTHONPATH", "")]
        own = {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONUNBUFFERED": "1",
            "SPT_NOENV": "1",  # setproctitle would overwrite the environment by which a process is recognised
            "NO_PROXY": ",".join(filter(None, [inherited.get("NO_PROXY"), NO_PROXY])),
            "no_proxy": ",".join(filter(None, [inherited.get("no_proxy"), NO_PROXY])),
        }
        return inherited | own | self._model() | self._airflow() | self._secrets() | dict(self.settings)

    def components(self) -> list[Component]:
        """The programs: Airflow's three (the triggerer has nothing to do here), the service, shipper, shadow."""
        airflow = (sys.executable, "-P", "-m", "airflow")
        return [
            Component("api-server", (*airflow, "api-server")),
            Component("scheduler", (*airflow, "scheduler", "--skip-serve-logs")),
            Component("dag-processor", (*airflow, "dag-processor")),
            Component("service", (sys.executable, "-P", "-m", "app")),
            Component("shipper", (sys.executable, "-P", "-m", "model", "ship", "--follow")),
            # A process of its own: a challenger that takes its process with it takes nothing else.
            Component("shadow", (sys.executable, "-P", "-m", "model", "shadow", "--follow")),
        ]

    def _model(self) -> dict[str, str]:
        return {
            "MODEL_CONTRACT": self.contract,
            "MODEL_DATA_DIR": str(self.data_dir),
            "MODEL_ARTIFACTS_DIR": str(self.artifacts_dir),
            "MODEL_DATABASE_URL": self.predictions_url,
            "MODEL_SPOOL_DIR": str(self.spool_dir),
            "SERVICE_CONTRACT": self.contract_name,
            "SERVICE_ARTIFACTS_DIR": str(self.artifacts_dir),
            "SERVICE_SPOOL_DIR": str(self.spool_dir),
            "SERVICE_HOST": HOST,
            "SERVICE_PORT": str(self.service_port),
            "SERVICE_DATABASE_URL": self.predictions_url,
            "SERVICE_DASHBOARD_FRAMES": f"http://localhost:{self.airflow_port} {self.airflow_url}",
            # As the demo names both: a frame of another host name would be another site's, without its cookie.
            "DASHBOARD_URL": f"http://localhost:{self.service_port}/dashboard",
        }

    def _airflow(self) -> dict[str, str]:
        places = {
            "AIRFLOW_HOME": self.home,
            "AIRFLOW__CORE__DAGS_FOLDER": self.root / "airflow" / "dags",
            "AIRFLOW__CORE__PLUGINS_FOLDER": self.root / "airflow" / "plugins",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": self.logs,
            "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": self.logs / "dag_processor",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": _password_file(self.home),
        }
        addresses = {
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__PORT": str(self.airflow_port),
            "AIRFLOW__API__BASE_URL": self.airflow_url,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.airflow_url}/execution/",
            # Without the timeout a busy SQLite answers "database is locked" with status 500.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.database}?timeout=60",
        }
        return {name: str(place) for name, place in places.items()} | addresses | TUNING

    def _secrets(self) -> dict[str, str]:
        kept: dict[str, str] = json.loads(_secrets_file(self.home).read_text())
        return kept

    def prepare(self) -> None:
        """Make the folders, and once the secrets."""
        for folder in (self.home, self.logs / "components", self.data_dir, self.artifacts_dir):
            folder.mkdir(parents=True, exist_ok=True)
        write_private(_password_file(self.home), {USER: PASSWORD})
        if not _secrets_file(self.home).exists():
            write_private(_secrets_file(self.home), _new_secrets())


TUNING: dict[str, str] = {
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
    "AIRFLOW__CORE__PARALLELISM": "4",  # the default starts 32 processes
    "AIRFLOW__API__WORKERS": "1",
    # A task's end is noticed at its next heartbeat, and the next task starts then.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
    # A task that died with its scheduler is found and tried again after half a minute instead of five.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
    # A task's token must outlive the task.
    "AIRFLOW__EXECUTION_API__JWT_EXPIRATION_TIME": str(SECONDS_A_TASK_MAY_TAKE),
}


def write_private(path: Path, content: Mapping[str, str]) -> None:
    """Write JSON that only this user can read, atomically."""
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
    temporary.replace(path)


def _new_secrets() -> dict[str, str]:
    return {
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
    }


def _password_file(home: Path) -> Path:
    return home / "passwords.json"


def _secrets_file(home: Path) -> Path:
    return home / "secrets.json"
