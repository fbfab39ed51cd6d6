"""Text -> typed columns by the contract: strict about what a number, a whole number or a moment looks like."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, assert_never

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from model.contract import LARGEST_EXACT_INTEGER, Category, Column, Contract, Integer, Number, Target, Timestamp
from model.derived.frame import dtype
from model.errors import MOST_EXAMPLES, Failure, bounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.raw import RawTable

# pyarrow ships no types: a ChunkedArray of strings, null where there is no value.
Texts = Any

_PLAIN_INTEGER = r"^[+-]?[0-9]{1,15}([.]0*)?$"
_MOMENT = r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.]\d{1,9})?)?([Zz]|[+-]\d\d:?\d\d)$"
_EARLIEST, _LATEST = pd.Timestamp.min.tz_localize("UTC"), pd.Timestamp.max.tz_localize("UTC")


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Typed rows of several files, in the files' order.

    frame: key, columns and (labelled) target, on a RangeIndex; what did not parse is missing there.
    files: each row's file; names: the files' names. lines: each row's first line, from 1.
    wrong: by column, where a value stood that did not parse (or the file lacks the column).
    """

    frame: pd.DataFrame
    files: NDArray[np.intp]
    names: tuple[str, ...]
    lines: NDArray[np.int64]
    wrong: dict[str, NDArray[np.bool_]]
    failures: tuple[Failure, ...]

    def place(self, position: int) -> str:
        """File and line of a row, for people."""
        return f"{bounded(self.names[self.files[position]])} line {self.lines[position]}"

    def first_lines(self, positions: NDArray[np.intp]) -> tuple[int, ...]:
        """The lines of the first few of these rows."""
        return tuple(int(line) for line in self.lines[positions[:MOST_EXAMPLES]])


@dataclass(frozen=True, slots=True, eq=False)
class Typed:
    """One column of one file: its values, where they did not parse, and the failures about it."""

    series: pd.Series[Any]
    wrong: NDArray[np.bool_]
    failures: tuple[Failure, ...] = ()


def typed_rows(contract: Contract, tables: Sequence[RawTable], *, labelled: bool) -> Rows:
    """Every row of `tables`, typed; what is wrong with names or values is in `failures`, nothing raises."""
    wanted = wanted_columns(contract, labelled=labelled)
    parts = [{column.name: typed_column(column, table, contract) for column in wanted} for table in tables]
    frames = [pd.DataFrame({name: typed.series for name, typed in part.items()}) for part in parts]
    empty = pd.DataFrame({column.name: pd.Series(dtype=_dtype(column, contract)) for column in wanted})
    return Rows(
        frame=pd.concat([frame for frame in frames if len(frame)] or [empty], ignore_index=True),
        files=np.repeat(np.arange(len(tables)), [len(table) for table in tables]),
        names=tuple(table.file for table in tables),
        lines=np.concatenate([np.empty(0, np.int64), *(table.lines for table in tables)]),
        wrong={
            column.name: np.concatenate([np.empty(0, np.bool_), *(part[column.name].wrong for part in parts)])
            for column in wanted
        },
        failures=tuple(failure for part in parts for typed in part.values() for failure in typed.failures),
    )


def wanted_columns(contract: Contract, *, labelled: bool) -> tuple[Column, ...]:
    """Key, columns and target as columns: the key is a category without limits, the target a category or number."""
    target = (target_column(contract.target),) if labelled else ()
    return (_key_column(contract), *contract.columns, *target)


def target_column(target: Target) -> Column:
    """The target seen as a column of its labels or, in a regression, of its values."""
    if target.labels:
        return Category(target.name, target.classes)
    return Number(target.name, target.minimum, target.maximum)


def _key_column(contract: Contract) -> Column:
    return Category(contract.key.name, (contract.key.example,))


def _dtype(column: Column, contract: Contract) -> str:
    return "str" if column.name == contract.key.name else dtype(column)


# ------------------------------------------------------------------------------------------- one column


def typed_column(column: Column, table: RawTable, contract: Contract) -> Typed:
    """The column of that name, typed."""
    source = table.source
    if column.name == contract.target.name and source.target is not None:
        return _constant(source.target, column, table)
    if column.name not in table.header:
        return _lacking(column, table, contract)
    texts = without_missing(table.column(column.name), source.missing)
    if column.name == contract.key.name:
        return Typed(strings(texts), np.zeros(len(table), np.bool_))
    values, wrong = _parse(column, texts, source.decimal)
    failures = (_not_parsed(column, table, wrong),) if wrong.any() else ()
    return Typed(values, wrong, failures)


def _constant(label: float | str, column: Column, table: RawTable) -> Typed:
    values = pd.Series([label], dtype=dtype(column)).repeat(len(table)).reset_index(drop=True)
    return Typed(values, np.zeros(len(table), np.bool_))


def _lacking(column: Column, table: RawTable, contract: Contract) -> Typed:
    """No value in any row. A file that was not read at all has its own failure already."""
    values = pd.Series(index=range(len(table)), dtype=_dtype(column, contract))
    message = f"there is no such column; the file has {bounded(', '.join(map(repr, table.header)), 150)}"
    failure = Failure("missing column", message, _where(table, column), (1,))
    return Typed(values, np.ones(len(table), np.bool_), (failure,) if table.header else ())


def _not_parsed(column: Column, table: RawTable, wrong: NDArray[np.bool_]) -> Failure:
    texts = table.column(column.name)
    at = np.flatnonzero(wrong)
    examples = ", ".join(dict.fromkeys(repr(bounded(texts[int(row)].as_py(), 30)) for row in at[:MOST_EXAMPLES]))
    lines = tuple(int(line) for line in table.lines[at[:MOST_EXAMPLES]])
    message = f"not {_what(column, table.source.decimal)}: {examples}"
    return Failure("type", message, _where(table, column), lines, len(at))


