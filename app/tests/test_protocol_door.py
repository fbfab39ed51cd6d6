"""The seam: what the protocols ask of the service, and what they do with its answer."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI
from protocol_cases import ANSWERED, MIXED, ROW

from app import errors
from app.protocols.door import SMALL_BYTES, Answered, Served, translate
from app.protocols.frames import Columns
from app.protocols.tables import add_protocols


class AnotherTookOver:
    """A door behind which the version changes before each answer."""

    max_body_bytes = 10_000

    def __init__(self) -> None:
        self.threads = anyio.CapacityLimiter(1)
        self.asked: list[Columns] = []

    def served(self) -> Served:
        """The version of the moment."""
        return Served(MIXED, f"v{len(self.asked)}")

    async def predict(self, columns: Columns) -> Answered:
        """Answer as the next version."""
        self.asked.append(columns)
        return replace(ANSWERED, version=self.served().version)


def ask(door: AnotherTookOver, path: str, body: Any) -> httpx.Response:
    app = FastAPI(exception_handlers=errors.HANDLERS)
    add_protocols(app, door)

    async def post() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
            return await client.post(path, json=body)

    return anyio.run(post)


TENSORS = {
    "inputs": [
        {"name": name, "datatype": "BYTES" if isinstance(ROW[name], str) else "FP64", "shape": [1], "data": [ROW[name]]}
        for name in MIXED.column_names
        if ROW[name] is not None
    ]
}


def test_a_version_that_was_asked_for_is_never_answered_by_another() -> None:
    door = AnotherTookOver()
    answer = ask(door, "/v2/models/mixed/versions/v0/infer", TENSORS)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert len(door.asked) == 1


def test_without_a_version_the_answer_says_which_one_it_was() -> None:
    answer = ask(AnotherTookOver(), "/v2/models/mixed/infer", TENSORS)
    assert answer.status_code == 200
    assert answer.json()["model_version"] == "v1"


def test_the_door_gets_plain_values_by_column_and_the_key_under_its_name() -> None:
    door = AnotherTookOver()
    keyed = [{**ROW, "row": "k1"}]
    assert ask(door, "/invocations", {"instances": keyed}).json() == {"predictions": ["no", "yes"]}
    assert door.asked == [{name: [value] for name, value in keyed[0].items()}]


@pytest.mark.parametrize(("size", "here"), [(SMALL_BYTES, True), (SMALL_BYTES + 1, False)])
def test_only_what_is_small_is_translated_on_the_event_loop(size: int, *, here: bool) -> None:
    async def where() -> bool:
        thread = await translate(AnotherTookOver(), size, threading.get_ident)
        return thread == threading.get_ident()

    assert anyio.run(where) is here
