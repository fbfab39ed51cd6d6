"""The supervisor with real, tiny processes; ports, folders and secrets of an embedded Airflow."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import inputs
import outcome
import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest
from deployment import Deployment
from machine import Unready, check_disk, check_ports
from supervisor import AlreadyRunning, Component, Supervisor, only_one, reap

from model.contracts import Problem, find

if TYPE_CHECKING:
    from collections.abc import Callable

EMBEDDED = Path(__file__).resolve().parent.parent / "embedded"
SECONDS_AT_MOST = 60.0

SLEEPS = "import time; time.sleep(1000)"
IGNORES_TERM = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEPS}"
HAS_A_CHILD = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {SLEEPS!r}], start_new_session=True)
print(child.pid, flush=True)
{SLEEPS}
"""


def python(name: str, program: str) -> Component:
    """A component that runs a line of Python."""
    return Component(name, (sys.executable, "-c", program))


def wait_for(true: Callable[[], object]) -> None:
    """Wait until something is so; a test hangs for a minute at most."""
    deadline = time.monotonic() + SECONDS_AT_MOST
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int | None) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def supervise(folder: Path, *components: Component, told: list[str] | None = None) -> Supervisor:
    """A quick supervisor that tells nobody, or `told`."""
    return Supervisor(
        components,
        dict(os.environ),
        folder=folder,
        logs=folder / "logs",
        report=(told if told is not None else []).append,
        patience=5,
        shortest_delay=0.1,
    )


# ----------------------------------------------------------------------------------------- supervisor


def test_components_run_until_they_are_stopped_and_none_is_left(tmp_path: Path) -> None:
    with supervise(tmp_path, python("one", SLEEPS), python("two", SLEEPS)) as running:
        pids = [running.pid_of("one"), running.pid_of("two")]
        assert all(map(alive, pids))

    assert not any(map(alive, pids))


def test_each_component_leads_a_session_of_its_own_so_that_ctrl_c_reaches_only_the_supervisor(tmp_path: Path) -> None:
    with supervise(tmp_path, python("one", SLEEPS)) as running:
        pid = running.pid_of("one")
        assert pid is not None
        assert os.getsid(pid) == pid


def test_a_component_that_dies_starts_again_and_is_told_of(tmp_path: Path) -> None:
    told: list[str] = []
    with supervise(tmp_path, python("one", SLEEPS), told=told) as running:
        first = running.pid_of("one")
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: running.pid_of("one") not in {first, None})

        assert running.ends_of("one") == 1
    assert "one ended with status -9" in told[0]
    assert str(tmp_path / "logs" / "one.log") in told[0]


def test_a_component_that_dies_again_and_again_waits_longer_each_time(tmp_path: Path) -> None:
    told: list[str] = []
    with supervise(tmp_path, python("one", "raise SystemExit(3)"), told=told) as running:
        wait_for(lambda: running.ends_of("one") >= 3)

    assert [line.split(" in ")[1].split(" (")[0] for line in told[:3]] == ["0.1 s", "0.2 s", "0.4 s"]


def test_a_component_that_does_not_listen_to_term_is_killed(tmp_path: Path) -> None:
    deaf = supervise(tmp_path, python("deaf", IGNORES_TERM))
    deaf.patience = 0.2
    with deaf as running:
        wait_for(lambda: "deaf" in running.log_of("deaf").read_text())
        pid = running.pid_of("deaf")

    assert not alive(pid)


def test_a_process_that_a_component_started_in_another_session_is_stopped_too(tmp_path: Path) -> None:
    with supervise(tmp_path, python("parent", HAS_A_CHILD)) as running:
        wait_for(lambda: running.log_of("parent").read_text().strip())
        child = int(running.log_of("parent").read_text())
        assert alive(child)

    assert not alive(child)


