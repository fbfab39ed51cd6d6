"""The clients of others ask the running service, unchanged, and get what /get_prediction answers.

They live in an environment of their own (`.venv-clients`): see `clients/ask.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from protocol_service import speaking

from app.testing import Service
from model.contract import Contract
from model.derived.request import example_request

pytestmark = [pytest.mark.services, pytest.mark.unmeasured]

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(os.environ.get("CLIENTS_PYTHON", ROOT / ".venv-clients" / "bin" / "python"))
ASK = Path(__file__).parent / "clients" / "ask.py"
HOW = "python3 .ci/environment.py .venv-clients app/tests/clients/requirements.txt"
ROWS = 3

Got = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def ask(bundles: Callable[[str], Path]) -> Iterator[Callable[[Contract], tuple[Service, dict[str, Any], Got]]]:
    """Contract -> the service, the rows that were asked, and what the clients got; each contract is asked once."""
    if not PYTHON.exists():
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail(f"{PYTHON} is not there: {HOW}")
        pytest.skip(f"the clients' environment is not there: {HOW}")
    with speaking(bundles) as service_of:
        asked: dict[str, tuple[Service, dict[str, Any], Got]] = {}

        def once(contract: Contract) -> tuple[Service, dict[str, Any], Got]:
            if contract.name not in asked:
                asked[contract.name] = run(service_of(contract.name), contract)
            return asked[contract.name]

        yield once


def run(service: Service, contract: Contract) -> tuple[Service, dict[str, Any], Got]:
    one = example_request(contract)["data"]
    rows = {"data": {name: values * ROWS for name, values in one.items()}}
    for column in contract.columns:
        if column.nullable:
            rows["data"][column.name][1] = None
    done = subprocess.run(
        [str(PYTHON), str(ASK), str(service.client.base_url)],
        input=json.dumps(rows),
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "NO_PROXY": "*"},
    )
    assert done.returncode == 0, done.stderr
    return service, rows, json.loads(done.stdout)


Ask = Callable[[Contract], tuple[Service, dict[str, Any], Got]]


def test_every_client_gets_the_labels_of_get_prediction(ask: Ask, contract: Contract) -> None:
    service, rows, got = ask(contract)
    expected = service.predict(rows).json()["prediction"]
    labels = {f"{client}, {way}": answer["labels"] for client, way, answer in answers(got)}
    assert len(labels) >= 13
    assert labels == dict.fromkeys(labels, expected)


def answers(got: Got) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (client, way, answer)
        for client, ways in got.items()
        for way, answer in ways.items()
        if isinstance(answer, dict) and "labels" in answer
    ]


def test_every_client_gets_the_same_scores_to_the_last_bit(ask: Ask, contract: Contract) -> None:
    _, _, got = ask(contract)
    scores = [answer["scores"] for _, _, answer in answers(got) if "scores" in answer]
    assert len(scores) >= 6
    assert all(one == scores[0] for one in scores)


def test_probabilities_come_where_there_are_classes(ask: Ask, contract: Contract) -> None:
    _, _, got = ask(contract)
    classes = len(contract.target.classes)
    for answer in (got["tritonclient"]["bytes"], got["kserve"]["bytes"], got["kserve"]["json"]):
        shape = answer["probabilities"] and [len(row) for row in answer["probabilities"]]
        assert shape == ([classes] * ROWS if classes else None)
        assert all(sum(row) == pytest.approx(1) for row in answer["probabilities"] or ())


def test_the_clients_find_the_service_ready_and_no_other_model(ask: Ask, contract: Contract) -> None:
    _, _, got = ask(contract)
    for client in (got["tritonclient"], got["kserve"]):
        assert (client["live"], client["ready"], client["model_ready"]) == (True, True, True)
        assert client["other_ready"] is False
    assert got["tritonclient"]["version_ready"] is True


def test_the_clients_see_ids_and_the_version(ask: Ask, contract: Contract) -> None:
    service, _, got = ask(contract)
    champion = service.registry.champion()
    assert got["tritonclient"]["bytes of that version"]["version"] == got["mlflow"]["version"] == champion
    assert (got["tritonclient"]["json"]["id"], got["kserve"]["bytes"]["id"]) == ("triton-1", "kserve-1")
    given = [answer["prediction_id"] for _, _, answer in answers(got) if "prediction_id" in answer]
    assert len(set(given)) == len(given) >= 6


def test_a_refusal_reaches_the_client_as_a_text_that_names_the_column(ask: Ask, contract: Contract) -> None:
    _, _, got = ask(contract)
    refusal = got["tritonclient"]["refusal"]
    assert refusal["status"] == "422"
    assert f"data.{refusal['missing']}: " in refusal["message"]
