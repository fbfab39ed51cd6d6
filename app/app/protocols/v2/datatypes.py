"""The protocol's datatypes: what an element of each may be, and which kinds of columns it can fill.

A conversion never loses anything: an FP32 is widened to the double it is, a float fills an integer column only when
it is whole, and no text is taken for a number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, assert_never

from app.protocols.frames import takes_integers
from app.protocols.refusals import refusal
from model.contract import Category, Integer, Number, Timestamp
from model.errors import bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from model.contract import Column

Family = Literal["bool", "integer", "float", "text"]


@dataclass(frozen=True, slots=True)
class Datatype:
    """One datatype: `code` is numpy's, little-endian; low and high bound its finite elements."""

    name: str
    family: Family
    code: str = ""
    low: float = 0
    high: float = 0


def _integers() -> dict[str, Datatype]:
    made = {}
    for bits in (8, 16, 32, 64):
        half = 2 ** (bits - 1)
        made[f"INT{bits}"] = Datatype(f"INT{bits}", "integer", f"<i{bits // 8}", -half, half - 1)
        made[f"UINT{bits}"] = Datatype(f"UINT{bits}", "integer", f"<u{bits // 8}", 0, 2 * half - 1)
    return made


_LARGEST: Final = {16: 65504.0, 32: (2 - 2**-23) * 2.0**127, 64: (2 - 2**-52) * 2.0**1023}
DATATYPES: Final[Mapping[str, Datatype]] = {
    "BOOL": Datatype("BOOL", "bool", "|u1", 0, 1),
    **_integers(),
    **{f"FP{bits}": Datatype(f"FP{bits}", "float", f"<f{bits // 8}", -most, most) for bits, most in _LARGEST.items()},
    "BYTES": Datatype("BYTES", "text"),
}


def announced(column: Column) -> str:
    """The datatype that is recommended for a column: the one that can say all its values, and that one is missing."""
    match column:
        case Number():
            return "FP64"
        case Integer():
            return "FP64" if column.nullable else "INT64"
        case Category():
            if isinstance(column.values[0], str):
                return "BYTES"
            return "FP64" if column.nullable else "INT64"
        case Timestamp():
            return "BYTES"
        case _:
            assert_never(column)


def families(column: Column) -> frozenset[Family]:
    """The families of datatypes that can fill a column."""
    match column:
        case Number() | Integer():
            return frozenset({"integer", "float"})
        case Category():
            if isinstance(column.values[0], str):
                return frozenset({"text"})
            return frozenset({"integer", "float", *(("bool",) if {0, 1}.issuperset(column.values) else ())})
        case Timestamp():
            return frozenset({"text"})
        case _:
            assert_never(column)


def check_elements(datatype: Datatype, elements: list[Any], where: str) -> None:
    """Raise RowsRefused for the first element of JSON data that is not of the datatype; null is always let through."""
    fits = _FITS[datatype.family]
    for place, element in enumerate(elements):
        if element is not None and not fits(datatype, element):
            raise refusal(
                f"{where}[{place}]", f"{_shown(element)} is not {_ELEMENT[datatype.family]} of {datatype.name}"
            )


def _is_integer(datatype: Datatype, element: Any) -> bool:  # noqa: ANN401 - any JSON value
    return type(element) is int and datatype.low <= element <= datatype.high


def _is_number(datatype: Datatype, element: Any) -> bool:  # noqa: ANN401 - any JSON value
    return type(element) in (int, float) and datatype.low <= element <= datatype.high


_FITS: Final[Mapping[Family, Callable[[Datatype, Any], bool]]] = {
    "bool": lambda _, element: type(element) is bool,
    "integer": _is_integer,
    "float": _is_number,
    "text": lambda _, element: type(element) is str,
}
_ELEMENT: Final[Mapping[Family, str]] = {
    "bool": "true or false",
    "integer": "an integer in the range",
    "float": "a finite number in the range",
    "text": "a text",
}


def _shown(element: Any) -> str:  # noqa: ANN401 - any JSON value
    return f"an {type(element).__name__}" if isinstance(element, list | dict) else bounded(repr(element), 40)


def fill(column: Column, datatype: Datatype, elements: list[Any]) -> list[Any]:
    """Elements of a datatype -> values for a column, as JSON says them: None and NaN are missing.

    Raises:
        RowsRefused: a value is missing where the column always has one, infinite, or not whole where it must be.
    """
    where = f"data.{bounded(column.name)}"
    if datatype.family == "text":
        values = _texts(column, elements)
    elif takes_integers(column):
        values = [_whole(element, f"{where}[{place}]") for place, element in enumerate(elements)]
    else:
        values = [_finite(element, f"{where}[{place}]") for place, element in enumerate(elements)]
    if not column.nullable and None in values:
        raise refusal(f"{where}[{values.index(None)}]", "is missing (null or NaN): this column always has a value")
    return values


def _texts(column: Column, elements: list[Any]) -> list[Any]:
    # BYTES has no other way of saying that a value is missing.
    if not column.nullable or (isinstance(column, Category) and "" in column.values):
        return elements
    return [element or None for element in elements]


def _finite(element: Any, where: str) -> Any:  # noqa: ANN401 - a number or None
    if type(element) is float and not math.isfinite(element):
        if math.isnan(element):
            return None
        raise refusal(where, "is infinite")
    return element


def _whole(element: Any, where: str) -> int | None:  # noqa: ANN401 - a number, a bool or None
    element = _finite(element, where)
    if element is None:
        return None
    if element != int(element):
        raise refusal(where, f"{element!r} is not a whole number")
    return int(element)
