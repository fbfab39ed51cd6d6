"""Contract -> the pandera schema of a typed frame: what the raw tables must be once their text has been typed.

Types of a typed frame: Number float64, Integer Int64, Category of numbers Int64 and of text str,
Timestamp datetime64[ns, UTC], key str, label as the contract's values (Int64 or str) or float64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

import numpy as np
import pandas as pd
import pandera.pandas as pa
from numpy.typing import NDArray

from model.contract import Category, Column, Contract, Integer, Number, Target, Timestamp
from model.derived.encoding import Floats
from model.derived.request import MOST_KEY_CHARACTERS

if TYPE_CHECKING:
    from datetime import datetime

TIMES = "datetime64[ns, UTC]"


def schema(contract: Contract, *, labelled: bool) -> pa.DataFrameSchema:
    """The schema of a frame with the key, every column and, when `labelled`, the target."""
    columns = {contract.key.name: _key()} | {column.name: _column(column) for column in contract.columns}
    if labelled:
        columns[contract.target.name] = _target(contract.target)
    return pa.DataFrameSchema(columns, strict=True, ordered=False, coerce=False, name=contract.name)


def dtype(column: Column) -> str:
    """The pandas dtype of a typed column."""
    match column:
        case Number():
            return "float64"
        case Integer():
            return "Int64"
        case Category():
            return _scalar_dtype(column.values)
        case Timestamp():
            return TIMES
        case _:
            assert_never(column)


def target_dtype(target: Target) -> str:
    """The pandas dtype of typed labels or, in a regression, values."""
    return _scalar_dtype(target.classes) if target.labels else "float64"


def _scalar_dtype(values: tuple[int | str, ...]) -> str:
    return "Int64" if all(isinstance(value, int) for value in values) else "str"


def _column(column: Column) -> pa.Column:
    checks: list[pa.Check] = []
    match column:
        case Number():
            checks = [*_bounds(column.minimum, column.maximum), pa.Check(_finite, name="finite", element_wise=False)]
        case Integer() | Timestamp():
            checks = _bounds(column.minimum, column.maximum)
        case Category():
            checks = [pa.Check.isin(list(column.values))]
        case _:
            assert_never(column)
    return pa.Column(dtype(column), checks, nullable=column.nullable)


def _finite(values: object) -> object:
    # Missing values are the nullable flag's business, and pandera leaves them out before it asks.
    return values.abs() != float("inf")  # type: ignore[attr-defined]  # a pandas Series: importing pandas for a name only


def _bounds(minimum: float | datetime | None, maximum: float | datetime | None) -> list[pa.Check]:
    low = [] if minimum is None else [pa.Check.ge(minimum)]
    high = [] if maximum is None else [pa.Check.le(maximum)]
    return [*low, *high]


def _key() -> pa.Column:
    return pa.Column("str", pa.Check.str_length(1, MOST_KEY_CHARACTERS), nullable=False, unique=True)


def _target(target: Target) -> pa.Column:
    checks = [pa.Check.isin(list(target.classes))] if target.labels else _bounds(target.minimum, target.maximum)
    return pa.Column(target_dtype(target), checks, nullable=False)


def encode_frame(contract: Contract, frame: pd.DataFrame) -> pd.DataFrame:
    """A typed frame -> float64 [n, features] with the features' names: `encoding.encode` for whole columns."""
    encoded = {column.name: encode_series(column, frame[column.name]) for column in contract.features}
    return pd.DataFrame(encoded, dtype="float64")


def encode_series(column: Column, values: pd.Series[Any]) -> Floats:
    """One typed column -> float64 [n], NaN where it is missing."""
    match column:
        case Number() | Integer():
            return np.asarray(values.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan))
        case Category():
            codes = pd.Index(list(column.values)).get_indexer(pd.Index(values.astype(object)))
            return np.where(codes < 0, np.nan, codes.astype(np.float64))
        case Timestamp():
            # Whole microseconds divided once, as datetime.timestamp() does: the two encodings must agree to the bit.
            micros = values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]")
            return np.where(np.isnat(micros), np.nan, micros.astype(np.int64) / 1e6)
        case _:
            assert_never(column)


def target_codes(contract: Contract, frame: pd.DataFrame) -> NDArray[Any]:
    """A frame's labels as their places in `target.classes` (int64), or the values of a regression (float64): [n]."""
    labels = frame[contract.target.name]
    if not contract.target.labels:
        return labels.to_numpy(dtype="float64")
    places = pd.Index(list(contract.target.classes)).get_indexer(pd.Index(labels.astype(object)))
    return np.asarray(places, dtype=np.int64)
