"""What is answered is in the spool before the answer leaves; what cannot be kept is not answered."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import behind
from app import log as log_module
from app.testing import Service, serve
from model.contract import Contract
from model.contracts import find
from model.errors import SpoolBroken, SpoolFull, StoreError
from model.spool import SpoolWriter

only_reggaeton = pytest.mark.parametrize("contract", [find("reggaeton").contract], ids=["reggaeton"])

Example = dict[str, dict[str, list[Any]]]


def spooled(folder: Path) -> list[dict[str, Any]]:
    """All records of a spool with their contract, oldest first, read as anybody could: SQLite and JSON."""
    query = "SELECT fingerprint, body FROM groups JOIN contracts ON contracts.id = contract ORDER BY sequence"
    found = []
    for segment in sorted(folder.glob("*.spool")):
        with sqlite3.connect(segment) as connection:
            groups = connection.execute(query).fetchall()
        connection.close()
        found += [{**record, "contract": contract} for contract, body in groups for record in json.loads(body)]
    return found


def three(example: Example) -> Example:
    return {"data": {name: values * 3 for name, values in example["data"].items()}}


@pytest.mark.parametrize("log", ["durable", "async"])
def test_every_prediction_is_kept_as_it_was_sent_and_answered(
    artifacts: Path, contract: Contract, example: Example, tmp_path: Path, log: str
) -> None:
    keyed = {"data": {**example["data"], contract.key.name: ["k-1"]}}
    row = {"data": {name: values[0] for name, values in example["data"].items()}}
    spool = tmp_path / "spool"
    with serve(artifacts, contract.name, log=log, spool_dir=spool) as service:
        sent = [
            (body, service.client.post("/get_prediction", json=body)) for body in (example, keyed, three(example), row)
        ]
        assert [answer.status_code for _, answer in sent] == [200] * 4
        version = service.registry.champion()
    records = spooled(spool)
    assert [record["id"] for record in records] == [answer.headers["X-Prediction-ID"] for _, answer in sent]
    for record, (body, answer) in zip(records, sent, strict=True):
        labels = answer.json()["prediction"]
        assert record["labels"] == (labels if isinstance(labels, list) else [labels])
        assert record["request"] == (example if body is row else body)
        assert (record["version"], record["contract"]) == (version, contract.fingerprint)
        assert record.get("request_id", record["id"]) in {record["id"], answer.headers["X-Request-ID"]}
        assert len(record["scores"]) == len(record["labels"])
        assert abs(record["at"] / 1e9 - time.time()) < 600
        assert record["us"] >= 0


@only_reggaeton
def test_what_was_answered_is_committed_already(artifacts: Path, example: Example, tmp_path: Path) -> None:
    with serve(artifacts, "reggaeton", log="durable", spool_dir=tmp_path / "spool") as service:
        for _ in range(5):
            answer = service.predict(example)
            assert spooled(tmp_path / "spool")[-1]["id"] == answer.headers["X-Prediction-ID"]


@only_reggaeton
def test_without_a_log_nothing_is_kept(artifacts: Path, example: Example, tmp_path: Path) -> None:
    with serve(artifacts, "reggaeton", log="off", spool_dir=tmp_path / "spool") as service:
        assert service.predict(example).status_code == 200
    assert not (tmp_path / "spool").exists()


@only_reggaeton
def test_answers_of_many_clients_share_commits(artifacts: Path, example: Example, tmp_path: Path) -> None:
    ids: list[str] = []

    def ask(service: Service) -> None:
        ids.extend(service.predict(example).headers["X-Prediction-ID"] for _ in range(25))

    with serve(artifacts, "reggaeton", log="durable", spool_dir=tmp_path / "spool") as service:
        asking = [threading.Thread(target=ask, args=(service,)) for _ in range(8)]
        for one in asking:
            one.start()
        for one in asking:
            one.join()
    assert sorted(record["id"] for record in spooled(tmp_path / "spool")) == sorted(ids)


class Failing:
    """A spool that fails, or holds up a commit."""

    error: StoreError | Exception | None = None
    let_go: Callable[[], Any] = staticmethod(lambda: None)
    made = 0
    unflushable: int | None = None

    def __init__(self, folder: Path, **named: Any) -> None:
        type(self).made += 1
        self.kept = SpoolWriter(folder, **named)

    def commit(self, contract: Contract, group: bytes, kind: int) -> None:
        """Fail as told."""
        self.append(contract, group, kind)

    def append(self, contract: Contract, group: bytes, kind: int) -> int:
        """Fail as told, or let the flush fail."""
        type(self).let_go()
        if self.error is not None:
            raise self.error
        descriptor = self.kept.append(contract, group, kind)
        return descriptor if self.unflushable is None else self.unflushable

    def is_quick(self, size: int) -> bool:
        """As it is."""
        return self.kept.is_quick(size)

    def flush_failed(self, error: OSError) -> SpoolBroken:
        """As it is."""
        return self.kept.flush_failed(error)

    def close(self) -> None:
        """Close what is behind."""
        self.kept.close()


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> type[Failing]:
    """The spool of the services that a test starts."""
    one = type("OneFailing", (Failing,), {})
    monkeypatch.setattr(log_module, "SpoolWriter", one)
    monkeypatch.setattr(log_module, "SECONDS_UNTIL_TRIED_AGAIN", 0.2)
    return one


@pytest.mark.parametrize(
    ("error", "code", "writers"),
    [
        (SpoolBroken("fsync failed"), "spool_broken", 2),
        (SpoolFull("full"), "spool_full", 1),
        (RuntimeError("secret"), "store_error", 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
@only_reggaeton
def test_what_cannot_be_kept_is_not_answered_until_it_can_be_again(
    artifacts: Path, example: Example, tmp_path: Path, failing: type[Failing], error: Exception, code: str, writers: int
) -> None:
    with serve(artifacts, "reggaeton", log="durable", spool_dir=tmp_path / "spool", log_level="error") as service:
        assert service.predict(example).status_code == 200
        failing.error = error
        for body in (example, three(example)):
            refused = service.predict(body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, code)
            assert refused.headers["Retry-After"] == "1"
            assert "secret" not in refused.text
        assert service.client.get("/health/ready").json()["error"]["code"] == code
        assert service.client.get("/health/live").status_code == 200
        failing.error = None
        said = service.until(lambda ready: ready.get("status") == "ready")
        assert said["log"] == "durable"
        assert service.predict(example).status_code == 200
    # On a slow machine it is tried again between two requests, each time with another writer.
    assert min(failing.made, 2) == writers
    assert len(spooled(tmp_path / "spool")) == 2


@only_reggaeton
def test_what_was_written_but_not_flushed_is_not_answered(
    artifacts: Path, example: Example, tmp_path: Path, failing: type[Failing]
) -> None:
    pipe = os.pipe()  # which no fdatasync can flush
    with serve(artifacts, "reggaeton", log="durable", spool_dir=tmp_path / "spool", log_level="error") as service:
        assert service.predict(example).status_code == 200
        failing.unflushable = pipe[1]
        refused = service.predict(example)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "spool_broken")
        failing.unflushable = None
        service.until(lambda ready: ready.get("status") == "ready")
        assert service.predict(example).status_code == 200
    assert failing.made >= 2, "after a failed flush no later one on the same file is believed"
    for descriptor in pipe:
        os.close(descriptor)


@only_reggaeton
def test_written_behind_what_is_too_much_is_dropped_and_counted(
    artifacts: Path, example: Example, tmp_path: Path, failing: type[Failing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behind, "MOST_BEHIND", 2)
    held = threading.Event()
    failing.let_go = held.wait
    with serve(artifacts, "reggaeton", log="async", spool_dir=tmp_path / "spool") as service:
        for _ in range(10):
            assert service.predict(example).status_code == 200
        counted = dropped(service)
        assert counted >= 7
        held.set()
    assert len(spooled(tmp_path / "spool")) == 10 - counted


@only_reggaeton
def test_written_behind_a_failing_disk_is_counted_and_nobody_is_refused(
    artifacts: Path, example: Example, tmp_path: Path, failing: type[Failing]
) -> None:
    failing.error = SpoolFull("full")
    with serve(artifacts, "reggaeton", log="async", spool_dir=tmp_path / "spool", log_level="error") as service:
        for _ in range(5):
            assert service.predict(example).status_code == 200
        while dropped(service) < 5:
            time.sleep(0.01)
        assert service.client.get("/health/ready").status_code == 200


def dropped(service: Service) -> int:
    text = service.client.get("/metrics").text
    (line,) = [line for line in text.splitlines() if line.startswith("service_log_records_dropped_total ")]
    return int(float(line.rpartition(" ")[2]))
