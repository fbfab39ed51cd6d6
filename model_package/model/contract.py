"""The words of a contract: a tabular problem, said once, from which everything else is derived.

A contract is frozen data. It refuses words it does not know, checks itself when it is made, and round-trips
through JSON to an equal object with the same fingerprint. This module imports pydantic and nothing heavier.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import field
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.dataclasses import dataclass

from model.columns import (
    FROZEN,
    LARGEST_EXACT_INTEGER,
    Category,
    Column,
    Integer,
    Name,
    Number,
    Scalar,
    Timestamp,
    check_range,
)
from model.errors import ContractError, bounded
from model.monitoring import Monitoring
from model.retraining import Retraining, Slice

__all__ = [
    "LARGEST_EXACT_INTEGER",
    "Category",
    "Column",
    "Contract",
    "Integer",
    "Key",
    "Label",
    "Monitoring",
    "Number",
    "Retraining",
    "Slice",
    "Source",
    "Split",
    "Target",
    "Task",
    "Timestamp",
    "explain",
]

MOST_COLUMNS = 2_000
MOST_LABELS = 1_000


# ------------------------------------------------------------------------------- key, target, sources


@dataclass(frozen=True, config=FROZEN)
class Key:
    """The identity of a row: stored and joined on, never a feature. Any text of 1 to 200 characters."""

    name: Name
    example: str = field(default="1", kw_only=True)
    description: str = field(default="", kw_only=True)


@dataclass(frozen=True, config=FROZEN)
class Label:
    """One class: the value that stands in the data and in the answer, and its name for people."""

    value: Scalar
    name: Name


def _labels(value: object) -> object:
    """Take `{0: "other", 1: "reggaeton"}` or `("a", "b")` for the tuple of labels that is stored."""
    if isinstance(value, dict) and all(not isinstance(name, dict) for name in value.values()):
        return tuple(Label(code, name) for code, name in value.items())
    if isinstance(value, (tuple, list)) and all(isinstance(item, (str, int)) for item in value):
        return tuple(Label(item, str(item)) for item in value)
    return value


Task = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True, config=FROZEN)
class Target:
    """What is predicted. Two labels make it binary, more multiclass, none a regression.

    positive: of two labels, the one whose probability is thresholded; the last one when not said.
    minimum, maximum: of a regression's values.
    """

    name: Name
    labels: Annotated[tuple[Label, ...], BeforeValidator(_labels), Field(max_length=MOST_LABELS)] = ()
    positive: Scalar | None = field(default=None, kw_only=True)
    minimum: float | None = field(default=None, kw_only=True)
    maximum: float | None = field(default=None, kw_only=True)
    unit: str = field(default="", kw_only=True)
    description: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        """Labels are distinct and at least two, or there are none; `positive` is one of two."""
        values = [label.value for label in self.labels]
        if len({type(value) for value in values}) > 1:
            msg = f"target {self.name!r}: labels must be all numbers or all text"
            raise ValueError(msg)
        if len(values) == 1 or len(set(map(str, values))) != len(values):
            msg = f"target {self.name!r}: give at least two different labels, or none for a regression"
            raise ValueError(msg)
        if self.positive is not None and (len(values) != 2 or self.positive not in values):  # noqa: PLR2004
            msg = f"target {self.name!r}: positive={self.positive!r} must be one of exactly two labels"
            raise ValueError(msg)
        if values and (self.minimum is not None or self.maximum is not None):
            msg = f"target {self.name!r}: minimum and maximum are for a regression, which has no labels"
            raise ValueError(msg)
        check_range(self.name, self.minimum, self.maximum, None)

    @property
    def task(self) -> Task:
        """Which kind of problem this target makes."""
        match len(self.labels):
            case 0:
                return "regression"
            case 2:
                return "binary"
            case _:
                return "multiclass"

    @property
    def classes(self) -> tuple[int | str, ...]:
        """The label values in the order of the model's probabilities; the positive one last."""
        values = [label.value for label in self.labels]
        if self.positive is not None:
            values.sort(key=lambda value: value == self.positive)
        return tuple(values)


@dataclass(frozen=True, config=FROZEN)
class Source:
    """One file (or pattern of files) of raw rows, and how its text is to be read.

    file: a name or glob pattern inside the raw data folder.
    target: the label of every row, when it does not stand in a column.
    encoding: "utf-8" refuses a byte-order mark, "utf-8-sig" takes one.
    newline: how lines end; "any" takes both.
    multiline: whether a quoted field may hold a line break.
    header: False when the first line is data; then `names` gives the columns in order.
    missing: texts that mean "no value" (the empty field always does).
    rename: column in the file -> column in the contract.
    ignore: columns that the file has and the problem does not use.
    """

    file: Name
    target: Scalar | float | None = field(default=None, kw_only=True)
    format: Literal["csv"] = field(default="csv", kw_only=True)
    separator: Annotated[str, Field(min_length=1, max_length=1)] = field(default=",", kw_only=True)
    encoding: Literal["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"] = field(default="utf-8", kw_only=True)
    newline: Literal["lf", "crlf", "any"] = field(default="lf", kw_only=True)
    multiline: bool = field(default=False, kw_only=True)
    header: bool = field(default=True, kw_only=True)
    names: tuple[str, ...] = field(default=(), kw_only=True)
    missing: tuple[str, ...] = field(default=("NA",), kw_only=True)
    decimal: Literal[".", ","] = field(default=".", kw_only=True)
    rename: dict[str, str] = field(default_factory=dict, kw_only=True)
    ignore: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        """A header or names; a separator that is not the decimal sign; a file inside the folder."""
        if not self.header and not self.names:
            msg = f"source {self.file!r}: without a header, say names=(...)"
            raise ValueError(msg)
        if self.separator in '"\n\r\0':
            msg = f"source {self.file!r}: {self.separator!r} cannot separate fields"
            raise ValueError(msg)
        if self.separator == self.decimal:
            msg = f"source {self.file!r}: separator and decimal are both {self.decimal!r}"
            raise ValueError(msg)
        if self.file.startswith("/") or ".." in self.file.split("/"):
            msg = f"source {self.file!r}: must lie inside the raw data folder"
            raise ValueError(msg)


