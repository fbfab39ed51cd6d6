"""`?explain=true` tells what each column contributed, beside the answer that is given anyway."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from app.batcher import Batcher
from app.errors import Overloaded
from app.explainer import MOST_ROWS, Explainer, price
from app.lane import Lane
from app.meter import Meter
from app.recorder import recorder_of
from app.settings import ServiceSettings
from app.testing import Service
from model.contract import Contract
from model.explanation import evaluations

ASK = "/get_prediction?explain=true"


def scores(service: Service, contract: Contract, example: Any) -> list[float]:
    """The scores of an example, by the protocol that tells them."""
    if not contract.target.labels:
        return [service.predict(example).json()["prediction"]]
    by_class = service.client.post("/get_prediction?probabilities=true", json=example).json()["probabilities"]
    positive = str(contract.target.classes[-1])
    return [by_class[positive] if contract.target.task == "binary" else max(by_class.values())]


def query(contract: Contract) -> str:
    return ASK if not contract.target.labels else f"{ASK}&probabilities=true"


def test_contributions_add_up_to_the_score_the_largest_first(
    service: Service, contract: Contract, example: Any
) -> None:
    answer = service.client.post(ASK, json=example)
    assert answer.status_code == 200, answer.text
    told = answer.json()["explanations"]
    shares = [share["contribution"] for share in told["contributions"]]
    assert {share["column"] for share in told["contributions"]} == set(contract.feature_names)
    assert [abs(share) for share in shares] == sorted(map(abs, shares), reverse=True)
    (score,) = scores(service, contract, example)
    assert told["base"] + sum(shares) == pytest.approx(score, abs=1e-9)
    assert answer.json()["prediction"] == service.predict(example).json()["prediction"]
    assert service.client.post(ASK, json=example).json() == answer.json(), "asked again, the same"


def test_each_of_several_rows_in_any_form_is_explained(service: Service, contract: Contract, example: Any) -> None:
    one = service.client.post(query(contract), json=example).json()
    several = {"data": {name: values * 3 for name, values in example["data"].items()}}
    answer = service.client.post(query(contract), json=several).json()
    assert answer == {name: [value] * 3 for name, value in one.items()}
    scalars = {"data": {name: values[0] for name, values in example["data"].items()}}
    assert service.client.post(query(contract), json=scalars).json() == one


def test_more_than_ten_rows_are_refused_and_nothing_is_kept(service: Service, example: Any) -> None:
    many = {"data": {name: values * (MOST_ROWS + 1) for name, values in example["data"].items()}}
    answer = service.client.post(ASK, json=many)
    assert answer.status_code == 422
    assert answer.json()["error"]["fields"][0]["field"] == "query.explain"
    assert "X-Prediction-ID" not in answer.headers
    assert "explanations" not in service.client.post("/get_prediction?explain=false", json=many).json()


def test_rows_that_break_the_contract_and_queries_that_cannot_be_read_are_named(service: Service, example: Any) -> None:
    broken = {"data": {**example["data"], "no such column": [1]}}
    assert service.client.post(ASK, json=broken).status_code == 422
    assert service.client.post("/get_prediction?explain=yes", json=example).status_code == 422


def test_an_explanation_is_priced_by_its_rows_and_refused_when_too_much_waits(service: Service) -> None:
    meter = Meter()
    recorder = recorder_of(ServiceSettings(log="off"), meter)
    lane = Lane(service.app.state.predictor, recorder, Batcher(recorder, meter), meter)
    serving = lane.predictor.serving()
    sample = serving.bundle.sample
    each = evaluations(sample.shape[1], len(sample)) * serving.row_seconds
    assert price(serving, 1) == pytest.approx(each)
    assert price(serving, 10**9) == pytest.approx(MOST_ROWS * each)
    explainer = Explainer(lane)
    explainer._waiting = 10.0
    assert not explainer._is_full(1.0), "what is alone is never too much"

    async def busy() -> None:
        await explainer._thread.acquire()
        await explainer.explain(serving, b"{}")

    with pytest.raises(Overloaded):
        anyio.run(busy)
    assert meter.refused["overloaded"] == 1
