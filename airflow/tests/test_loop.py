"""The closed loop in its short form: the real service under traffic, and the real DAGs, run in this process.

`make loop-demo` is the long form, with Airflow's own scheduler.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from acts import DASHBOARD, HINDERED, Loop, first_sentence, shows
from dag_runs import MONITORING, TASKS, TRAINING, asset_events, grow_old, run, run_what_events_started, states
from dag_runs import waiting_events as waiting
from traffic import Traffic, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from model.registry import Registry

# Airflow's own code and libraries, not ours, raise these.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`"),
]

ENOUGH_ROWS = 400  # the policy wants 200 with truth
SECONDS_AT_MOST = 120.0


def wait_for(true: Callable[[], object]) -> None:
    """Wait until something is so; only what hangs takes so long."""
    deadline = time.monotonic() + SECONDS_AT_MOST
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def service(tree: Path) -> Iterator[str]:
    """The service, and its address."""
    from app.testing import serve

    own = {"spool_dir": tree / "spool", "database_url": f"sqlite:///{tree / 'predictions.db'}"}
    with serve(tree / "artifacts", "reggaeton", log="durable", **own) as serving:
        yield str(serving.client.base_url)


def ship(tree: Path) -> None:
    """What waits in the spool, into the store."""
    from model.spool.shipper import Shipper

    with Shipper(tree / "spool", f"sqlite:///{tree / 'predictions.db'}", lambda _: None, threading.Event()) as shipper:
        shipper.ship()


def monitor(tree: Path, traffic: Traffic, since: datetime, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Run DAG 3_monitoring on the window from then to now; what it decided."""
    folder = tree / "data" / "truth"
    folder.mkdir(exist_ok=True)
    assert traffic.write_truth(folder / f"{since:%H%M%S%f}.csv")
    ship(tree)
    monkeypatch.setenv("MODEL_MONITOR_SINCE", since.isoformat())
    monkeypatch.setenv("MODEL_MONITOR_UNTIL", datetime.now(UTC).isoformat())
    assert states(run(MONITORING)) == dict.fromkeys(TASKS[MONITORING], ("success", 1))
    return asset_events("decisions")[-1]


@pytest.mark.usefixtures("database")
def test_under_traffic_a_changed_world_starts_one_training_whose_model_answers_without_a_failed_request(
    tree: Path, registry: Registry, champion: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from model.contracts.reggaeton import contract

    grow_old(registry, days=4)  # beyond the cool-down of 72 hours
    world = World("a new style", Loop.changed.how | {"strength": 0.3})
    with service(tree) as url, Traffic(url, contract, world, pause=0.01, known_after=0.0) as traffic:
        began = datetime.now(UTC)
        wait_for(lambda: traffic.known >= ENOUGH_ROWS)

        decided = monitor(tree, traffic, began, monkeypatch)

        assert (decided["action"], decided["version"]) == ("retrain", champion)
        assert states(run_what_events_started(TRAINING)) == dict.fromkeys(TASKS[TRAINING], ("success", 1))
        version, entry = registry.champion(), registry.history()[-1]
        assert version != champion
        assert (entry["who"], entry["why"]) == (MONITORING, decided["reason"])

        wait_for(lambda: traffic.versions[version])
        traffic.world = World("another one", Loop.changed_again.how | {"strength": 0.3})
        began = datetime.now(UTC) + timedelta(milliseconds=100)
        known = traffic.known
        wait_for(lambda: traffic.known - known >= ENOUGH_ROWS)

        again = monitor(tree, traffic, began, monkeypatch)

        assert (again["action"], again["version"]) == ("keep", version)
        assert HINDERED in str(again["reason"])
        assert waiting(TRAINING) == 0
        page = httpx.get(f"{url}{DASHBOARD}", timeout=SECONDS_AT_MOST, trust_env=False).text
        assert shows(page, version)
        assert shows(page, first_sentence(str(decided["reason"])))
    assert set(traffic.versions) == {champion, version}
    assert not traffic.failures