def test_what_a_killed_supervisor_leaves_behind_is_ended_by_the_next_one(tmp_path: Path) -> None:
    program = f"""
import os, pathlib, sys, time
sys.path.insert(0, {str(EMBEDDED)!r})
from supervisor import Component, Supervisor
folder = pathlib.Path({str(tmp_path)!r})
parts = [Component("one", (sys.executable, "-c", {HAS_A_CHILD!r}))]
with Supervisor(parts, dict(os.environ), folder=folder, logs=folder / "logs") as running:
    print(running.pid_of("one"), flush=True)
    time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        left = int(killed.stdout.readline())
        log = tmp_path / "logs" / "one.log"
        wait_for(lambda: log.read_text().strip())
        killed.kill()
    child = int(log.read_text())
    assert alive(left)
    assert alive(child)

    assert reap(tmp_path / "another") == 0
    assert reap(tmp_path) == 2
    assert not alive(left)
    assert not alive(child)


def test_a_folder_has_one_supervisor_at_a_time(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"), only_one(tmp_path):
        pass
    with only_one(tmp_path):
        pass


# ------------------------------------------------------------------------------------------- machine


def test_a_taken_port_is_named_with_the_command_that_chooses_another() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(Unready, match=rf"^port {port} is taken: .*`make demo SERVICE_PORT=\d+`$"):
            check_ports({"AIRFLOW_PORT": _free_port(), "SERVICE_PORT": port})


def test_ports_that_are_equal_or_out_of_range_are_refused() -> None:
    with pytest.raises(Unready, match="must be different"):
        check_ports({"AIRFLOW_PORT": 8080, "SERVICE_PORT": 8080})
    with pytest.raises(Unready, match="65535"):
        check_ports({"AIRFLOW_PORT": 70_000, "SERVICE_PORT": 8080})


def test_free_ports_and_a_disk_with_room_are_fine(tmp_path: Path) -> None:
    check_ports({"AIRFLOW_PORT": _free_port()})
    check_disk(tmp_path)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


# ---------------------------------------------------------------------------------------- deployment


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """An embedded Airflow that is prepared, not started."""
    made = Deployment(tmp_path, "reggaeton", "reggaeton", tmp_path / "data", tmp_path / "artifacts", 18080, 18090)
    made.prepare()
    return made


def test_secrets_are_made_once_and_only_this_user_can_read_them(deployment: Deployment) -> None:
    before = deployment.environment()
    deployment.prepare()

    private = [deployment.home / "secrets.json", deployment.home / "passwords.json"]
    assert deployment.environment() == before
    assert [path.stat().st_mode & 0o777 for path in private] == [0o600, 0o600]
    assert json.loads(private[1].read_text()) == {"airflow": "airflow"}
    assert len(before["AIRFLOW__API_AUTH__JWT_SECRET"]) > 64


def test_the_callers_airflow_settings_do_not_reach_the_embedded_one_and_the_models_do(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__CORE__FOREIGN", "1")
    monkeypatch.setenv("MODEL_SEED", "7")

    environment = deployment.environment()

    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW__CORE__FOREIGN" not in environment
    assert environment["MODEL_SEED"] == "7"
    assert environment["AIRFLOW_HOME"] == str(deployment.home)


def test_everything_listens_on_this_machine_only(deployment: Deployment) -> None:
    environment = deployment.environment()
    (scheduler,) = [part for part in deployment.components() if part.name == "scheduler"]

    assert environment["AIRFLOW__API__HOST"] == environment["SERVICE_HOST"] == "127.0.0.1"
    assert "--skip-serve-logs" in scheduler.command


def test_what_the_service_commits_is_where_the_shipper_looks(deployment: Deployment) -> None:
    environment = deployment.environment()
    (shipper,) = [part for part in deployment.components() if part.name == "shipper"]

    assert shipper.command[-4:] == ("-m", "model", "ship", "--follow")
    assert environment["SERVICE_SPOOL_DIR"] == environment["MODEL_SPOOL_DIR"]
    assert environment["MODEL_DATABASE_URL"] == deployment.predictions_url


def test_the_shadow_reads_the_store_that_the_shipper_fills(deployment: Deployment) -> None:
    (shadow,) = [part for part in deployment.components() if part.name == "shadow"]

    assert shadow.command[-4:] == ("-m", "model", "shadow", "--follow")
    assert deployment.environment()["MODEL_ARTIFACTS_DIR"] == deployment.environment()["SERVICE_ARTIFACTS_DIR"]


def test_every_setting_that_is_made_is_one_that_airflow_knows(deployment: Deployment) -> None:
    """A misspelt variable would be ignored in silence."""
    from airflow.configuration import conf

    made = [name.split("__", 2)[1:] for name in deployment.environment() if name.startswith("AIRFLOW__")]

    assert [
        name
        for name in made
        if conf.configuration_description.get(name[0].lower(), {}).get("options", {}).get(name[1].lower()) is None
    ] == []


# ------------------------------------------------------------------------------------------- inputs


def test_example_files_are_written_where_there_are_none_and_what_is_there_is_left_alone(tmp_path: Path) -> None:
    own = tmp_path / "raw" / "mine.csv"
    own.parent.mkdir()
    own.write_text("mine")

    said = inputs.fill(find("reggaeton"), tmp_path)

    assert [path.name for path in inputs.files_in(tmp_path / "raw")] == ["mine.csv"]
    assert inputs.files_in(tmp_path / "batch")
    assert "batch/" in said
    assert inputs.fill(find("reggaeton"), tmp_path).startswith("data: reused")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_contract_without_an_example_says_which_files_are_missing(tmp_path: Path) -> None:
    problem = Problem(find("reggaeton").contract, None, None)

    with pytest.raises(Unready, match=r"data_reggaeton\.csv, data_todotipo\.csv"):
        inputs.fill(problem, tmp_path)


def test_a_folder_of_ones_own_is_only_read_and_has_its_own_tables_and_bundles(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    find("reggaeton").write_example(tmp_path / "made")  # type: ignore[misc]  # reggaeton has an example
    (tmp_path / "made" / "raw").rename(mine)
    before = sorted(mine.iterdir())

    tree = inputs.own_tree(tmp_path, mine)
    inputs.link_own(find("reggaeton"), tree, mine)

    assert sorted(mine.iterdir()) == before
    assert inputs.files_in(tree.data_dir / "raw") == [tree.data_dir / "raw" / path.name for path in before]
    assert inputs.files_in(tree.data_dir / "batch")
    assert tree.data_dir != inputs.example_tree(tmp_path, {}).data_dir
    assert tree.artifacts_dir != inputs.example_tree(tmp_path, {}).artifacts_dir


def test_a_batch_that_comes_with_ones_own_folder_is_the_one_that_is_predicted(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "batch").mkdir(parents=True)
    (mine / "raw.csv").write_text("a")
    tree = inputs.own_tree(tmp_path, mine)

    inputs.link_own(find("reggaeton"), tree, mine)
    (mine / "batch" / "new.csv").write_text("b")
    inputs.link_own(find("reggaeton"), tree, mine)

    assert [path.name for path in inputs.files_in(tree.data_dir / "batch")] == ["new.csv"]


def test_the_environment_may_name_other_folders_than_the_projects(tmp_path: Path) -> None:
    named = {"MODEL_DATA_DIR": str(tmp_path / "d"), "MODEL_ARTIFACTS_DIR": str(tmp_path / "a")}

    assert inputs.example_tree(tmp_path, {}) == inputs.Tree(
        tmp_path / "airflow" / "data", tmp_path / "airflow" / "artifacts"
    )
    assert inputs.example_tree(tmp_path, named) == inputs.Tree(tmp_path / "d", tmp_path / "a")


def test_an_empty_folder_of_ones_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unready, match="holds no files"):
        inputs.own_tree(tmp_path, tmp_path)


# ------------------------------------------------------------------------------------------ outcome


def test_the_last_words_of_a_tasks_log_are_its_events_and_its_error(tmp_path: Path) -> None:
    folder = tmp_path / "dag_id=d" / "run_id=r" / "task_id=t"
    folder.mkdir(parents=True)
    (folder / "attempt=1.log").write_text("no json\n")
    latest = folder / "attempt=2.log"
    error = {"event": "Task failed", "error_detail": [{"exc_type": "AirflowFailException", "exc_value": "two\nlines"}]}
    latest.write_text("\n".join(["not json", '{"event": "reading"}', json.dumps(error), "[1]"]))
    os.utime(folder / "attempt=1.log", (0, 0))

    assert outcome.task_log(tmp_path, "d", "r", "t") == latest
    assert list(outcome.last_words(latest)) == [
        "not json",
        "reading",
        "Task failed",
        "AirflowFailException: two",
        "lines",
        "[1]",
    ]
    assert outcome.task_log(tmp_path, "d", "r", "another") is None


def test_the_headline_shows_the_measure_that_promotion_goes_by_first() -> None:
    measured = {"value": 0.75, "low": 0.6, "high": 0.9}
    metrics = {
        "primary": "average_precision",
        "cross_validation": {"folds": 5, "repeats": 3, "measures": {"average_precision": measured}},
        "holdout": {"accuracy": measured, "average_precision": measured},
        "baseline": {"accuracy": 0.5, "average_precision": 0.25},
        "rows": {"holdout": 60},
    }

    head, first, second = outcome.headline(metrics)

    assert head.split("  ")[-1].strip() == "no skill"
    assert "cross-validation, 3 x 5 folds" in head
    assert "hold-out, 60 rows" in head
    assert first.split() == ["average", "precision", *["0.750", "[0.600,", "0.900]"] * 2, "0.250"]
    assert second.split() == ["accuracy", "0.750", "[0.600,", "0.900]", "0.500"]
