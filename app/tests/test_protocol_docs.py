"""docs/protocols.md shows requests that are answered, and they all mean the same row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from protocol_service import speaking

from app.protocols import get_prediction
from app.testing import Service

PAGE = Path(__file__).resolve().parents[2] / "docs" / "protocols.md"
SHOWN = re.findall(r"```\nPOST (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL) if PAGE.exists() else []
PREDICTIONS = [(path, body) for path, body in SHOWN if path != "/ground_truth"]
TRUTHS = [body for path, body in SHOWN if path == "/ground_truth"]

pytestmark = pytest.mark.skipif(not SHOWN, reason="needs the checkout: its docs/")


@pytest.fixture(scope="module")
def service(bundles: Callable[[str], Path]) -> Iterator[Service]:
    """A service that speaks every protocol."""
    with speaking(bundles) as service_of:
        yield service_of("reggaeton")


def test_the_page_shows_every_protocol() -> None:
    assert {path for path, _ in PREDICTIONS} == {"/get_prediction", "/v2/models/reggaeton/infer", "/invocations"}


def test_every_request_that_is_shown_is_answered_alike(service: Service) -> None:
    label = None
    for path, body in PREDICTIONS:
        if path == "/get_prediction":
            answer = service.predict({"data": get_prediction.columns(body.encode())})
            said = answer.json()["prediction"]
        else:
            answer = service.client.post(path, content=body, headers={"Content-Type": "application/json"})
            said = answer.json()["predictions" if path == "/invocations" else "outputs"][0]
            said = said["data"][0] if isinstance(said, dict) else said
        assert answer.status_code == 200
        label = said if label is None else label
        assert said == label


def test_every_truth_that_is_shown_is_accepted(service: Service) -> None:
    assert [service.client.post("/ground_truth", content=body).status_code for body in TRUTHS] == [202, 202]
