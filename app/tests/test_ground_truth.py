"""`POST /ground_truth` keeps what the contract allows, names what it does not, and it all comes into the store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.testing import Service, serve
from model.contract import Contract
from model.contracts import find
from model.spool import segment
from model.spool.reader import Reader

only_reggaeton = pytest.mark.parametrize("contract", [find("reggaeton").contract], ids=["reggaeton"])
Field = dict[str, str]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """The folder in which what was said waits."""
    return tmp_path / "spool"


@pytest.fixture
def truthful(bundles: Callable[[str], Path], contract: Contract, spool: Path) -> Iterator[Service]:
    """A service with a spool of the test's own, that logs its predictions durably."""
    with serve(bundles(contract.name), contract.name, spool_dir=spool, log="durable") as started:
        yield started


def say(service: Service, asked: Any) -> httpx.Response:
    if isinstance(asked, bytes):
        return service.client.post("/ground_truth", content=asked)
    return service.client.post("/ground_truth", json=asked)


def refused_fields(answer: httpx.Response) -> Field:
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["code"] == "rows_refused"
    return {field["field"]: field["message"] for field in answer.json()["error"]["fields"]}


def values(contract: Contract) -> tuple[Any, Any]:
    """Two values that the target may have."""
    target = contract.target
    return (target.classes[0], target.classes[-1]) if target.labels else (target.minimum, target.maximum)


def shipped(spool: Path, url: str, contract: Contract) -> dict[str, Any]:
    """Ship all that waits; what is true of each prediction then."""
    from model.spool.shipper import Shipper
    from model.store import Store

    with Shipper(spool, url, lambda _: None, threading.Event()) as shipper:
        shipper.ship()
    assert shipper.refused == 0
    with Store(url, contract) as store:
        [found] = store.joined()
    known = found.frame.dropna(subset=["truth"])
    return dict(zip(known["prediction_id"], known["truth"], strict=True))


def test_truth_by_id_and_by_key_comes_into_the_store_and_is_joined(
    truthful: Service, contract: Contract, example: dict[str, dict[str, list[Any]]], spool: Path, tmp_path: Path
) -> None:
    pytest.importorskip("sqlalchemy", reason="the service's own environment has no store")
    first, second = values(contract)
    one = truthful.predict(example).headers["X-Prediction-ID"]
    three = {name: rows * 3 for name, rows in example["data"].items()} | {contract.key.name: ["a", 7, "c"]}
    several = truthful.predict({"data": three}).headers["X-Prediction-ID"]
    said = [{"prediction_id": one, "truth": first}, {"key": "a", "truth": second}, {"key": 7, "truth": first}]
    answer = say(truthful, {"truths": [*said, {"key": "nobody", "truth": first}]})
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 4, "by_prediction_id": 1, "by_key": 3}
    assert say(truthful, {"prediction_id": f"{several}-2", "truth": second}).json()["accepted"] == 1

    url = f"sqlite:///{tmp_path}/predictions.db"
    expected = {one: first, f"{several}-0": second, f"{several}-1": first, f"{several}-2": second}
    assert shipped(spool, url, contract) == expected
    again = say(truthful, {"truths": said})
    assert again.status_code == 202
    assert shipped(spool, url, contract) == expected
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    say(truthful, {"prediction_id": one, "truth": second, "at": later})
    say(truthful, {"prediction_id": one, "truth": first, "at": "2026-01-01T00:00:00Z"})
    assert shipped(spool, url, contract) == expected | {one: second}


def test_every_wrong_field_is_named(service: Service, contract: Contract) -> None:
    good, _ = values(contract)
    wrong = refused_fields(
        say(
            service,
            {
                "truths": [
                    {"key": "a", "truth": "nonsense"},
                    {"key": "b"},
                    {"truth": good},
                    {"key": "d", "prediction_id": "d", "truth": good},
                    {"key": "", "truth": good},
                    {"key": "f", "truth": good, "at": "yesterday"},
                    {"key": "g", "truth": good, "more": 1},
                    {"key": "h", "truth": True},
                    {"key": "i", "truth": None},
                    {"key": "j", "truth": good},
                ]
            },
        )
    )
    names = {name.partition("]")[0] + "]" for name in wrong}
    assert names == {f"truths[{place}]" for place in range(9)}
    assert {"truths[0].truth", "truths[1].truth", "truths[5].at", "truths[6].more", "truths[7].truth"} <= set(wrong)
    assert "either prediction_id or key" in wrong["truths[2]"]


