"""A small HTTP client of Airflow's API: health, DAGs, runs and the states of their tasks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

FINISHED_RUN = frozenset({"success", "failed"})
FINISHED_TASK = frozenset({"success", "failed", "upstream_failed", "skipped", "removed"})
SECONDS_TO_ANSWER = 30.0
SECONDS_TO_START = 60.0
SECONDS_BETWEEN_TRIES = 0.5


class AirflowRefused(Exception):
    """Airflow answered, but not as asked for."""


@dataclass(frozen=True, slots=True)
class TaskState:
    """One task of one run. `seconds` is None until it has ended."""

    task: str
    state: str | None
    attempt: int
    seconds: float | None

    @property
    def finished(self) -> bool:
        """Whether the state is a last one."""
        return self.state in FINISHED_TASK


@dataclass(frozen=True, slots=True)
class RunState:
    """One run. kind: "manual", "scheduled" or "asset_triggered"."""

    run: str
    state: str
    kind: str

    @property
    def finished(self) -> bool:
        """Whether the state is a last one."""
        return self.state in FINISHED_RUN


class AirflowClient:
    """Talks to one Airflow as one user. Raises AirflowRefused, or httpx.HTTPError when nobody answers."""

    def __init__(self, url: str, user: str, password: str) -> None:
        """Nothing is sent yet."""
        # trust_env=False: a proxy of the environment cannot reach this machine's own ports.
        self._http = httpx.Client(base_url=url, timeout=SECONDS_TO_ANSWER, trust_env=False)
        self._login = {"username": user, "password": password}

    def __enter__(self) -> Self:
        """The client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._http.close()

    def health(self) -> dict[str, str]:
        """Component -> "healthy" or not; no login needed."""
        answer = _json(self._http.get("/api/v2/monitor/health"))
        return {name: str(part["status"]) for name, part in answer.items() if part and part.get("status")}

    def wake_execution_api(self) -> None:
        """The first request to it costs seconds: better now than in the first task."""
        _json(self._http.get("/execution/health"))

    def log_in(self) -> None:
        """Fetch a token for the requests that follow."""
        token = _json(self._http.post("/auth/token", json=self._login))["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def dags_parsed_since(self, moment: datetime) -> set[str]:
        """The ids of the DAGs whose file has been read since `moment` (an aware one)."""
        found = self._get("/api/v2/dags", limit=100)["dags"]
        parsed = {dag["dag_id"]: dag["last_parsed_time"] for dag in found if not dag["is_stale"]}
        return {dag for dag, last in parsed.items() if last and datetime.fromisoformat(last) >= moment}

    def import_errors(self) -> dict[str, str]:
        """DAG file -> the end of its traceback."""
        found = self._get("/api/v2/importErrors")["import_errors"]
        return {str(error["filename"]): str(error["stack_trace"])[-2000:] for error in found}

    def trigger(self, dag: str, conf: Mapping[str, object], note: str = "") -> str:
        """Start a run with `conf` as its params; returns the run's id."""
        body = {"logical_date": None, "conf": dict(conf), "note": note or None}
        return str(_json(self._http.post(f"/api/v2/dags/{dag}/dagRuns", json=body))["dag_run_id"])

    def run_state(self, dag: str, run: str) -> str:
        """queued, running, success or failed."""
        return str(self._get(f"/api/v2/dags/{dag}/dagRuns/{run}")["state"])

    def runs(self, dag: str) -> list[RunState]:
        """All runs of a DAG, the first one first (at most 100)."""
        found = self._get(f"/api/v2/dags/{dag}/dagRuns", order_by="id", limit=100)["dag_runs"]
        return [RunState(run["dag_run_id"], run["state"], run["run_type"]) for run in found]

    def started_by(self, dag: str, run: str) -> list[dict[str, Any]]:
        """The asset events that started a run, each with its `extra`."""
        events: list[dict[str, Any]] = self._get(f"/api/v2/dags/{dag}/dagRuns/{run}/upstreamAssetEvents")[
            "asset_events"
        ]
        return events

    def unfinished(self, dag: str) -> list[str]:
        """The runs that are queued or running."""
        found = self._get(f"/api/v2/dags/{dag}/dagRuns", state=["queued", "running"], limit=100)["dag_runs"]
        return [str(run["dag_run_id"]) for run in found]

    def fail(self, dag: str, run: str) -> None:
        """End a run as failed, whatever its tasks are doing."""
        _json(self._http.patch(f"/api/v2/dags/{dag}/dagRuns/{run}", json={"state": "failed"}))

    def tasks(self, dag: str, run: str) -> list[TaskState]:
        """The tasks of a run, in no particular order."""
        found = self._get(f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
        return [TaskState(one["task_id"], one["state"], one["try_number"], _seconds(one)) for one in found]

    def asset_events(self, name: str) -> list[dict[str, Any]]:
        """The events of an asset, latest first, each with its `extra`."""
        # Airflow 3.3.2 answers 500 while a run that an event has created waits to be started: it has no start_date yet.
        deadline = time.monotonic() + SECONDS_TO_START
        while True:
            answer = self._http.get("/api/v2/assets/events", params={"order_by": "-timestamp", "limit": 100})
            if answer.status_code != httpx.codes.INTERNAL_SERVER_ERROR or time.monotonic() > deadline:
                return [event for event in _json(answer)["asset_events"] if event.get("name") == name]
            time.sleep(SECONDS_BETWEEN_TRIES)

    def _get(self, path: str, **query: str | int | list[str]) -> dict[str, Any]:
        return _json(self._http.get(path, params=query))


def _seconds(task: Mapping[str, Any]) -> float | None:
    if not task["start_date"] or not task["end_date"]:
        return None
    begin, end = (datetime.fromisoformat(task[name]) for name in ("start_date", "end_date"))
    return (end - begin).total_seconds()


def _json(response: httpx.Response) -> dict[str, Any]:
    if not response.is_success:
        request = response.request
        raise AirflowRefused(f"{request.method} {request.url.path}: {response.status_code} {response.text[:500]}")
    answer: dict[str, Any] = response.json()
    return answer
