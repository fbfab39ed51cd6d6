"""Contract -> what people read: the table of columns and the request that is sure to work."""

from __future__ import annotations

import json
from typing import Any, assert_never

from model.contract import Category, Column, Contract, Integer, Number, Timestamp
from model.derived.request import example_request
from model.errors import bounded

SHOWN_VALUES = 12


def columns_table(contract: Contract) -> str:
    """A Markdown table of the key, every column and the target."""
    head = ["| column | role | values | unit | description |", "|---|---|---|---|---|"]
    key = _line(contract.key.name, "key", "text of 1 to 200 characters", "", contract.key.description)
    columns = [
        _line(column.name, column.role, allowed(column), column.unit, column.description) for column in contract.columns
    ]
    target = contract.target
    labels = ", ".join(f"{label.value}: {label.name}" for label in target.labels[:SHOWN_VALUES])
    last = _line(target.name, "target", labels or "number", target.unit, target.description)
    return "\n".join([*head, key, *columns, last])


def _line(*cells: str) -> str:
    return "| " + " | ".join(bounded(cell, 300).replace("|", r"\|") for cell in cells) + " |"


def allowed(column: Column) -> str:
    """The values of a column, in words."""
    match column:
        case Number():
            words = _range("number", column.minimum, column.maximum)
        case Integer():
            words = _range("integer", column.minimum, column.maximum)
        case Timestamp():
            words = _range("moment with offset", column.minimum, column.maximum)
        case Category():
            shown = ", ".join(map(str, column.values[:SHOWN_VALUES]))
            words = f"one of {shown}" + (f" … ({len(column.values)})" if len(column.values) > SHOWN_VALUES else "")
        case _:
            assert_never(column)
    return f"{words}, or missing" if column.nullable else words


def _range(kind: str, minimum: object, maximum: object) -> str:
    match minimum, maximum:
        case None, None:
            return kind
        case _, None:
            return f"{kind} >= {minimum}"
        case None, _:
            return f"{kind} <= {maximum}"
        case _:
            return f"{kind} from {minimum} to {maximum}"


def curl(contract: Contract, address: str = "localhost:8090") -> str:
    """The shell command that asks the service about the contract's own example row."""
    body = json.dumps(example_request(contract))
    return f"curl -X POST {address}/get_prediction -H 'Content-Type: application/json' -d '{body}'"


def headline(metrics: dict[str, Any]) -> str:
    """The measure that decides between two models, with its interval on the hold-out."""
    name = metrics["primary"]
    return "{} {value:.3f} [{low:.3f}, {high:.3f}]".format(name.replace("_", " "), **metrics["holdout"][name])
