"""The acts of the closed loop: each does one thing to the running platform, looks at what came of it, and says so.

An act raises NotRight when what has to hold does not, with what was seen instead.
"""

from __future__ import annotations

import html
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
from console import say, show
from runs import NotRight, follow, run_dag, wait_for_airflow, wait_until
from traffic import World

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from client import AirflowClient, RunState
    from deployment import Deployment
    from traffic import Traffic

    from model.contracts import Problem
    from model.registry import Registry

TRAINING, BATCH, MONITORING = "1_training_pipeline", "2_batch_prediction", "3_monitoring"
# From a request to its row in the store with its truth: the truth is known 2 s later, told 1 s and shipped 1 s after.
IN_STORE = timedelta(seconds=6)
SECONDS_UNTIL_STARTED = 120.0
SECONDS_UNTIL_SERVED = 60.0
SECONDS_IN_WHICH_NOTHING_STARTS = 5.0
MOST_WINDOWS = 6  # that the world may take to be noticed
HINDERED = "no other one for"  # what a decision says that would train if it were not for the cool-down
QUIET = "Nothing asks for a training"
DASHBOARD = "/dashboard"


@dataclass(frozen=True, slots=True)
class Decided:
    """What a run of DAG 3_monitoring decided, as its asset event says it."""

    action: str
    retrain: bool
    version: str
    reason: str


