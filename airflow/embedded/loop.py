"""`make loop-demo`: the closed loop, with a real Airflow and the real service, as it closes.

Train, serve, and let the world change under live traffic: monitoring sees it, decides to train again, exactly one
training starts by that decision, the gate promotes what it made, and the service answers with it without a failed
request; another alarm in the cool-down starts none. Each step is printed with its evidence. `--exit` ends after the
last one, with status 0 only when all of them held.

Time is short here: a day of monitoring's windows lasts some seconds. Nothing else is: the clocks, the schedules'
tasks, the requests, the truth and the thresholds are real, and the moments are those at which things happened.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from acts import Loop
from client import AirflowClient
from console import say, show
from deployment import PASSWORD, USER, Deployment
from inputs import fill
from session import clear_machine, hold, prepare_database, status_of
from traffic import Traffic

if TYPE_CHECKING:
    from supervisor import Supervisor

    from model.contracts import Problem

ROOT = Path(__file__).resolve().parent.parent.parent
CONTRACT = "reggaeton"  # the streams are this problem's
OWN_FOLDER = ROOT / "airflow" / "home" / "loop"
OWN = ("data", "artifacts", "spool", "logs")
SECONDS_A_DAY = 20.0
SECONDS_OF_COOL_DOWN = 180.0
SECONDS_AN_HOUR = 3600.0


def settings(day: float, cool_down: float) -> dict[str, str]:
    """What differs from a deployment's defaults: how long a window and the cool-down are, and how thoroughly it trains.

    day, cool_down: in seconds. Three windows in a row, 200 predictions and all thresholds stay the defaults.
    """
    return {
        "MODEL_MONITOR_WINDOW_HOURS": repr(day / SECONDS_AN_HOUR),
        "MODEL_RETRAIN_COOL_DOWN_HOURS": repr(cool_down / SECONDS_AN_HOUR),
        # Runs are started when there is something to see; by the clock one would come in between.
        "MODEL_MONITOR_SCHEDULE": "@yearly",
        "MODEL_CV_REPEATS": "1",
    }


def deploy(arguments: argparse.Namespace) -> Deployment:
    """An Airflow, a service, data and bundles of its own: nothing of the project's or of the user's is touched."""
    return Deployment(
        root=ROOT,
        contract=CONTRACT,
        contract_name=CONTRACT,
        data_dir=OWN_FOLDER / "data",
        artifacts_dir=OWN_FOLDER / "artifacts",
        airflow_port=arguments.airflow_port,
        service_port=arguments.service_port,
        own=OWN_FOLDER,
        settings=settings(arguments.day, arguments.cool_down),
    )


def prepare(problem: Problem, deployment: Deployment) -> None:
    """A new world each time: what an earlier loop left would be evidence in this one."""
    clear_machine(deployment)
    for name in OWN:
        shutil.rmtree(OWN_FOLDER / name, ignore_errors=True)
    for file in deployment.home.glob("airflow.db*"):
        file.unlink()
    deployment.prepare()
    (deployment.data_dir / "truth").mkdir()
    say(fill(problem, deployment.data_dir))
    say(prepare_database(deployment))


def tell(problem: Problem, deployment: Deployment, arguments: argparse.Namespace, supervisor: Supervisor) -> None:
    """The acts, in order. Raises NotRight at the first that does not hold."""
    say(f"time is short here: a window of monitoring lasts {arguments.day:g} s instead of a day,")
    show(f"and no training follows another within {arguments.cool_down:g} s instead of 72 hours; all else is real")
    day, cool_down = timedelta(seconds=arguments.day), timedelta(seconds=arguments.cool_down)
    with AirflowClient(deployment.airflow_url, USER, PASSWORD) as airflow:
        loop = Loop(problem, deployment, airflow, day, cool_down)
        loop.first_training(supervisor.logs)
        with Traffic(deployment.service_url, problem.contract, loop.usual) as traffic:
            loop.all_is_quiet(traffic)
            decided = loop.the_world_changes(traffic)
            version = loop.one_training(traffic, decided)
            loop.the_service_answers(traffic, version)
            loop.another_alarm(traffic, version)
            loop.nothing_failed(traffic)
        loop.the_page_tells(version, decided)
    tell_places(deployment)


def tell_places(deployment: Deployment) -> None:
    """Where to look while it is up."""
    runs = f"http://localhost:{deployment.airflow_port}/dags"
    places = {
        "decisions": f"{runs}/3_monitoring   user {USER}, password {PASSWORD}",
        "training": f"{runs}/1_training_pipeline",
        "service": f"http://localhost:{deployment.service_port}   /dashboard, /metrics",
        "figures": f"tables measures_{CONTRACT} and decisions_{CONTRACT} in {deployment.predictions_url}",
        "audit": f"{deployment.artifacts_dir / CONTRACT / 'history.jsonl'}",
        "logs": deployment.logs,
    }
    say()
    for name, place in places.items():
        show(f"{name:<12}{place}")
    say()


def run(arguments: argparse.Namespace) -> int:
    """The loop; returns the exit status."""
    from model.contracts import find  # noqa: PLC0415 - the errors of a contract are this program's to tell

    problem, deployment = find(CONTRACT), deploy(arguments)
    return hold(
        deployment,
        partial(prepare, problem, deployment),
        partial(tell, problem, deployment, arguments),
        leave=arguments.exit,
    )


def parse(words: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exit", action="store_true", help="end after the last act instead of staying up")
    parser.add_argument("--airflow-port", type=int, default=8080, help="of the Airflow UI (8080)")
    parser.add_argument("--service-port", type=int, default=8090, help="of the prediction service (8090)")
    parser.add_argument("--day", type=float, default=SECONDS_A_DAY, help="seconds of a window (20)")
    parser.add_argument("--cool-down", type=float, default=SECONDS_OF_COOL_DOWN, help="seconds without training (180)")
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """The exit status: 0 when all held (or ended by Ctrl-C while up), 1 when not, 128 + signal when ended before."""
    arguments = parse(words)
    return status_of("loop-demo", partial(run, arguments))


if __name__ == "__main__":
    sys.exit(main())
