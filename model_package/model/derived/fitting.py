"""Stored values -> the numbers a model sees, where its contract would take them; else why it would not.

What was stored under another contract may lack a column, or hold what this one does not know. Costs numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

import numpy as np
from numpy.typing import NDArray

from model.contract import Category, Column, Contract, Integer, Number, Timestamp
from model.derived.encoding import Floats, encode_column, encoder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

Flags = NDArray[np.bool_]


def encode_fitting(contract: Contract, columns: Mapping[str, Sequence[Any]]) -> tuple[Floats, NDArray[Any]]:
    """Feature values by column -> float64 [n, features], and for each row "" or why the contract refuses it [n]."""
    why = np.full(len(columns[contract.features[0].name]), "", dtype=object)
    encoded = []
    for column in contract.features:
        numbers, strange = _encoded(column, columns[column.name])
        encoded.append(numbers)
        for refused, reason in _refused(column, numbers, strange):
            why[refused & (why == "")] = f"{column.name} {reason}"
    return np.column_stack(encoded), why


def _refused(column: Column, numbers: Floats, strange: Flags) -> list[tuple[Flags, str]]:
    missing = np.isnan(numbers) & ~strange & (not column.nullable)
    return [
        (strange, "has a value of another kind"),
        (missing, "is missing"),
        (_outside(column, numbers), "is out of range"),
    ]


def _encoded(column: Column, values: Sequence[Any]) -> tuple[Floats, Flags]:
    """The column as numbers, and where a value is none of its kind."""
    try:
        return encode_column(column, values), np.zeros(len(values), dtype=bool)
    except (KeyError, TypeError, ValueError, OverflowError):
        read = [_read(column, value) for value in values]
        strange = np.array([number is None for number in read], dtype=bool)
        return np.array([np.nan if number is None else number for number in read], dtype=np.float64), strange


def _read(column: Column, value: Any) -> float | None:  # noqa: ANN401 - whatever a database holds
    """A value as a number; NaN for none; None for one of another kind."""
    if value is None:
        return float("nan")
    try:
        return encoder(column)(value)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _outside(column: Column, numbers: Floats) -> Flags:
    match column:
        case Number():
            return _beyond(numbers, column.minimum, column.maximum)
        case Integer():
            return _beyond(numbers, column.minimum, column.maximum) | _broken(numbers)
        case Timestamp():
            return _beyond(numbers, _seconds(column.minimum), _seconds(column.maximum))
        case Category():
            return np.zeros(len(numbers), dtype=bool)
        case _:
            assert_never(column)


def _broken(numbers: Floats) -> Flags:
    return np.asarray(~np.isnan(numbers) & (numbers != np.floor(numbers)))


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _beyond(numbers: Floats, low: float | None, high: float | None) -> Flags:
    outside = np.isinf(numbers)
    if low is not None:
        outside |= numbers < low
    if high is not None:
        outside |= numbers > high
    return outside
