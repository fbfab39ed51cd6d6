"""Contract -> the bodies of a prediction request and its answer, as pydantic models and so as OpenAPI.

A request is `{"data": {"<column>": [value, ...], ...}}`: a list per column, all of one length, a row per place.
The key is optional. Importing this module costs pydantic.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, assert_never

import msgspec
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
    create_model,
)
from pydantic_core import PydanticCustomError

from model.contract import LARGEST_EXACT_INTEGER, Category, Column, Contract, Integer, Number, Timestamp
from model.errors import Failure, RowsRefused, bounded

MOST_ROWS = 10_000
MOST_KEY_CHARACTERS = 200


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that passed the contract: typed values by column, and the caller's keys when there were any."""

    columns: dict[str, list[Any]]
    keys: list[str] | None
    count: int


def _only_int_or_text(value: object) -> object:
    if type(value) in (int, str):
        return value
    msg = f"must be one of the allowed values, not {type(value).__name__}"
    raise PydanticCustomError("category", "{reason}", {"reason": msg})


def value_type(column: Column) -> Any:  # noqa: ANN401 - an annotation made at run time
    """The type that accepts exactly the values the contract allows, as JSON can say them.

    Strict: neither "1" nor true is a number, and neither 0.5 nor 1.0 is an integer.
    """
    accepted: Any
    match column:
        case Number():
            accepted = Annotated[float, Field(strict=True, ge=column.minimum, le=column.maximum)]
        case Integer():
            low = -LARGEST_EXACT_INTEGER if column.minimum is None else column.minimum
            high = LARGEST_EXACT_INTEGER if column.maximum is None else column.maximum
            accepted = Annotated[StrictInt, Field(ge=low, le=high)]
        case Category():
            # A bare Literal takes true for 1 and 9.0 for 9.
            accepted = Annotated[Literal[column.values], BeforeValidator(_only_int_or_text)]
        case Timestamp():
            bounds = Field(strict=True, ge=column.minimum, le=column.maximum, json_schema_extra=_moment_bounds(column))
            accepted = Annotated[AwareDatetime, bounds]
        case _:
            assert_never(column)
    return accepted | None if column.nullable else accepted


def _moment_bounds(column: Timestamp) -> dict[str, Any]:
    """JSON Schema has no bounds for moments: these two words are the ones that validators have settled on."""
    bounds = {"formatMinimum": column.minimum, "formatMaximum": column.maximum}
    return {name: bound.isoformat() for name, bound in bounds.items() if bound is not None}


def _describe(column: Column) -> str:
    unit = f" [{column.unit}]" if column.unit else ""
    fed = "" if column.role == "feature" else " (checked and stored, not fed to the model)"
    return f"{column.description}{unit}{fed}".strip()


def _list_field(column: Column) -> tuple[Any, Any]:
    values: Any = list.__class_getitem__(value_type(column))
    extra: dict[str, Any] = {} if column.example is None else {"examples": [[json_value(column.example)]]}
    # Column names are free text, Python's field names are not: fields are c0, c1, ... and known by their alias.
    limits = Field(
        alias=column.name,
        title=column.name,
        min_length=1,
        max_length=MOST_ROWS,
        # One failure per column is told: ten thousand of them would take a second to make.
        fail_fast=True,
        description=_describe(column),
        json_schema_extra=extra,
    )
    return values, limits


def request_model(contract: Contract) -> type[BaseModel]:
    """The body of `POST /get_prediction` for this contract."""
    key: Any = Annotated[StrictStr, Field(min_length=1, max_length=MOST_KEY_CHARACTERS)] | StrictInt
    fields: dict[str, Any] = {f"c{place}": _list_field(column) for place, column in enumerate(contract.columns)}
    described = contract.key.description or "the caller's own identity of each row: stored, never fed to the model"
    fields["key"] = (
        Annotated[list.__class_getitem__(key), Field(fail_fast=True)] | None,
        Field(
            default=None,
            alias=contract.key.name,
            title=contract.key.name,
            min_length=1,
            max_length=MOST_ROWS,
            description=described,
        ),
    )
    data = create_model("Columns", __base__=_Body, **fields)
    return create_model("PredictionRequest", __base__=_Body, __doc__=contract.description or None, data=(data, ...))


def response_model(contract: Contract) -> type[BaseModel]:
    """The answer: one prediction for one row, a list of them, in order, for more."""
    labels = tuple(label.value for label in contract.target.labels)
    one: Any = Literal[labels] if labels else float
    described = ", ".join(f"{label.value} is {label.name}" for label in contract.target.labels[:20])
    answer = (one | list[one], Field(description=described or contract.target.description))
    return create_model("PredictionResponse", __base__=_Body, prediction=answer)


def example_request(contract: Contract) -> dict[str, dict[str, list[Any]]]:
    """A request for one row that is sure to be accepted: the contract's examples, and a value for columns without."""
    return {"data": {column.name: [json_value(_example(column))] for column in contract.columns}}


def _example(column: Column) -> Any:  # noqa: ANN401 - any value a column can hold
    if column.example is not None or column.nullable:
        return column.example
    match column:
        case Number() | Integer():
            return next((bound for bound in (column.minimum, column.maximum) if bound is not None), 0)
        case Timestamp():
            return column.minimum or column.maximum or datetime(2026, 1, 1, tzinfo=UTC)
        case Category():
            return column.values[0]
        case _:
            assert_never(column)


