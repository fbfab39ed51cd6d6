"""Requests that can be told apart: each has a key of its own, first in its data, under which it is found again."""

from __future__ import annotations

import json
from typing import Any

from promises import bodies
from promises.stored import Ledger
from promises.wire import header, prediction

CONTRACT = "reggaeton"
VARIETY = 50


class Keyed:
    """Makes requests by number and writes their answers into a ledger."""

    def __init__(self, ledger: Ledger, name: str) -> None:
        """`name` tells this series of requests from others in the same ledger."""
        contract = bodies.contract_of(CONTRACT)
        self._ledger, self._name = ledger, name
        rows = [json.dumps(bodies.columns(contract, 1, seed))[1:] for seed in range(VARIETY)]
        self._key = json.dumps(contract.key.name)
        self._rows = rows

    def key(self, number: int) -> str:
        """The key of a request."""
        return f"{self._name}-{number}"

    def make(self, number: int) -> bytes:
        """The request."""
        data = f'{{{self._key}: ["{self.key(number)}"], {self._rows[number % VARIETY]}'
        return prediction(f'{{"data": {data}}}'.encode())

    def seen(self, number: int, head: bytes, body: bytes) -> None:
        """An answer of status 200 came."""
        answer: Any = json.loads(body)["prediction"]
        self._ledger.acknowledge(header(head, b"x-prediction-id").decode(), self.key(number), answer)
