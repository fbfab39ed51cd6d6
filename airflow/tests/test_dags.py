"""The DAGs, whole, in this process: real Airflow on SQLite, real steps, real files."""

from __future__ import annotations

import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from dag_runs import (
    AIRFLOW,
    APPROVAL,
    BATCH,
    MONITORING,
    TASKS,
    TRAINING,
    asset_events,
    grow_old,
    latest_run,
    load,
    run,
    run_task,
    run_what_events_started,
    start_what_events_started,
    states,
)

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.sdk import Asset

    from model.registry import Registry

# Airflow's own code and libraries, not ours, raise these.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`"),
]

HEAVY = {"matplotlib", "model", "numpy", "onnxruntime", "pandas", "pandera", "pyarrow", "scipy", "sklearn"}

# ---------------------------------------------------------------------------------------------- shape


@pytest.mark.parametrize("dag_id", TASKS)
def test_a_dag_is_its_steps_in_order_one_run_at_a_time(dag_id: str) -> None:
    dag = load(dag_id)

    assert dag.dag_id == dag_id
    names = TASKS[dag_id]
    assert [task.task_id for task in dag.tasks] == names
    assert [sorted(task.downstream_task_ids) for task in dag.tasks] == [*([name] for name in names[1:]), []]
    assert (dag.max_active_runs, dag.catchup) == (1, False)
    assert "model" in dag.tags


def test_monitoring_runs_by_the_clock_a_training_by_a_decision_and_a_batch_by_a_promotion_where_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import bridge

    from model.settings import Settings

    def started_by(dag_id: str) -> list[Asset]:
        return list(load(dag_id).timetable.asset_condition.objects)

    hourly = load(MONITORING).timetable
    assert hourly.can_be_scheduled
    assert Settings().monitor_schedule == "@hourly"
    assert hourly.expression == "0 * * * *"
    assert started_by(TRAINING) == [bridge.RETRAINING]
    assert not load(BATCH).timetable.can_be_scheduled
    monkeypatch.setenv("MODEL_BATCH_ON_PROMOTION", "true")
    monkeypatch.setenv("MODEL_MONITOR_SCHEDULE", "30 4 * * *")
    assert started_by(BATCH) == [bridge.CHAMPION]
    monkeypatch.setenv("MODEL_BATCH_SCHEDULE", "*/5 * * * *")
    assert started_by(BATCH) == [bridge.CHAMPION]
    assert load(BATCH).timetable.can_be_scheduled
    monkeypatch.setenv("MODEL_BATCH_ON_PROMOTION", "false")
    assert load(BATCH).timetable.expression == "*/5 * * * *"
    assert load(MONITORING).timetable.expression == "30 4 * * *"


@pytest.mark.parametrize("dag_id", TASKS)
def test_the_ui_tells_what_each_task_reads_writes_and_fails_on(dag_id: str) -> None:
    dag = load(dag_id)

    assert dag.doc_md
    for task in dag.tasks:
        assert task.doc_md
        assert all(word in task.doc_md for word in ("**Reads**", "**Writes**", "**Fails on**"))


@pytest.mark.parametrize("dag_id", TASKS)
def test_each_field_of_the_form_has_a_title_and_a_description_and_sets_a_setting(dag_id: str) -> None:
    import bridge

    from model.settings import Settings

    params = load(dag_id).params
    for name in params:
        shown = params.get_param(name)
        assert shown.schema["title"]
        assert shown.description
        assert bridge.PARAMETERS[name] in Settings.model_fields


def test_every_step_of_the_model_package_has_a_task_and_the_other_way_round() -> None:
    import bridge

    from model import tasks

    assert tuple(bridge.STEPS) == tasks.STEPS


@pytest.mark.parametrize(
    ("dag_id", "conf"),
    [
        (TRAINING, {"promote": "perhaps"}),
        (TRAINING, {"seed": -1}),
        (TRAINING, {"seed": "zero"}),
        (BATCH, {"files": "../secret.csv"}),
        (BATCH, {"version": "../other"}),
    ],
)
def test_a_run_with_a_field_out_of_range_is_refused_before_it_starts(dag_id: str, conf: dict[str, object]) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        load(dag_id).params.update(conf)


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """DAG -> the modules that are loaded after its file and those before it were read, in one process."""
    program = "import runpy, sys\n"
    for dag_id in TASKS:
        program += f"runpy.run_path({str(AIRFLOW / 'dags' / f'{dag_id}.py')!r}); print({dag_id!r}, *sys.modules)\n"
    done = subprocess.run(
        [sys.executable, "-c", program], env=_environment(), capture_output=True, text=True, check=True
    )
    return {words[0]: set(words[1:]) for words in map(str.split, done.stdout.splitlines())}