@only_reggaeton
def test_truth_that_contradicts_itself_in_one_request_is_refused_unless_it_says_when(truthful: Service) -> None:
    twice = [{"key": "a", "truth": 1}, {"key": "b", "truth": 1}, {"key": "a", "truth": 0}]
    assert "contradicts truths[0]" in refused_fields(say(truthful, {"truths": twice}))["truths[2].truth"]
    assert say(truthful, {"truths": [*twice[:2], {**twice[2], "at": "2026-01-01T00:00:00Z"}]}).status_code == 202
    assert say(truthful, {"truths": [*twice[:2], twice[0]]}).status_code == 202


BAD: dict[str, Any] = {
    "body": b"no JSON",
    "truths": {"truths": []},
    "truths[0].key": {"truths": [{"key": 10**250, "truth": 1}]},
    "truths[0].at": {"truths": [{"key": "a", "truth": 1, "at": "2999-01-01T00:00:00Z"}]},
    "truths[0]": {"truths": [7]},
    "key": b'{"key": "a", "key": "b", "truth": 1}',
}


@pytest.mark.parametrize("field", BAD)
@only_reggaeton
def test_what_is_no_truth_is_named(service: Service, field: str) -> None:
    assert list(refused_fields(say(service, BAD[field]))) == [field]


@only_reggaeton
def test_a_list_that_is_too_long_is_refused_and_the_longest_is_taken(truthful: Service) -> None:
    said = [{"key": place, "truth": place % 2} for place in range(10_001)]
    assert list(refused_fields(say(truthful, {"truths": said}))) == ["truths"]
    assert say(truthful, {"truths": said[1:]}).json()["accepted"] == 10_000


@only_reggaeton
def test_bodies_are_bounded_and_json_and_another_method_is_told(service: Service) -> None:
    assert say(service, b" " * (1024 * 1024 + 1)).status_code == 413
    assert service.client.post("/ground_truth", content=b"{}", headers={"Content-Type": "text/csv"}).status_code == 415
    assert service.client.get("/ground_truth").status_code == 405


def test_without_a_model_nobody_knows_what_may_be_true(empty_service: Service) -> None:
    answer = say(empty_service, {"key": "a", "truth": 1})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "no_champion"


@only_reggaeton
def test_truth_is_kept_also_where_predictions_are_not(
    bundles: Callable[[str], Path], contract: Contract, spool: Path
) -> None:
    with serve(bundles(contract.name), contract.name, spool_dir=spool, log="off") as started:
        assert say(started, {"key": "a", "truth": 1}).status_code == 202
        with Reader(segment.segments(spool)[0]) as opened:
            assert [group.kind for group in opened.groups(0)] == [1]


@only_reggaeton
def test_truth_that_cannot_be_kept_is_not_accepted(
    bundles: Callable[[str], Path], contract: Contract, spool: Path
) -> None:
    spool.write_text("no folder")
    with serve(bundles(contract.name), contract.name, spool_dir=spool, log="off") as started:
        answer = say(started, {"key": "a", "truth": 1})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "store_error"


def test_the_interface_shows_a_truth_that_is_accepted(truthful: Service, contract: Contract) -> None:
    document = truthful.client.get("/openapi.json").json()
    asked = document["paths"]["/ground_truth"]["post"]["requestBody"]["content"]["application/json"]
    assert say(truthful, asked["example"]).json() == {"accepted": 2, "by_prediction_id": 1, "by_key": 1}
    assert contract.key.example == asked["example"]["truths"][0]["key"]
    assert {"TruthRequest", "TruthStatement"} <= set(document["components"]["schemas"])