class Loop:
    """The platform in which the loop is to close.

    window, cool_down: as long as the deployment's settings say.
    """

    usual = World("tracks as in training")
    changed = World(
        "one track in ten is of a new style of reggaeton, with a tempo beyond what training had",
        {"drift": "style", "strength": 0.1, "column": "tempo"},
    )
    changed_again = World(
        "the new style is gone, and one track in ten is of another one, as long as an album",
        {"drift": "style", "strength": 0.1, "column": "duration"},
    )

    def __init__(
        self,
        problem: Problem,
        deployment: Deployment,
        airflow: AirflowClient,
        window: timedelta,
        cool_down: timedelta,
    ) -> None:
        """`airflow` is a client that has not logged in yet."""
        self.problem, self.deployment, self.airflow = problem, deployment, airflow
        self.window, self.cool_down = window, cool_down
        self.trainings: list[str] = []

    @property
    def registry(self) -> Registry:
        """The bundles."""
        from model.registry import Registry  # noqa: PLC0415 - costs numpy and ONNX Runtime

        return Registry(self.deployment.artifacts_dir, self.problem.contract.name)

    # -------------------------------------------------------------------------------------------- the acts

    def first_training(self, logs: Path) -> None:
        """A champion is trained, promoted and served."""
        wait_for_airflow(self.airflow, {TRAINING, BATCH, MONITORING}, logs)
        say("1. Airflow and the service are up; the first training")
        self.trainings.append(run_dag(self.airflow, self.deployment, TRAINING, {"reason": "the loop's first"}))
        champion = self.registry.champion()

        def serves() -> str:
            ready = httpx.get(f"{self.deployment.service_url}/health/ready", trust_env=False)
            return "" if ready.is_success and ready.json()["version"] == champion else f"it says {ready.text[:200]}"

        wait_until("the service", serves, SECONDS_UNTIL_SERVED)
        held(f"the service serves the first champion, {champion}")

    def all_is_quiet(self, traffic: Traffic) -> None:
        """Of traffic like the training rows, whose truth has come, nothing asks for a training."""
        say(f"2. traffic begins: {traffic.world.said}; its truth comes over HTTP, every fourth row's by file")
        self._until_complete(windows=2)
        decided = self._monitor(traffic)
        check(
            decided.action == "keep" and decided.reason.startswith(QUIET), "it looked, and nothing asks for a training"
        )
        self._no_training("none has started")

    def the_world_changes(self, traffic: Traffic) -> Decided:
        """Monitoring decides to train again, and says why."""
        may_train = self._made(self.registry.champion()) + self.cool_down
        say(f"3. traffic goes on as it is until the first bundle's cool-down nears its end, {may_train:%H:%M:%S} UTC")
        sleep_until(may_train - 2 * self.window)
        traffic.world = self.changed
        say(f"   the world changes: {traffic.world.said}")
        self._until_complete(windows=1)
        sleep_until(may_train)
        for _ in range(MOST_WINDOWS):
            decided = self._monitor(traffic)
            if decided.retrain:
                held(f"it decided to train again, of {decided.version}, for these reasons")
                return decided
            show("not yet: its policy wants more evidence")
            self._until_complete(windows=0)
        raise NotRight(f"the world has changed, and {MOST_WINDOWS} runs of {MONITORING} did not decide to train again")

    def one_training(self, traffic: Traffic, decided: Decided) -> str:
        """Exactly one training starts, by the event; its bundle becomes champion. Returns its version."""
        say(f"4. the asset event `retraining` starts {TRAINING}")
        before = self.registry.champion()
        (started,) = self._started()
        show(f"run {started.run} ({started.kind})")
        follow(self.airflow, self.deployment, TRAINING, started.run)
        self.trainings.append(started.run)
        events = self.airflow.started_by(TRAINING, started.run)
        by = [(event["source_dag_id"], event["extra"].get("reason")) for event in events]
        check(by == [(MONITORING, decided.reason)], f"it was started by one event, of {MONITORING}, with its reason")
        self._no_training("no other one has started")
        version, entry = self.registry.champion(), self.registry.history()[-1]
        check(version != before, f"the gate promoted {version}: {self._compared(version)}")
        check(
            (entry["version"], entry["who"], entry["why"]) == (version, MONITORING, decided.reason),
            f"the audit has its reason, and who decided it: {entry['who']}",
        )
        show(f"traffic meanwhile: {told(traffic)}")
        return version

    def the_service_answers(self, traffic: Traffic, version: str) -> None:
        """Answers bear the new version."""
        say("5. the service takes the new champion up")
        wait_until(
            "the new champion",
            lambda: "" if traffic.versions[version] else f"no answer bears {version} yet: {told(traffic)}",
            SECONDS_UNTIL_SERVED,
        )
        held(f"answers bear X-Model-Version: {version}; {told(traffic)}")

    def another_alarm(self, traffic: Traffic, version: str) -> None:
        """In the cool-down an alarm starts no training."""
        traffic.world = self.changed_again
        say(f"6. the world changes again, in the cool-down: {traffic.world.said}")
        self._until_complete(windows=1)
        for _ in range(MOST_WINDOWS):
            decided = self._monitor(traffic)
            if not decided.reason.startswith(QUIET):
                break
            show("not yet: its policy wants more evidence")
            self._until_complete(windows=0)
        is_hindered = (decided.action, decided.version) == ("keep", version) and HINDERED in decided.reason
        check(is_hindered, f"it keeps {version} although there is an alarm, for the cool-down")
        self._no_training("the alarm has started no training")

    def nothing_failed(self, traffic: Traffic) -> None:
        """Every request was answered."""
        say("7. all that was asked")
        check(not traffic.failures, f"{told(traffic)}, the slowest in {traffic.slowest:.2f} s")

    def the_page_tells(self, version: str, decided: Decided) -> None:
        """The dashboard, where the service has one, shows the version and the decision's sentence."""
        say("8. the dashboard tells the story")
        answer = httpx.get(f"{self.deployment.service_url}{DASHBOARD}", trust_env=False, timeout=30)
        if answer.status_code == httpx.codes.NOT_FOUND:
            show(f"not looked at: this service has no {DASHBOARD} yet")
            return
        check(answer.is_success, f"{DASHBOARD} answers with status {answer.status_code}")
        check(shows(answer.text, version), f"{DASHBOARD} shows the new version, {version}")
        check(shows(answer.text, first_sentence(decided.reason)), f"{DASHBOARD} says why it was trained")

    # ------------------------------------------------------------------------------------- what they need

    def _monitor(self, traffic: Traffic) -> Decided:
        """One run of DAG 3_monitoring, and what it decided."""
        file = self.deployment.data_dir / "truth" / f"{datetime.now(UTC):%H%M%S}.csv"
        show(f"truth of {traffic.write_truth(file)} rows by file, {file.name}")
        run = run_dag(self.airflow, self.deployment, MONITORING, {})
        (event,) = [one for one in self.airflow.asset_events("decisions") if one["source_run_id"] == run]
        decided = _decided(event["extra"])
        show(f"{decided.action}: {decided.reason}")
        return decided

    def _until_complete(self, windows: int) -> None:
        """Until so many windows that begin from now on have ended (0: the one that goes on now), and are stored."""
        number = (datetime.now(UTC) - datetime.fromtimestamp(0, UTC)) // self.window
        sleep_until(datetime.fromtimestamp(0, UTC) + (number + 1 + windows) * self.window + IN_STORE)

    def _made(self, version: str) -> datetime:
        from model.bundle import read_manifest  # noqa: PLC0415 - costs numpy

        return read_manifest(self.registry.root / version).created_at

    def _compared(self, version: str) -> str:
        from model.bundle import read_manifest  # noqa: PLC0415 - costs numpy

        found: Mapping[str, Any] = read_manifest(self.registry.root / version).facts.comparison or {}
        return (
            "{measure} better by {gain:.3f} [{low:.3f}, {high:.3f}] on the same held-out rows".format(**found)
            if found
            else "not compared"
        )

    def _started(self) -> list[RunState]:
        """The runs of the training that are new, once there is one."""

        def new() -> list[RunState]:
            return [run for run in self.airflow.runs(TRAINING) if run.run not in self.trainings]

        wait_until(TRAINING, lambda: "" if new() else "no run has started", SECONDS_UNTIL_STARTED)
        found = new()
        check([run.kind for run in found] == ["asset_triggered"], f"{len(found)} run has started, by the event")
        return found

    def _no_training(self, said: str) -> None:
        time.sleep(SECONDS_IN_WHICH_NOTHING_STARTS)
        runs = [run.run for run in self.airflow.runs(TRAINING)]
        check(runs == self.trainings, f"{said}: {TRAINING} has {len(runs)} runs")


def _decided(extra: Mapping[str, Any]) -> Decided:
    return Decided(extra["action"], extra["retrain"], extra.get("version", ""), extra["reason"])


def first_sentence(reasons: str) -> str:
    """The first of several reasons, without its full stop."""
    return reasons.split(". ", maxsplit=1)[0].removesuffix(".")


def shows(page: str, text: str) -> bool:
    """Whether a page of HTML holds a text, however its lines are broken."""
    return " ".join(text.split()) in " ".join(html.unescape(page).split())


def told(traffic: Traffic) -> str:
    """How the requests ended, in words."""
    answered = ", ".join(f"{count} by {version}" for version, count in sorted(traffic.versions.items()))
    failed = sum(traffic.failures.values())
    how = f" ({traffic.failures.most_common(1)[0][0]})" if failed else ""
    return f"{sum(traffic.versions.values())} requests answered ({answered}), {failed} failed{how}"


def check(holds: bool, said: str) -> None:  # noqa: FBT001 - what is checked, like an assertion's
    """Say what held, or raise NotRight."""
    if not holds:
        raise NotRight(f"does not hold: {said}")
    held(said)


def held(said: str) -> None:
    """Say what held."""
    show(f"HELD  {said}")


def sleep_until(moment: datetime) -> None:
    """Until then, by this machine's clock."""
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))
