"""CSV text -> columns: the contract says what each column's text means. The empty field is a missing value."""

from __future__ import annotations

import csv
import io
import math
import re
from typing import TYPE_CHECKING, Any, assert_never

from app.protocols.frames import from_rows
from app.protocols.refusals import refusal
from model.contract import LARGEST_EXACT_INTEGER, Category, Integer, Number, Timestamp
from model.derived.request import MOST_ROWS
from model.errors import bounded

if TYPE_CHECKING:
    from app.protocols.frames import Columns
    from model.contract import Column, Contract

# float() and int() also take "1_0", " 1", "nan" and digits of every script.
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,16}")


def columns(contract: Contract, body: bytes) -> Columns:
    """A header and at least one row, in UTF-8 -> columns. Raises RowsRefused."""
    rows = _records(body)
    names = rows.pop(0) if rows else []
    _check_header(names)
    kinds = {column.name: column for column in contract.columns}
    return {name: _typed(kinds.get(name), texts) for name, texts in from_rows(names, rows, "body").items()}


def _check_header(names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise refusal(f"data.{bounded(name)}", "stands twice in the header: leave one")
        seen.add(name)


def _records(body: bytes) -> list[list[str]]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise refusal("body", "is not UTF-8 all through") from None
    rows: list[list[str]] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            rows.append(row)
            # A header and one row too many are enough to refuse it.
            if len(rows) > MOST_ROWS + 1:
                break
    except csv.Error as error:
        raise refusal("body", f"is not CSV: {bounded(error)}, line {reader.line_num}") from None
    return rows


def _typed(column: Column | None, texts: list[str]) -> list[Any]:
    if column is None:  # the key, or a name that the decoder will refuse
        return texts
    return [_value(column, text, place) for place, text in enumerate(texts)]


def _value(column: Column, text: str, place: int) -> Any:  # noqa: ANN401 - one of the kinds' types
    if not text and not (isinstance(column, Category) and "" in column.values):
        return None
    value: float | str | None
    match column:
        case Number():
            value = _number(text)
        case Integer():
            value = _integer(text)
        case Category():
            value = text if isinstance(column.values[0], str) else _integer(text)
        case Timestamp():
            value = text
        case _:
            assert_never(column)
    if value is None:
        wanted = "a number" if isinstance(column, Number) else "a whole number"
        raise refusal(f"data.{bounded(column.name)}[{place}]", f"{bounded(text, 40)!r} is not {wanted}")
    return value


def _number(text: str) -> float | None:
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def _integer(text: str) -> int | None:
    """Also "3.0": so does a data frame write an integer column in which a value is missing."""
    if _INTEGER.fullmatch(text):
        return int(text)
    value = _number(text)
    return int(value) if value is not None and value.is_integer() and abs(value) <= LARGEST_EXACT_INTEGER else None
