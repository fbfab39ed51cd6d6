"""Contract -> a typed decoder of request bodies: the quick way past `model.derived.request.parse`.

It accepts nothing that `parse` refuses, and it never explains: `None` means "ask `parse`", which says what is wrong
field by field (or accepts what is merely unusual). A body is checked while it is read: an unknown name, a wrong type
or a value out of range ends the reading there, before anything is built. Importing this module costs msgspec.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, assert_never

import msgspec
from msgspec import Meta, Raw
from msgspec.structs import astuple
from pydantic import Field, TypeAdapter

from model.columns import LARGEST_EXACT_INTEGER, Category, Column, Integer, Number, Timestamp
from model.contract import Contract
from model.derived.encoding import encoder
from model.derived.request import MOST_KEY_CHARACTERS, MOST_ROWS, value_type
from model.errors import Failure, RowsRefused, bounded

# What a model reads: numbers, category codes, seconds; None is a missing value.
Row = list[float | None]
Columns = tuple[Sequence[float | None], ...]
Kind = Callable[[Contract, Sequence[Column]], type[msgspec.Struct]]

QUOTE, COMMA, ESCAPE = b'"', b",", b"\\"
TOO_LONG = f"has more than {MOST_ROWS} values: send fewer rows a request"
FEWEST_QUOTES = 2  # around "data", and around each name
UNREADABLE = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)
STRICT: dict[str, Any] = {"forbid_unknown_fields": True, "gc": False, "frozen": True}
PLACE = " - at `$."  # how msgspec begins to say where
UNKNOWN = "Object contains unknown field `"  # and how it says what


class Decoder:
    """The decoder of one contract. Any number of threads may call it at once."""

    def __init__(self, contract: Contract) -> None:
        """Generate the types."""
        # Features stand first, in the model's order: the rest is checked and not looked at again.
        columns = [*contract.features, *(column for column in contract.columns if column.role != "feature")]
        self._decode = _decoder(_request_type, contract, columns)
        self._skim = _decoder(_named_type, contract, columns)
        self._names = _names(contract, columns).values()
        self._width = len(contract.features)
        self._encoders = [
            (place, _or_missing(encoder(column)))
            for place, column in enumerate(contract.features)
            if not isinstance(column, Number | Integer)
        ]
        self._moments = [
            (place, _moments(column)) for place, column in enumerate(columns) if isinstance(column, Timestamp)
        ]
        self._texts = [place for place, column in enumerate(columns) if _is_text(column)]
        self._quotes = FEWEST_QUOTES * (1 + len(columns))

    def one(self, body: bytes) -> Row | None:
        """The features of a body's only row; None when it has more, or when the slower ways have to decide.

        For the service's hot path: 1.4 us of decoding and as much of everything else for 13 columns.
        """
        if self._texts:
            return self._one_of_many(body)
        try:
            columns = astuple(self._decode(body).data)
            (row,) = zip(*columns[:-1], strict=True)
        except UNREADABLE:
            return None
        if body.count(QUOTE) != self._quotes:
            return self._one_of_many(body)
        features = list(row[: self._width])
        for place, encoded in self._encoders:
            features[place] = encoded(features[place])
        return features

    def many(self, body: bytes, *, tell: bool = False) -> Columns | None:
        """The features of a body's rows, each column of the same length; None when `parse` has to decide.

        tell: raise RowsRefused with the first thing that is wrong, if it is one of form, type or range. For bodies so
        large that telling all of it would keep others waiting: what is wrong is never built.
        """
        try:
            columns = list(astuple(self._decode(body).data))
        except UNREADABLE as error:
            if tell:
                self._refuse(error)
            return None
        try:
            # Moments are read by the very type that `parse` uses: there are too many ways to write one.
            for place, adapter in self._moments:
                columns[place] = adapter.validate_json(bytes(columns[place]))
        except UNREADABLE:
            return None
        keys = columns.pop()
        lengths = set(map(len, columns if keys is None else [*columns, keys]))
        if len(lengths) > 1 or body.count(QUOTE) != self._quotes_of(columns, keys):
            return None
        for place, encoded in self._encoders:
            columns[place] = list(map(encoded, columns[place]))
        return tuple(columns[: self._width])

    def refuse_at_sight(self, body: bytes) -> None:
        """Raise RowsRefused for a name that no column has, in any form of rows, or a column of far too many values.

        The first name ends the reading, and no value is built: a megabyte of such names or numbers costs next to
        nothing. What is no JSON is left to whoever reads the values.
        """
        try:
            data = self._skim(body).data
        except msgspec.ValidationError as error:
            self._refuse(error)
        except UNREADABLE:
            return
        else:
            if not isinstance(data, list):
                self._refuse_long(astuple(data))

    def _refuse_long(self, written: Sequence[Raw | None]) -> None:
        for name, values in zip(self._names, written, strict=True):
            if values is not None and _is_long(bytes(values)):
                raise RowsRefused("the request breaks the contract", [Failure("too-long", TOO_LONG, f"data.{name}")])

    def _refuse(self, error: Exception) -> None:
        """As RowsRefused, unless it is this decoder that is good for nothing."""
        if self._decode is _nothing:
            return
        raise RowsRefused("the request breaks the contract", [_failure(error)]) from None

    def _one_of_many(self, body: bytes) -> Row | None:
        columns = self.many(body)
        return [column[0] for column in columns] if columns and len(columns[0]) == 1 else None

    def _quotes_of(self, columns: Sequence[Sequence[Any]], keys: Sequence[str | int] | None) -> int:
        """How many there are when no name stands twice: every name is there, so that one more would show."""
        texts = sum(len(columns[place]) - columns[place].count(None) for place in self._texts)
        of_keys = 0 if keys is None else 1 + sum(type(key) is str for key in keys)
        return self._quotes + 2 * (texts + of_keys)


def _failure(error: Exception) -> Failure:
    """What a client is told of the decoder's error."""
    if not isinstance(error, msgspec.ValidationError):
        return Failure("json", f"is not valid JSON: {bounded(error)}", "body")
    told, _, place = str(error).partition(PLACE)
    place = place.rstrip("`")
    if told.startswith(UNKNOWN):
        name = told.removeprefix(UNKNOWN).removesuffix("`")
        return Failure("unknown", "is not a column of the contract", bounded(f"{place}.{name}".lstrip(".")))
    return Failure("decoder", bounded(told), bounded(place) or "body")