@dataclass(frozen=True, config=FROZEN)
class Split:
    """How the hold-out is drawn: at random within classes, by whole groups, or the latest rows.

    column: the group's or the time's column; the key's name groups by key.
    share: of the rows that are held out.
    """

    by: Literal["stratified", "group", "time"] = "stratified"
    column: str | None = field(default=None, kw_only=True)
    share: Annotated[float, Field(gt=0, lt=1)] = field(default=0.2, kw_only=True)

    def __post_init__(self) -> None:
        """Group and time need their column; stratified has none."""
        if (self.by == "stratified") != (self.column is None):
            msg = f"split by {self.by!r}: " + ("takes no column" if self.column else "say which column=...")
            raise ValueError(msg)


# ------------------------------------------------------------------------------------------- contract


@dataclass(frozen=True, config=FROZEN)
class Contract:
    """A tabular problem, said once.

    name: lower-case letters, digits, - and _: it names folders, tables and metrics.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,49}$")]
    key: Key
    target: Target
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    columns: Annotated[tuple[Column, ...], Field(min_length=1, max_length=MOST_COLUMNS)]
    split: Split = field(default_factory=Split)
    description: str = ""
    monitoring: Monitoring = field(default_factory=Monitoring, kw_only=True)
    retraining: Retraining = field(default_factory=Retraining, kw_only=True)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        names = [self.key.name, self.target.name, *(column.name for column in self.columns)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"these names stand for more than one column: {', '.join(twice)}"
            raise ValueError(msg)
        if not self.features:
            msg = "no column has role='feature': a model needs at least one"
            raise ValueError(msg)
        if self.split.column is not None:
            self._check_split(self.split.column)
        strange = sorted(set(self.monitoring.subjects) - {column.name for column in self.columns})
        if strange:
            msg = f"monitoring speaks of {', '.join(strange)}, which is no column of the contract"
            raise ValueError(msg)
        for one in self.retraining.slices:
            self._check_slice(one)
        for source in self.sources:
            self._check_source(source)
        return self

    def _check_slice(self, one: Slice) -> None:
        categories = {column.name for column in self.columns if isinstance(column, Category)}
        if one.column is not None and one.column not in categories:
            msg = f"retraining: the slice {one.column!r} is not a Category of the contract"
            raise ValueError(msg)

    def _check_split(self, name: str) -> None:
        by_key = self.split.by == "group" and name == self.key.name
        column = next((column for column in self.columns if column.name == name), None)
        if not by_key and column is None:
            msg = f"split column {name!r} is not a column of the contract"
            raise ValueError(msg)
        if self.split.by == "time" and not isinstance(column, Timestamp | Integer | Number):
            msg = f"split by time: {name!r} must be a Timestamp, an Integer or a Number"
            raise ValueError(msg)

    def _check_source(self, source: Source) -> None:
        known = {self.key.name, self.target.name, *(column.name for column in self.columns)}
        both = sorted(known & set(source.ignore))
        strange = sorted(set(source.rename.values()) - known)
        if both or strange:
            msg = f"source {source.file!r}: ignores {both} or renames to {strange}, which does not fit the contract"
            raise ValueError(msg)
        if source.target is None:
            return
        values: list[object] = [label.value for label in self.target.labels]
        if values and source.target not in values:
            msg = f"source {source.file!r}: target={source.target!r} is not one of the labels {values}"
            raise ValueError(msg)

    @cached_property
    def features(self) -> tuple[Column, ...]:
        """The columns that are fed to the model, in order."""
        return tuple(column for column in self.columns if column.role == "feature")

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(column.name for column in self.features)

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """The names of all columns, features and context, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        found = next((column for column in self.columns if column.name == name), None)
        if found is None:
            raise KeyError(name)
        return found

    @cached_property
    def fingerprint(self) -> str:
        """sha256 of the canonical JSON: equal contracts, and only they, have equal fingerprints."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no white space.

        What is said of monitoring or retraining stands in it only when it is not the default: contracts of before
        there were such words keep their fingerprint.
        """
        plain = _ADAPTER.dump_python(self, mode="json")
        if self.monitoring == Monitoring():
            del plain["monitoring"]
        if self.retraining == Retraining():
            del plain["retraining"]
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @staticmethod
    def from_json(text: str | bytes) -> Contract:
        """The contract that `to_json` wrote. Raises ContractError naming each field that is wrong."""
        try:
            return _ADAPTER.validate_json(text)
        except ValidationError as error:
            raise ContractError(explain(error, "contract.json is not a valid contract")) from None


_ADAPTER: TypeAdapter[Contract] = TypeAdapter(Contract)


def explain(error: ValidationError, title: str, most: int = 10) -> str:
    """A pydantic error in a few lines: a title, then each field and what is wrong with it."""
    lines = [
        f"  - {'.'.join(map(str, found['loc'])) or 'contract'}: {bounded(found['msg'])}"
        for found in error.errors(include_url=False, include_input=False)[:most]
    ]
    return "\n".join([f"{title}:", *lines])
