"""A new champion takes the old one's place while requests are being answered; a bad one does not."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.testing import Service, serve
from model.contract import Contract
from model.contracts import find
from model.derived.encoding import encode
from model.derived.request import parse, request_model
from model.registry import Registry

CLIENTS = 4
SWAPS = 12

only_reggaeton = pytest.mark.parametrize("contract", [find("reggaeton").contract], ids=["reggaeton"])
Request = dict[str, dict[str, list[Any]]]


@pytest.fixture
def service(own_service: Service) -> Service:
    """Here every test changes champions."""
    return own_service


def other_version(registry: Registry) -> str:
    return next(version for version in registry.versions() if version != registry.champion())


def serves(version: str) -> Callable[[dict[str, Any]], bool]:
    return lambda said: bool(said["version"] == version)


def write_champion(registry: Registry, version: str) -> None:
    """Name a champion behind the registry's back, which itself promotes nothing that does not load."""
    registry.root.mkdir(parents=True, exist_ok=True)
    temporary = registry.root / ".champion"
    temporary.write_text(f"{version}\n")
    temporary.replace(registry.champion_file)


def damage(registry: Registry, version: str) -> None:
    file = registry.root / version / "model.onnx"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


class Asking(threading.Thread):
    """A client that asks without a pause; keeps each answer's status, version and prediction."""

    def __init__(self, service: Service, body: Request) -> None:
        super().__init__()
        self.service, self.body = service, body
        self.enough = threading.Event()
        self.answers: list[tuple[int, str, Any]] = []

    def run(self) -> None:
        """Ask until it is enough."""
        with httpx.Client(base_url=self.service.client.base_url, timeout=60, trust_env=False) as client:
            while not self.enough.is_set():
                answer = client.post("/get_prediction", json=self.body)
                said = answer.json().get("prediction")
                self.answers.append((answer.status_code, answer.headers["X-Model-Version"], said))


def test_swaps_under_load_fail_no_request_and_mix_no_versions(
    service: Service, contract: Contract, example: Request
) -> None:
    registry, versions = service.registry, service.registry.versions()
    rows = {"data": {name: values * 2 for name, values in example["data"].items()}}
    expected = {}
    for version in versions:
        parsed = parse(request_model(contract), json.dumps(rows).encode())
        expected[version] = registry.load(version).predict(encode(contract, parsed.columns)).labels
    clients = [Asking(service, rows) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for version in itertools.islice(itertools.cycle([other_version(registry), registry.champion()]), SWAPS):
        registry.promote(version, who="test", why="swap under load")
        service.until(serves(version))
    for client in clients:
        client.enough.set()
        client.join()
    answers = [answer for client in clients for answer in client.answers]
    assert {status for status, _, _ in answers} == {200}
    assert {version for _, version, _ in answers} == set(versions)
    assert all(said == expected[version] for _, version, said in answers)


@only_reggaeton
def test_a_damaged_champion_is_refused_and_the_old_one_goes_on(
    service: Service, example: Request, capsys: pytest.CaptureFixture[str]
) -> None:
    registry, old = service.registry, service.registry.champion()
    damaged = other_version(registry)
    damage(registry, damaged)
    write_champion(registry, damaged)
    said = service.until(lambda said: said["refused"] is not None)
    assert said["version"] == old
    assert (said["refused"]["version"], said["refused"]["code"]) == (damaged, "bundle_damaged")
    assert service.predict(example).headers["X-Model-Version"] == old
    assert f"Version {damaged} was refused" in service.client.get("/").text
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    (line,) = [line for line in lines if line["event"] == "champion refused"]
    assert (line["version"], line["kept"], line["level"]) == (damaged, old, "error")
    assert "model.onnx" in line["reason"]


@only_reggaeton
def test_a_refusal_is_forgotten_when_the_champion_is_good_again(service: Service) -> None:
    registry, old = service.registry, service.registry.champion()
    write_champion(registry, "no-such-version")
    assert service.until(lambda said: said["refused"] is not None)["refused"]["version"] == "no-such-version"
    write_champion(registry, old)
    assert service.until(lambda said: said["refused"] is None)["version"] == old


@pytest.mark.parametrize("named", ["", "no-such-version", "../reggaeton", "/etc", ".", "x" * 5_000, "a\x00b"], ids=repr)
@only_reggaeton
def test_a_champion_file_that_names_nonsense_is_refused(service: Service, named: str) -> None:
    old = service.registry.champion()
    write_champion(service.registry, named)
    assert service.until(lambda said: said["refused"] is not None)["version"] == old


@only_reggaeton
def test_a_champion_file_that_cannot_be_read_changes_nothing(
    artifacts: Path, example: Request, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve(artifacts, "reggaeton", log_level="warning") as service:
        service.registry.champion_file.unlink()
        service.registry.champion_file.mkdir()
        while "the champion file cannot be read" not in capsys.readouterr().out:
            assert service.predict(example).status_code == 200


@only_reggaeton
def test_a_bundle_of_another_contract_is_refused(artifacts: Path) -> None:
    shutil.copytree(artifacts / "reggaeton", artifacts / "other")
    with serve(artifacts, "other") as service:
        answer = service.client.get("/health/ready")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "bundle_damaged")


@only_reggaeton
def test_the_first_champion_is_taken_up_without_a_restart(
    bundles: Callable[[str], Path], tmp_path: Path, example: Request
) -> None:
    with serve(tmp_path, "reggaeton") as service:
        assert service.predict(example).status_code == 503
        shutil.copytree(bundles("reggaeton") / "reggaeton", tmp_path / "new")
        (tmp_path / "new").rename(tmp_path / "reggaeton")
        service.until(lambda said: said.get("status") == "ready")
        assert service.predict(example).status_code == 200


@only_reggaeton
def test_a_champion_that_was_damaged_at_the_start_is_tried_again(
    artifacts: Path, bundles: Callable[[str], Path], example: Request
) -> None:
    registry = Registry(artifacts, "reggaeton")
    champion = registry.champion()
    damage(registry, champion)
    with serve(artifacts, "reggaeton", retry_seconds=0) as service:
        assert service.client.get("/health/ready").json()["error"]["code"] == "bundle_damaged"
        assert service.predict(example).json()["error"]["code"] == "no_champion"
        good = bundles("reggaeton") / "reggaeton" / champion / "model.onnx"
        (registry.root / champion / "model.onnx").write_bytes(good.read_bytes())
        service.until(lambda said: said.get("status") == "ready")
