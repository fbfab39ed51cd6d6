"""Requests that keep a contract, as bytes."""

from __future__ import annotations

import json
from typing import Any

from model.contract import Contract
from model.contracts import find
from model.derived.request import json_value
from model.testing import good_rows

Columns = dict[str, list[Any]]


def contract_of(name: str) -> Contract:
    """A shipped contract."""
    return find(name).contract


def columns(contract: Contract, rows: int, seed: int = 0) -> Columns:
    """Random rows by column, without key and label, as JSON can say them."""
    drawn = good_rows(contract, rows, seed)
    return {name: [json_value(value) for value in drawn[name]] for name in contract.column_names}


def body(contract: Contract, rows: int = 1, seed: int = 0, keys: list[str] | None = None) -> bytes:
    """A request for some random rows, with the caller's keys when they are given."""
    data = columns(contract, rows, seed)
    if keys is not None:
        data = {contract.key.name: keys, **data}
    return json.dumps({"data": data}).encode()