@pytest.mark.parametrize("dag_id", TASKS)
def test_reading_a_dag_file_loads_no_library_that_only_a_step_needs(dag_id: str, loaded: dict[str, set[str]]) -> None:
    assert "airflow" in loaded[dag_id]
    assert not HEAVY & loaded[dag_id]


@pytest.mark.parametrize(
    ("command", "preloaded"),
    [("scheduler --skip-serve-logs", True), ("celery worker", True), ("api-server", False), ("dag-processor", False)],
)
def test_only_the_processes_that_fork_tasks_load_the_training_libraries(command: str, preloaded: bool) -> None:  # noqa: FBT001 - a table's cell
    program = "import sys, airflow_local_settings; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program, *command.split()],
        env=_environment() | {"PYTHONPATH": str(AIRFLOW / "config")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ("sklearn" in loaded.stdout.split()) == preloaded
    assert "model" not in loaded.stdout.split()


def _environment() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": str(AIRFLOW / "plugins")}


# ----------------------------------------------------------------------------------------------- runs


@pytest.mark.usefixtures("database")
def test_a_first_training_makes_a_champion_and_tells_of_it_and_the_same_again_changes_nothing(
    registry: Registry,
) -> None:
    told = len(asset_events("champion"))

    first = run(TRAINING, reason="the first one")
    champion = registry.champion()
    second = run(TRAINING)

    assert states(first) == dict.fromkeys(TASKS[TRAINING], ("success", 1))
    assert states(second) == states(first)
    assert registry.champion() == champion
    assert [entry["why"] for entry in registry.history()] == ["the first one"]
    (event,) = asset_events("champion")[told:]
    assert event["version"] == champion
    assert [extra["promoted"] for extra in asset_events("bundle")[-2:]] == [True, False]


@pytest.mark.usefixtures("database")
def test_a_batch_is_stored_once_however_often_it_is_predicted(tree: Path, champion: str) -> None:
    from model.contracts.reggaeton import contract
    from model.store import Store

    finished = run(BATCH)
    with Store(f"sqlite:///{tree / 'predictions.db'}", contract) as store:
        stored = store.count()
        again = run(BATCH, version=champion)

        assert states(finished) == dict.fromkeys(TASKS[BATCH], ("success", 1))
        assert states(again) == states(finished)
        assert store.count() == stored == 200
    assert len(list((tree / "data" / "batch_predictions" / "reggaeton").glob("*.csv"))) == 1


@pytest.mark.usefixtures("database")
def test_by_the_clock_only_new_files_and_new_champions_are_predicted(
    tree: Path, registry: Registry, champion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_BATCH_SCHEDULE", "*/5 * * * *")
    batch = tree / "data" / "batch"
    (waiting,) = batch.glob("*.csv")
    content = waiting.read_text()

    run(BATCH)  # by hand, which the clock finds done
    assert run_by_the_clock(BATCH) == ["skipped"]
    waiting.unlink()
    assert run_by_the_clock(BATCH) == ["skipped"]
    (batch / "new.csv").write_text(content)
    assert run_by_the_clock(BATCH) == ["success"] * 4
    assert run_by_the_clock(BATCH) == ["skipped"]
    newer = registry.root / "20990101T000000Z-00000000"
    shutil.copytree(registry.root / champion, newer)
    registry.champion_file.write_text(newer.name)
    assert run_by_the_clock(BATCH)[0] == "success"


def run_by_the_clock(dag_id: str) -> list[str | None]:
    """The latest run once more, as if the scheduler had made it; its tasks' states up to the first not to run."""
    from airflow.utils.session import create_session

    with create_session() as session:
        latest = latest_run(dag_id, session)
        latest.run_type, latest.state = "scheduled", "running"
        for instance in latest.get_task_instances(session=session):
            instance.state = None
    ended: list[str | None] = []
    for task in TASKS[dag_id]:
        run_task(dag_id, task)
        ended.append(states(latest_run(dag_id))[task][0])
        if ended[-1] != "success":
            break
    return ended


@pytest.mark.usefixtures("database")
def test_a_spoiled_raw_file_stops_the_run_at_validate_without_retry_and_the_champion_stays(
    tree: Path, registry: Registry, champion: str
) -> None:
    raw = tree / "data" / "raw" / "data_reggaeton.csv"
    lines = raw.read_text().splitlines()
    raw.write_text("\n".join([lines[0], lines[1].replace(".", "!"), *lines[2:]]) + "\n")

    finished = run(TRAINING, promote="always")

    assert finished.state == "failed"
    assert states(finished) == {"validate": ("failed", 1)} | dict.fromkeys(TASKS[TRAINING][1:], ("upstream_failed", 0))
    assert registry.champion() == champion
    assert len(registry.versions()) == 1


@pytest.mark.usefixtures("database", "tree")
def test_a_batch_without_a_champion_fails_at_predict_without_retry() -> None:
    finished = run(BATCH)

    assert states(finished)["predict"] == ("failed", 1)


@pytest.mark.usefixtures("database", "champion")
def test_a_store_that_does_not_answer_is_tried_again_until_the_retries_are_used_up(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bridge

    monkeypatch.setenv("MODEL_DATABASE_URL", f"sqlite:///{tree}")  # a folder is no database

    assert states(run(BATCH))["predict"] == ("failed", 1 + bridge.RETRIES)


@pytest.mark.usefixtures("database")
def test_a_decision_to_train_again_starts_one_training_whose_reason_stands_in_the_audit(
    registry: Registry, champion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = len(asset_events("retraining"))
    grow_old(registry)

    finished = [run(MONITORING) for _ in range(2)]

    assert [states(one) for one in finished] == [dict.fromkeys(TASKS[MONITORING], ("success", 1))] * 2
    (event,) = asset_events("retraining")[told:]
    assert event["version"] == champion
    assert "days old" in event["reason"]
    assert [extra["retrain"] for extra in asset_events("decisions")[-2:]] == [True, False]
    monkeypatch.setenv("MODEL_PROMOTE", "always")
    monkeypatch.setenv("MODEL_SEED", "7")
    assert states(run_what_events_started(TRAINING)) == dict.fromkeys(TASKS[TRAINING], ("success", 1))
    assert registry.champion() != champion
    assert registry.history()[-1]["why"] == event["reason"]
    assert registry.history()[-1]["who"] == MONITORING


def answer(dag_id: str, task_id: str, chosen: str) -> dict[str, Any]:
    """Answer as a person does on the page "Required Actions"; returns what they were asked."""
    from airflow.api_fastapi.app import create_app
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from starlette.testclient import TestClient

    app = create_app(apps="core")
    token = app.state.auth_manager.generate_jwt(SimpleAuthManagerUser(username="ada", role="admin"))
    path = f"/api/v2/dags/{dag_id}/dagRuns/{latest_run(dag_id).run_id}/taskInstances/{task_id}/-1/hitlDetails"
    with TestClient(app, headers={"Authorization": f"Bearer {token}"}) as client:
        asked = client.get(path)
        assert asked.status_code == 200, asked.text
        answered = client.patch(path, json={"chosen_options": [chosen], "params_input": {}})
        assert answered.status_code == 200, answered.text
    return dict(asked.json())


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(("chosen", "start"), [("Approve", "success"), ("Reject", "skipped")])
def test_a_person_who_is_asked_first_starts_the_training_by_a_yes_and_only_by_that(
    registry: Registry, champion: str, monkeypatch: pytest.MonkeyPatch, chosen: str, start: str
) -> None:
    monkeypatch.setenv("MODEL_RETRAIN_ASK", "true")
    monkeypatch.delitem(sys.modules, "bridge", raising=False)  # it reads the setting when it is imported
    told = len(asset_events("retraining"))
    grow_old(registry)
    assert states(run(MONITORING))["decide"] == ("success", 1)
    assert len(asset_events("retraining")) == told
    start_what_events_started(APPROVAL)
    run_task(APPROVAL, "ask")
    assert states(latest_run(APPROVAL))["ask"][0] == "awaiting_input"
    assert "days old" in answer(APPROVAL, "ask", chosen)["body"]
    run_task(APPROVAL, "ask")
    if chosen == "Approve":
        run_task(APPROVAL, "start")
        assert states(run_what_events_started(TRAINING)) == dict.fromkeys(TASKS[TRAINING], ("success", 1))
    assert states(latest_run(APPROVAL))["start"][0] == start
    events = asset_events("retraining")[told:]
    assert [event["reason"].endswith("Approved by ada.") for event in events] == [True] * (chosen == "Approve")
    assert champion in registry.versions()


# ---------------------------------------------------------------------------------------------- notices


@pytest.mark.usefixtures("database", "tree")
def test_a_task_that_begins_to_fail_is_told_once_and_once_when_it_works_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from model.testing.receiver import receiving

    monday = datetime(2026, 3, 2, tzinfo=UTC)

    def on_day(number: int) -> str | None:
        finished = load(MONITORING).test(logical_date=monday + timedelta(days=number))
        return next(task.state for task in finished.get_task_instances() if task.task_id == "measure")

    with receiving() as receiver:
        monkeypatch.setenv("MODEL_ALERT_WEBHOOK", receiver.url)
        assert on_day(0) == "success"
        monkeypatch.setenv("MODEL_MONITOR_SINCE", "2026-03-01")  # without the other end
        assert [on_day(1), on_day(2)] == ["failed", "failed"]
        monkeypatch.delenv("MODEL_MONITOR_SINCE")
        assert [on_day(3), on_day(4)] == ["success", "success"]
    assert receiver.events == [("begun", "task"), ("ended", "task")]
    failed, works = receiver.came
    assert failed["task"] == works["task"] == "3_monitoring.measure"
    assert "MODEL_MONITOR_UNTIL" in failed["why"]
