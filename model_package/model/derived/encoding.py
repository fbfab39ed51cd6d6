"""Contract -> the numbers a model sees: one float64 matrix, the same in training and in the service.

A number is itself, a category its index among the contract's values, a moment its seconds since
1970-01-01T00:00:00Z, and what is missing is NaN. Importing this module costs numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from model.contract import Category, Column, Contract, Integer, Number, Timestamp

Floats = NDArray[np.float64]


def encode(contract: Contract, columns: Mapping[str, Sequence[Any]]) -> Floats:
    """Typed values by column -> float64 of shape [n, features], in the contract's order.

    Values must have passed the contract: an unknown category raises KeyError.
    """
    encoded = [encode_column(column, columns[column.name]) for column in contract.features]
    return np.column_stack(encoded)


def encode_column(column: Column, values: Sequence[Any]) -> Floats:
    """One column's values -> float64 [n]. Raises as `encode`."""
    one = encoder(column)
    return np.fromiter((np.nan if value is None else one(value) for value in values), np.float64, len(values))


def encoder(column: Column) -> Callable[[Any], float]:
    """How one present value of a column becomes a number."""
    match column:
        case Number() | Integer():
            return float
        case Category():
            return {value: float(code) for code, value in enumerate(column.values)}.__getitem__
        case Timestamp():
            return datetime.timestamp
        case _:
            assert_never(column)
