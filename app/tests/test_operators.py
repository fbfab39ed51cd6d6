"""What operators ask: metrics of all workers, and the champion's promotion and rollback over HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError

from app.settings import ServiceSettings
from app.testing import PATIENCE_SECONDS, Service, serve
from model.contracts import find

pytestmark = pytest.mark.unmeasured  # the service answers in threads of its own, which are measured

only_reggaeton = pytest.mark.parametrize("contract", [find("reggaeton").contract], ids=["reggaeton"])
TOKEN = "0123456789abcdef-for-tests"  # noqa: S105 - of a service that lives for a second
APP_DIR = Path(__file__).parent.parent

Example = dict[str, dict[str, list[Any]]]


def metrics(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Sample name -> label values -> value."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


@only_reggaeton
def test_metrics_count_what_was_asked_and_answered(artifacts: Path, example: Example) -> None:
    three = {"data": {name: values * 3 for name, values in example["data"].items()}}
    with serve(artifacts, "reggaeton", log="durable", spool_dir=artifacts / "spool") as service:
        for body in (example, example, three, {}):
            service.predict(body)
        service.client.get("/nothing/here")
        said = metrics(service.client.get("/metrics").text)
        version = service.registry.champion()
    assert said["service_requests_total"]["/get_prediction", "200"] == 3
    assert said["service_requests_total"]["/get_prediction", "422"] == 1
    assert said["service_requests_total"]["none", "404"] == 1
    assert said["service_predictions_total"] == {(version,): 5}
    assert said["service_prediction_seconds_count"] == {(): 3}
    assert said["service_batch_rows_sum"] == {(): 5}
    assert said["service_log_commit_seconds_count"][()] >= 1
    assert said["service_model_info"] == {("reggaeton", "compiled", version): 1}
    assert said["service_in_flight"] == {(): 0}
    assert said["service_load_seconds"] == {(): 0}
    assert said["service_workers"] == {(): 1}
    assert said["service_spool_bytes"][()] > 0
    assert said["service_log_failing"] == {(): 0}


@only_reggaeton
def test_metrics_show_what_was_last_measured_and_nothing_when_that_cannot_be_believed(artifacts: Path) -> None:
    numbers = {"value": 0.5, "expected": 0.0, "threshold": None}
    figure = {"measure": "psi", "subject": 'a "column"', "alarm": True, **numbers}
    window = {"version": "v1", "since": 100.0, "until": 200.0, "figures": [figure]}
    with serve(artifacts, "reggaeton") as service:
        path = service.registry.monitoring_file
        unmeasured = metrics(service.client.get("/metrics").text)
        path.write_text(json.dumps({"contract": "reggaeton", "windows": [window]}))
        said = metrics(service.client.get("/metrics").text)
        for damaged in ("", "[]", '{"windows": [{}]}', "\0" * 2_000_000):
            path.write_text(damaged)
            assert not any(name.startswith("model_monitor") for name in metrics(service.client.get("/metrics").text))
    labels = ("psi", 'a "column"', "v1")
    assert said["model_monitor_value"] == {labels: 0.5}
    assert said["model_monitor_expected"] == {labels: 0.0}
    assert said["model_monitor_alarm"] == {labels: 1.0}
    assert said["model_monitor_window_end_seconds"] == {("v1",): 200.0}
    assert "model_monitor_threshold" not in said
    assert not any(name.startswith("model_monitor") for name in unmeasured)


# ---------------------------------------------------------------------------------------------- admin


def admin(service: Service, path: str, body: Any, token: str = TOKEN) -> httpx.Response:
    return service.client.post(f"/admin/{path}", json=body, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def administered(artifacts: Path) -> Iterator[Service]:
    """A service with an admin token."""
    with serve(artifacts, "reggaeton", admin_token=TOKEN) as service:
        yield service


@only_reggaeton
def test_an_operator_promotes_and_rolls_back(administered: Service) -> None:
    champion = administered.registry.champion()
    (other,) = set(administered.registry.versions()) - {champion}
    assert admin(administered, "promote", {"version": other, "why": "a test"}).json() == {"champion": other}
    assert administered.client.get("/health/ready").json()["version"] == other
    assert administered.registry.history()[-1]["why"] == "a test"
    assert admin(administered, "rollback", {}).json() == {"champion": champion}
    assert administered.client.get("/health/ready").json()["version"] == champion


@only_reggaeton
def test_without_the_token_nothing_is_changed(administered: Service) -> None:
    champion = administered.registry.champion()
    (other,) = set(administered.registry.versions()) - {champion}
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": "é"}):
        answer = administered.client.post("/admin/promote", json={"version": other}, headers=_latin(headers))
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    assert administered.registry.champion() == champion


def _latin(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


@pytest.mark.parametrize(
    ("body", "status"),
    [({"version": "nothing"}, 503), ({"version": "../x"}, 503), ({}, 422), ({"version": 1}, 422), ({"a": 1}, 422)],
    ids=str,
)
@only_reggaeton
def test_a_promotion_that_cannot_be_is_refused(administered: Service, body: Any, status: int) -> None:
    answer = admin(administered, "promote", body)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}


@only_reggaeton
def test_without_a_token_there_is_no_admin(service: Service) -> None:
    assert admin(service, "promote", {"version": "x"}).status_code == 404


def test_a_token_that_is_easily_guessed_is_refused(tmp_path: Path) -> None:
    for weak in ("short", "a" * 40):
        with pytest.raises(ValidationError, match="SERVICE_ADMIN_TOKEN"):
            ServiceSettings(admin_token=weak)
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert ServiceSettings(admin_token_file=file).admin_secret() == TOKEN


# ---------------------------------------------------------------------------------- the real command


@contextmanager
def command(
    artifacts: Path, tmp_path: Path, **variables: str
) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    """`python -m app` on a Unix socket, once it answers."""
    path = tmp_path / "service.sock"
    environment = os.environ | {
        "PYTHONPATH": str(APP_DIR),
        "SERVICE_ARTIFACTS_DIR": str(artifacts),
        "SERVICE_SPOOL_DIR": str(tmp_path / "spool"),
        "SERVICE_UDS": str(path),
        "SERVICE_LOG_LEVEL": "warning",
        **variables,
    }
    process = subprocess.Popen([sys.executable, "-P", "-m", "app"], env=environment, cwd=tmp_path)
    transport = httpx.HTTPTransport(uds=str(path))
    try:
        with httpx.Client(transport=transport, base_url="http://service", timeout=PATIENCE_SECONDS) as client:
            until(lambda: answers(path, client), "the service")
            yield process, client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)


def answers(path: Path, client: httpx.Client) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        listens = path.exists() and probe.connect_ex(str(path)) == 0
    return listens and client.get("/health/ready", headers={"Connection": "close"}).status_code == 200


def until(holds: Any, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.02)


@only_reggaeton
def test_workers_share_the_work_their_counts_and_a_new_champion_and_one_that_dies_is_replaced(
    artifacts: Path, example: Example, tmp_path: Path
) -> None:
    with command(artifacts, tmp_path, SERVICE_WORKERS="2", SERVICE_ADMIN_TOKEN=TOKEN) as (process, client):
        once = {"Connection": "close"}
        until(lambda: metrics(client.get("/metrics").text)["service_workers"] == {(): 2}, "both workers")
        for _ in range(40):
            assert client.post("/get_prediction", json=example, headers=once).status_code == 200

        def answered() -> float:
            return sum(metrics(client.get("/metrics", headers=once).text)["service_predictions_total"].values())

        until(lambda: {answered() for _ in range(20)} == {40}, "what each knows of the other")
        workers = children(process.pid)
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        until(lambda: len(set(children(process.pid)) - set(workers)) == 1, "another worker")
        until(lambda: metrics(client.get("/metrics", headers=once).text)["service_workers"][()] >= 2, "it answers")
        assert answered() == 40
        champion = client.get("/health/ready").json()["version"]
        other = next(
            path.parent.name
            for path in (artifacts / "reggaeton").glob("2*/manifest.json")
            if path.parent.name != champion
        )
        promoted = client.post("/admin/promote", json={"version": other}, headers={"Authorization": f"Bearer {TOKEN}"})
        assert promoted.json() == {"champion": other}

        def served() -> Counter[str]:
            return Counter(client.get("/health/ready", headers=once).json()["version"] for _ in range(20))

        until(lambda: set(served()) == {other}, "the new champion in every worker")
    assert process.returncode == 0
    assert not list(Path(tmp_path).glob("service-*"))


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@only_reggaeton
def test_a_killed_service_starts_again_on_the_same_socket_and_has_lost_nothing(
    artifacts: Path, example: Example, tmp_path: Path
) -> None:
    ids = []
    for _ in range(2):
        with command(artifacts, tmp_path, SERVICE_WORKERS="1") as (process, client):
            ids += [client.post("/get_prediction", json=example).headers["X-Prediction-ID"] for _ in range(5)]
            process.kill()
            process.wait()
        assert (tmp_path / "service.sock").is_socket()
    from test_recorder import spooled

    assert [record["id"] for record in spooled(tmp_path / "spool")] == ids


def test_a_wrong_setting_is_named_and_nothing_starts(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "app"],
        env=os.environ | {"PYTHONPATH": str(APP_DIR), "SERVICE_LOG": "sometimes"},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "log: Input should be 'durable', 'async' or 'off'" in done.stderr
    assert "Traceback" not in done.stderr
