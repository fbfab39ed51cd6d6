"""The form by which a person tries the model: made of the contract, read back as a request like any other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, assert_never

from app.dashboard.summary import named
from model.columns import Category, Integer, Number, Timestamp
from model.derived.docs import allowed
from model.derived.request import example_request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from app.protocols.door import Answered
    from model.contract import Column, Contract
    from model.errors import Failure

MOST_CHOICES: Final = 200
MOST_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Field:
    """One column as a form shows it. name: c0, c1, ...: a column's own name is free text.

    kind: "number", "choice" or "text". choices: of a category, "" first where it may be missing.
    """

    name: str
    label: str
    kind: str
    value: str
    words: str
    hint: str
    error: str
    low: str
    high: str
    step: str
    choices: tuple[str, ...]
    required: bool


def fields(
    contract: Contract, said: Mapping[str, str] | None = None, wrong: Mapping[str, str] | None = None
) -> list[Field]:
    """The form's fields with what was said, or the contract's own example; wrong: column -> what is."""
    example = {name: values[0] for name, values in example_request(contract)["data"].items()}
    return [
        _field(
            f"c{place}",
            column,
            _shown(example[column.name]) if said is None else said.get(f"c{place}", ""),
            wrong or {},
        )
        for place, column in enumerate(contract.columns)
    ]


def _shown(value: object) -> str:
    return "" if value is None else str(value)


def _field(name: str, column: Column, value: str, wrong: Mapping[str, str]) -> Field:
    kind, low, high, step, choices = _control(column)
    unit = f" [{column.unit}]" if column.unit else ""
    fed = "" if column.role == "feature" else " (not fed to the model)"
    words = f"{column.description}{fed}".strip()
    required = not column.nullable
    if kind == "choice" and column.nullable:
        choices = ("", *choices)
    error = wrong.get(column.name, "")
    return Field(
        name, f"{column.name}{unit}", kind, value, words, allowed(column), error, low, high, step, choices, required
    )


def _control(column: Column) -> tuple[str, str, str, str, tuple[str, ...]]:
    match column:
        case Number() | Integer():
            step = "1" if isinstance(column, Integer) else "any"
            return "number", _shown(column.minimum), _shown(column.maximum), step, ()
        case Category():
            few = len(column.values) <= MOST_CHOICES
            return "choice" if few else "text", "", "", "", tuple(map(str, column.values)) if few else ()
        case Timestamp():
            return "text", "", "", "", ()
        case _:
            assert_never(column)


def request_of(contract: Contract, said: Mapping[str, str]) -> dict[str, list[Any]]:
    """What was said, as a request's columns of one row. What is no such value stays text: the contract refuses it."""
    return {
        column.name: [_value(column, said.get(f"c{place}", "").strip())]
        for place, column in enumerate(contract.columns)
    }


def _value(column: Column, text: str) -> Any:  # noqa: ANN401 - any JSON value
    if not text and column.nullable:
        return None
    match column:
        case Number():
            return _number(text)
        case Integer():
            return _integer(text)
        case Category():
            return next((value for value in column.values if str(value) == text), text)
        case Timestamp():
            return text
        case _:
            assert_never(column)


def _number(text: str) -> float | str:
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text


def _integer(text: str) -> int | str:
    digits = text.removeprefix("-")
    return int(text) if digits.isdecimal() and digits.isascii() and len(digits) < 19 else text  # noqa: PLR2004 - below 2^63


def wrong_of(contract: Contract, failures: Sequence[Failure]) -> dict[str, str]:
    """Column -> what is wrong with it; what is no column's stands under ""."""
    found: dict[str, str] = {}
    for failure in failures:
        place = failure.where.removeprefix("data.").partition("[0]")[0]
        known = place if any(column.name == place for column in contract.columns) else ""
        found.setdefault(known, failure.message)
    return found


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said. shares: (class, in words, share of a bar); moved: (column, in words, share, side)."""

    label: str
    score: str
    id: str
    version: str
    shares: tuple[tuple[str, str, float], ...]
    moved: tuple[tuple[str, str, float, str], ...]


def answer_of(answered: Answered, told: Mapping[str, Any] | None) -> Answer:
    """An answer of one row, with what moved its score the most where that is told."""
    contract, label = answered.contract, answered.labels[0]
    chances = (answered.probabilities or [[]])[0]
    shares = [
        (named(contract, one), f"{chance:.1%}", chance)
        for one, chance in zip(contract.target.classes, chances, strict=False)
    ]
    shares.sort(key=lambda share: -share[2])
    moved = (told or {}).get("contributions", [])[:MOST_SHOWN]
    most = max((abs(one["contribution"]) for one in moved), default=0) or 1
    bars = [
        (
            one["column"],
            f"{one['contribution']:+.3f}",
            abs(one["contribution"]) / most,
            "up" if one["contribution"] > 0 else "down",
        )
        for one in moved
    ]
    return Answer(
        named(contract, label),
        f"{answered.scores[0]:.3f}",
        answered.prediction_id,
        answered.version,
        tuple(shares[:MOST_SHOWN]),
        tuple(bars),
    )
