"""`make demo`: a whole Airflow and the prediction service on this machine, and one run of each DAG through them.

Everything is real: the DAGs are triggered over HTTP, run by the scheduler, and the answer comes from the service that
took the new champion up. Afterwards all stays up until Ctrl-C; with `--exit` it ends, with status 0 only when both
runs stand as "success" in Airflow's database and the service answered right.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import inputs
import outcome
from client import AirflowClient
from console import say, show
from deployment import PASSWORD, USER, Deployment
from runs import NotRight, check_runs, end_unfinished, run_dag, wait_for_airflow, wait_until
from session import clear_machine, hold, prepare_database, status_of

if TYPE_CHECKING:
    from supervisor import Supervisor

    from model.contracts import Problem

ROOT = Path(__file__).resolve().parent.parent.parent
TRAINING, BATCH = "1_training_pipeline", "2_batch_prediction"
EXPECTED = {"reggaeton": 1}  # what the README promises of the contract's example row
SECONDS_UNTIL_SERVED = 60.0


# ---------------------------------------------------------------------------------------------- start


def deploy(arguments: argparse.Namespace, problem: Problem, contract: str) -> Deployment:
    """Where this demo's Airflow and its data lie."""
    tree = inputs.own_tree(ROOT, arguments.raw) if arguments.raw else inputs.example_tree(ROOT, os.environ)
    return Deployment(
        root=ROOT,
        contract=contract,
        contract_name=problem.contract.name,
        data_dir=tree.data_dir,
        artifacts_dir=tree.artifacts_dir,
        airflow_port=arguments.airflow_port,
        service_port=arguments.service_port,
    )


def prepare(arguments: argparse.Namespace, problem: Problem, deployment: Deployment) -> None:
    """Check the machine, make what is missing, and say what is reused."""
    clear_machine(deployment)
    deployment.prepare()
    if arguments.raw:
        tree = inputs.Tree(deployment.data_dir, deployment.artifacts_dir)
        say(inputs.link_own(problem, tree, arguments.raw))
    else:
        say(inputs.fill(problem, deployment.data_dir))
    say(prepare_database(deployment))


# --------------------------------------------------------------------------------------------- answer


def ask_service(problem: Problem, deployment: Deployment, champion: str) -> None:
    """Ask the service what the README asks it. Raises NotRight when it does not answer as promised."""
    from model.derived.docs import curl  # noqa: PLC0415 - costs the request model
    from model.derived.request import example_request  # noqa: PLC0415

    with httpx.Client(base_url=deployment.service_url, timeout=30, trust_env=False) as service:

        def serves() -> str:
            ready = service.get("/health/ready")
            serving = ready.json().get("version") if ready.is_success else ready.text
            return "" if serving == champion else f"it serves {serving}, not the champion {champion}"

        wait_until("the service", serves, SECONDS_UNTIL_SERVED)
        answer = service.post("/get_prediction", json=example_request(problem.contract))
    say(f"the service serves {champion}; asked as the README does, it answers {answer.text.strip()}")
    show(curl(problem.contract, f"localhost:{deployment.service_port}"))
    _check_answer(problem, answer)


def _check_answer(problem: Problem, answer: httpx.Response) -> None:
    if not answer.is_success or "prediction" not in (said := answer.json()):
        raise NotRight(f"the service answered with status {answer.status_code}: {answer.text[:500]}")
    wanted = EXPECTED.get(problem.contract.name, said["prediction"])
    if said != {"prediction": wanted}:
        raise NotRight(f"the service answered {said}, {{'prediction': {wanted}}} was to be expected")


# ---------------------------------------------------------------------------------------------- story


