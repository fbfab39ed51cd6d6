"""Rows in the forms that JSON gives them: by column, by record, by place; all become columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.protocols.refusals import member, refusal
from model.contract import Category, Integer
from model.derived.request import MOST_ROWS
from model.errors import bounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model.contract import Column, Contract

Columns = dict[str, list[Any]]


def from_mapping(data: dict[str, Any], where: str) -> Columns:
    """`{"tempo": [94.0], ...}` as it is; `{"tempo": 94.0, ...}` is one row. Raises RowsRefused for a mixture."""
    lists = [name for name, values in data.items() if isinstance(values, list)]
    if not lists:
        return {name: [value] for name, value in data.items()}
    if len(lists) < len(data):
        odd = next(name for name, values in data.items() if not isinstance(values, list))
        raise refusal(f"{where}.{bounded(odd)}", "is one value where other columns have lists: give all as lists")
    return data


def from_records(rows: list[Any], where: str) -> Columns:
    """`[{"tempo": 94.0, ...}, ...]`: every record has the same names. Raises RowsRefused."""
    _check_count(len(rows), where)
    names = member(rows[0], f"{where}[0]", dict, "an object: a value per column").keys()
    for place, row in enumerate(rows):
        if member(row, f"{where}[{place}]", dict, "an object: a value per column").keys() != names:
            _refuse_names(row, names, f"{where}[{place}]")
    return {name: [row[name] for row in rows] for name in names}


def _refuse_names(row: dict[str, Any], names: Any, where: str) -> None:  # noqa: ANN401 - a view of a dict's names
    lacking = next((name for name in names if name not in row), None)
    if lacking is not None:
        raise refusal(f"{where}.{bounded(lacking)}", "is missing here and present in the first record")
    extra = next(name for name in row if name not in names)
    raise refusal(f"{where}.{bounded(extra)}", "is present here and missing in the first record")


def from_rows(names: Sequence[str], rows: list[Any], where: str) -> Columns:
    """`[[94.0, ...], ...]`: a value per name and row, by place. Raises RowsRefused."""
    _check_count(len(rows), where)
    for place, row in enumerate(rows):
        if len(member(row, f"{where}[{place}]", list, "a list: a value per column")) != len(names):
            raise refusal(f"{where}[{place}]", f"has {len(row)} values where there are {len(names)} columns")
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _check_count(count: int, where: str) -> None:
    if not 1 <= count <= MOST_ROWS:
        raise refusal(where, f"has {count} rows: 1 to {MOST_ROWS} are answered at once")


def with_whole_numbers(contract: Contract, columns: Columns) -> Columns:
    """`columns` with 3.0 as 3 where the contract wants an integer.

    A data frame holds a column of integers as floats as soon as one of them is missing, and writes them so.
    """
    integers = {column.name for column in contract.columns if takes_integers(column)}
    return {
        name: [_whole(value) for value in values] if name in integers else values for name, values in columns.items()
    }


def takes_integers(column: Column) -> bool:
    """Whether a column's values are integers."""
    return isinstance(column, Integer) or (isinstance(column, Category) and type(column.values[0]) is int)


def _whole(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return int(value) if type(value) is float and value.is_integer() else value