def _where(table: RawTable, column: Column) -> str:
    return f"{table.file} column {column.name}"


def _what(column: Column, decimal: str) -> str:
    match column:
        case Number():
            return f"a finite number (decimal sign {decimal!r}, no thousands separators)"
        case Integer():
            return "a whole number within +-2**53"
        case Category():
            return f"one of {bounded(', '.join(map(repr, column.values)), 80)}"
        case Timestamp():
            return "a moment in ISO 8601 with its offset, e.g. 2026-01-31T12:00:00Z, from 1678 to 2261"
        case _:
            assert_never(column)


# ------------------------------------------------------------------------------------------- parsing


def _parse(column: Column, texts: Texts, decimal: str) -> tuple[pd.Series[Any], NDArray[np.bool_]]:
    match column:
        case Number():
            return _numbers(texts, decimal)
        case Integer():
            return _integers(texts, decimal)
        case Category() if dtype(column) == "Int64":
            return _one_of(_integers(texts, decimal), column)
        case Category():
            return _one_of((strings(texts), np.zeros(len(texts), np.bool_)), column)
        case Timestamp():
            return _moments(texts)
        case _:
            assert_never(column)


def without_missing(texts: Texts, missing: Sequence[str]) -> Texts:
    """The same with null for what stands for no value."""
    none = pc.is_in(texts, value_set=pa.array(["", *missing], pa.string()))
    return pc.if_else(none, pa.scalar(None, pa.string()), texts)


def strings(texts: Texts) -> pd.Series[Any]:
    """The same as a series."""
    return pd.Series(texts.to_pandas(), dtype="str")


def _matching(texts: Texts, pattern: str) -> tuple[Texts, NDArray[np.bool_]]:
    """The texts that match (others null), and which of those present do not."""
    fits = pc.match_substring_regex(texts, pattern=pattern)
    others = _flags(pc.fill_null(pc.invert(fits), fill_value=False))
    return pc.if_else(fits, texts, pa.scalar(None, pa.string())), others


def _flags(values: Texts) -> NDArray[np.bool_]:
    return np.asarray(values.to_numpy(), np.bool_)


def _numeral(decimal: str) -> str:
    return rf"^[+-]?([0-9]+([{decimal}][0-9]*)?|[{decimal}][0-9]+)([eE][+-]?[0-9]+)?$"


def _with_point(texts: Texts, decimal: str) -> Texts:
    return texts if decimal == "." else pc.replace_substring(texts, pattern=decimal, replacement=".")


def _numbers(texts: Texts, decimal: str) -> tuple[pd.Series[Any], NDArray[np.bool_]]:
    numerals, wrong = _matching(texts, _numeral(decimal))
    values = np.array(pc.cast(_with_point(numerals, decimal), pa.float64()).to_numpy(), np.float64)
    beyond = np.isinf(values)
    values[beyond] = np.nan
    return pd.Series(values), wrong | beyond


def _integers(texts: Texts, decimal: str) -> tuple[pd.Series[Any], NDArray[np.bool_]]:
    """Whole numbers, also when written 3.0 or 2e+05: exactly, or not at all."""
    numerals, wrong = _matching(texts, _numeral(decimal))
    numerals = _with_point(numerals, decimal)
    plain, other = _matching(numerals, _PLAIN_INTEGER)
    digits = pc.replace_substring_regex(plain, pattern=r"^[+]|[.]0*$", replacement="")
    whole = pc.cast(digits, pa.int64())
    values = pd.Series(pd.array(pc.fill_null(whole, fill_value=0).to_numpy(), dtype="Int64"))
    values[_flags(whole.is_null())] = pd.NA
    if other.any():
        wrong = wrong | _settle_odd_integers(values, numerals, np.flatnonzero(other))
    return values, wrong


def _settle_odd_integers(values: pd.Series[Any], numerals: Texts, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Write the value of those that are whole into `values`; which are not."""
    wrong = np.zeros(len(values), np.bool_)
    exact = {text: _exact_integer(text) for text in numerals.take(pa.array(rows)).unique().to_pylist()}
    found = [exact[text] for text in numerals.take(pa.array(rows)).to_pylist()]
    values.iloc[rows] = pd.array(found, dtype="Int64")
    wrong[rows] = [value is None for value in found]
    return wrong


def _exact_integer(text: str) -> int | None:
    value = Decimal(text)
    # The exponent first: writing out 1e999999999 would take all memory.
    if value.adjusted() > len(str(LARGEST_EXACT_INTEGER)) or value != value.to_integral_value():
        return None
    whole = int(value)
    return whole if abs(whole) <= LARGEST_EXACT_INTEGER else None


def _one_of(
    parsed: tuple[pd.Series[Any], NDArray[np.bool_]], column: Category
) -> tuple[pd.Series[Any], NDArray[np.bool_]]:
    values, wrong = parsed
    strange = values.notna().to_numpy() & ~values.isin(list(column.values)).to_numpy(np.bool_)
    return values.mask(strange), wrong | strange


def _moments(texts: Texts) -> tuple[pd.Series[Any], NDArray[np.bool_]]:
    written, wrong = _matching(texts, _MOMENT)
    upper = pc.utf8_upper(written)
    read = pd.Series(partial(pd.to_datetime, errors="coerce")(strings(upper), format="ISO8601", utc=True))
    inside = (read >= _EARLIEST.ceil("D")) & (read <= _LATEST.floor("D"))
    values = read.where(inside).dt.as_unit("ns")
    return values, wrong | (~_flags(written.is_null()) & values.isna().to_numpy())