def json_value(value: Any) -> Any:  # noqa: ANN401 - any value a column can hold
    """A typed value as JSON says it; a whole float stays a float."""
    return value.isoformat() if isinstance(value, datetime) else value


# -------------------------------------------------------------------------------------------- parsing


def parse(model: type[BaseModel], body: bytes) -> Rows:
    """A request's bytes -> rows that passed the contract.

    Raises:
        RowsRefused: with one `Failure` per wrong field (`where` is like `data.tempo[0]`), bounded in number.
    """
    _refuse_odd_names(model, body)
    try:
        request: Any = model.model_validate_json(body)
    except ValidationError as error:
        raise RowsRefused("the request breaks the contract", _failures(error)) from None
    return _rows(request.data)


def _rows(data: BaseModel) -> Rows:
    fields = type(data).model_fields
    columns = {str(field.alias): getattr(data, name) for name, field in fields.items() if name != "key"}
    keys = getattr(data, "key", None)
    lengths = {name: len(values) for name, values in columns.items()}
    if keys is not None:
        lengths[str(fields["key"].alias)] = len(keys)
    if len(set(lengths.values())) > 1:
        raise RowsRefused("the request breaks the contract", _unequal(lengths))
    return Rows(columns, None if keys is None else [str(key) for key in keys], max(lengths.values()))


def _unequal(lengths: dict[str, int]) -> list[Failure]:
    usual = max(set(lengths.values()), key=list(lengths.values()).count)
    message = "has {} values where other columns have {}: all columns need the same number of rows"
    return [
        Failure("equal-lengths", message.format(length, usual), f"data.{bounded(name)}")
        for name, length in lengths.items()
        if length != usual
    ]


MOST_FIELDS = 50


def _failures(error: ValidationError) -> list[Failure]:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [Failure(str(item["type"]), bounded(item["msg"]), _where(item["loc"])) for item in found[:MOST_FIELDS]]


def _where(place: tuple[int | str, ...]) -> str:
    # pydantic adds the branch of a union ("int", "nullable[...]") behind the place: people need the place only.
    named = [*place[:2], *(part for part in place[2:3] if isinstance(part, int))]
    parts = [f"[{part}]" if isinstance(part, int) else f".{bounded(part)}" for part in named]
    return "".join(parts).lstrip(".") or "body"


# What an object holds, with each value left as the bytes it is written in: whatever those are, reading costs little.
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_QUOTE = b'"'
Members = dict[str, msgspec.Raw]


def _refuse_odd_names(model: type[BaseModel], body: bytes) -> None:
    """What pydantic does not see (JSON parsers silently keep the last of repeated names) or tells at great length.

    A hundred thousand foreign names would become as many errors, and a value for each of two equal names a lost one.
    """
    columns: Any = model.model_fields["data"].annotation
    known = {str(field.alias) for field in columns.model_fields.values()}
    whole = _members(body)
    _refuse_foreign(whole, {"data"}, "")
    _refuse_repeated(body, whole, "")
    if "data" in whole:
        data = bytes(whole["data"])
        columns_given = _members(data)
        _refuse_foreign(columns_given, known, "data.")
        _refuse_repeated(data, columns_given, "data.")


def _members(text: bytes) -> Members:
    """The members of a JSON object; none when it is another value, of which pydantic says what it should be."""
    try:
        return _MEMBERS.decode(text)
    except msgspec.ValidationError:
        return {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        failure = Failure("json", f"is not valid JSON: {bounded(error)}", "body")
        raise RowsRefused("the request cannot be read", [failure]) from None


def _refuse_foreign(members: Members, known: Collection[str], where: str) -> None:
    foreign = [name for name in members if name not in known]
    if len(foreign) > MOST_FIELDS:
        shown = foreign[:MOST_FIELDS]
        failures = [Failure("unknown", "is not a column of the contract", f"{where}{bounded(name)}") for name in shown]
        raise RowsRefused("the request breaks the contract", failures)


def _refuse_repeated(text: bytes, members: Members, where: str) -> None:
    """The quotes around names that stand there once are known: what is more belongs to one that stands there twice."""
    outside = text.count(_QUOTE) - sum(bytes(value).count(_QUOTE) for value in members.values())
    if not members or outside == sum(json.dumps(name).count(_QUOTE.decode()) for name in members):
        return
    repeated = next((name for name in members if _is_written_twice(name, text)), None)
    failure = (
        Failure("escaped-name", "has names with needless escapes: write them as they are", "body")
        if repeated is None
        else Failure("repeated-name", "is given twice: leave one", f"{where}{bounded(repeated)}")
    )
    raise RowsRefused("the request cannot be read", [failure])


def _is_written_twice(name: str, text: bytes) -> bool:
    spellings = {json.dumps(name).encode(), json.dumps(name, ensure_ascii=False).encode(errors="surrogatepass")}
    either = b"|".join(map(re.escape, sorted(spellings)))
    return len(re.findall(rb"(?:" + either + rb")\s*:", text)) > 1


__all__ = [
    "MOST_ROWS",
    "Rows",
    "example_request",
    "json_value",
    "parse",
    "request_model",
    "response_model",
    "value_type",
]