def _is_long(written: bytes) -> bool:
    """Whether a list surely holds too many values; of one that holds escapes or lists it does not matter here."""
    quotes = written.count(QUOTE)
    if not quotes:
        return written.count(COMMA) >= MOST_ROWS
    return quotes > 2 * MOST_ROWS and ESCAPE not in written


def _decoder(kind: Kind, contract: Contract, columns: Sequence[Column]) -> Callable[[bytes], Any]:
    """One that refuses everything when a name is written with an escape in JSON, which msgspec does not do."""
    try:
        return msgspec.json.Decoder(kind(contract, columns)).decode
    except ValueError:
        return _nothing


def _nothing(_: bytes) -> Any:  # noqa: ANN401 - it never returns
    raise ValueError


def _request_type(contract: Contract, columns: Sequence[Column]) -> type[msgspec.Struct]:
    lists = [(f"c{place}", _list_type(column)) for place, column in enumerate(columns)]
    text = Annotated[str, Meta(min_length=1, max_length=MOST_KEY_CHARACTERS)]
    key: Any = Annotated[list[text | int], Meta(min_length=1, max_length=MOST_ROWS)] | None
    data = msgspec.defstruct("Columns", [*lists, ("key", key, None)], rename=_names(contract, columns), **STRICT)
    return msgspec.defstruct("Request", [("data", data)], **STRICT)


def _named_type(contract: Contract, columns: Sequence[Column]) -> type[msgspec.Struct]:
    """A request in any form whose names are the contract's, whatever stands behind them."""
    names = _names(contract, columns)
    row = msgspec.defstruct("Named", [(field, Raw, None) for field in names], rename=names, **STRICT)
    rows: Any = row | list.__class_getitem__(row)
    return msgspec.defstruct("Request", [("data", rows)], **STRICT)


def _names(contract: Contract, columns: Sequence[Column]) -> dict[str, str]:
    """Column names are free text, a struct's are not."""
    return {f"c{place}": column.name for place, column in enumerate(columns)} | {"key": contract.key.name}


def _list_type(column: Column) -> Any:  # noqa: ANN401 - an annotation made at run time
    if isinstance(column, Timestamp):
        return Raw
    value: Any = _value_type(column)
    values: Any = list.__class_getitem__(value | None if column.nullable else value)
    return Annotated[values, Meta(min_length=1, max_length=MOST_ROWS)]


def _value_type(column: Number | Integer | Category) -> Any:  # noqa: ANN401 - an annotation made at run time
    match column:
        case Number():
            return Annotated[float, Meta(ge=column.minimum, le=column.maximum)]
        case Integer():
            low = -LARGEST_EXACT_INTEGER if column.minimum is None else column.minimum
            high = LARGEST_EXACT_INTEGER if column.maximum is None else column.maximum
            return Annotated[int, Meta(ge=low, le=high)]
        case Category():
            return Literal[column.values]
        case _:
            assert_never(column)


def _moments(column: Timestamp) -> TypeAdapter[list[datetime | None]]:
    values: Any = list.__class_getitem__(value_type(column))
    return TypeAdapter(Annotated[values, Field(min_length=1, max_length=MOST_ROWS)])


def _or_missing(encoded: Callable[[Any], float]) -> Callable[[Any], float | None]:
    return lambda value: None if value is None else encoded(value)


def _is_text(column: Column) -> bool:
    """Whether its values stand in quotes."""
    return isinstance(column, Timestamp) or (isinstance(column, Category) and isinstance(column.values[0], str))