def tell_champion(problem: Problem, deployment: Deployment, known: set[str]) -> str:
    """Print the champion's measures and what validation found; returns its version. `known`: the earlier bundles."""
    from model.assets import Assets, read_json  # noqa: PLC0415 - costs numpy and ONNX Runtime
    from model.registry import Registry  # noqa: PLC0415

    registry = Registry(deployment.artifacts_dir, problem.contract.name)
    champion = registry.champion()
    came = "reused: it stands since an earlier run" if champion in known else "new"
    say(f"champion {champion} ({came}), with 95 % intervals:")
    for line in outcome.headline(read_json(registry.root / champion / "metrics.json", "train")):
        show(line)
    say("validation of the raw files:")
    for line in outcome.findings(Assets(deployment.data_dir, problem.contract.name).validation):
        show(line)
    return champion


def tell_places(problem: Problem, deployment: Deployment) -> None:
    """The closing block: addresses, where the rows lie, and what to do next."""
    predictions = deployment.data_dir / "batch_predictions" / problem.contract.name
    store = deployment.predictions_url if deployment.predictions_url.startswith("sqlite") else "MODEL_DATABASE_URL"
    places = {
        "Airflow": f"http://localhost:{deployment.airflow_port}   user {USER}, password {PASSWORD}",
        "service": f"http://localhost:{deployment.service_port}   its interface: /docs",
        "predictions": f"{predictions}/*.csv, and the table predictions_{problem.contract.name} in {store}",
        "bundles": deployment.artifacts_dir / problem.contract.name,
        "logs": deployment.logs,
        "your data": "make demo RAW=/folder/with/your/csv/files (and RAW/batch/*.csv to predict)",
        "next": f"put files into {deployment.data_dir / 'batch'}, trigger {BATCH}; or read docs/contract.md",
    }
    say()
    for name, place in places.items():
        show(f"{name:<12}{place}")
    say()


def tell_story(problem: Problem, deployment: Deployment, supervisor: Supervisor) -> None:
    """Everything that is done while the components run. Raises Unready or NotRight."""
    with AirflowClient(deployment.airflow_url, USER, PASSWORD) as airflow:
        wait_for_airflow(airflow, {TRAINING, BATCH}, supervisor.logs)
        say("Airflow and the service are up")
        for dag in (TRAINING, BATCH):
            end_unfinished(airflow, dag)
        known = {path.name for path in (deployment.artifacts_dir / problem.contract.name).glob("[!.]*/")}
        runs = {TRAINING: run_dag(airflow, deployment, TRAINING, {"reason": "make demo"})}
        champion = tell_champion(problem, deployment, known)
        runs[BATCH] = run_dag(airflow, deployment, BATCH, {})
    ask_service(problem, deployment, champion)
    check_runs(deployment, runs)
    tell_places(problem, deployment)


def run(arguments: argparse.Namespace) -> int:
    """The demo; returns the exit status."""
    from model.contracts import find  # noqa: PLC0415 - the errors of a contract are this program's to tell

    contract = _absolute(os.environ.get("MODEL_CONTRACT") or "reggaeton")
    problem = find(contract)
    deployment = deploy(arguments, problem, contract)
    return hold(
        deployment,
        lambda: prepare(arguments, problem, deployment),
        lambda supervisor: tell_story(problem, deployment, supervisor),
        leave=arguments.exit,
    )


def _absolute(contract: str) -> str:
    return str(Path(contract).resolve()) if contract.endswith(".py") else contract


def parse(words: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exit", action="store_true", help="end after the two runs instead of staying up")
    parser.add_argument("--raw", type=_folder, metavar="DIR", help="a folder with your own raw files")
    parser.add_argument("--airflow-port", type=int, default=8080, help="of the Airflow UI (8080)")
    parser.add_argument("--service-port", type=int, default=8090, help="of the prediction service (8090)")
    return parser.parse_args(words)


def _folder(text: str) -> Path:
    path = Path(text).expanduser().resolve()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is no folder")
    return path


def main(words: list[str] | None = None) -> int:
    """The exit status: 0 right (or ended by Ctrl-C while up), 1 not right, 128 + signal when ended before."""
    arguments = parse(words)
    return status_of("demo", lambda: run(arguments))


if __name__ == "__main__":
    sys.exit(main())
