"""The kinds of columns a contract can have.

Whoever matches over them ends with `assert_never`, so that mypy names every place a new kind must be taught to.
"""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StrictInt, StrictStr
from pydantic.dataclasses import dataclass

FROZEN = ConfigDict(extra="forbid", allow_inf_nan=False, str_max_length=2_000)

# Strict, so that neither True nor "1" is taken for 1.
Scalar = StrictInt | StrictStr
Role = Literal["feature", "context"]
Name = Annotated[str, Field(min_length=1, max_length=200)]


# ------------------------------------------------------------------------------------------- columns


@dataclass(frozen=True, config=FROZEN)
class _Described:
    """What every column says of itself beside its values.

    role: "feature" is fed to the model; "context" is accepted, checked, stored and monitored, not fed.
    """

    name: Name
    role: Role = field(default="feature", kw_only=True)
    nullable: bool = field(default=False, kw_only=True)
    unit: str = field(default="", kw_only=True)
    description: str = field(default="", kw_only=True)


def check_range(name: str, minimum: Any, maximum: Any, example: Any) -> None:  # noqa: ANN401 - numbers or times alike
    """Raise ValueError when the bounds contradict each other or the example."""
    if minimum is not None and maximum is not None and minimum > maximum:
        msg = f"column {name!r}: the minimum {minimum} is above the maximum {maximum}"
        raise ValueError(msg)
    low = minimum is not None and example is not None and example < minimum
    high = maximum is not None and example is not None and example > maximum
    if low or high:
        msg = f"column {name!r}: the example {example} is outside {minimum} .. {maximum}"
        raise ValueError(msg)


@dataclass(frozen=True, config=FROZEN)
class Number(_Described):
    """A finite real number, bounds included."""

    minimum: float | None = None
    maximum: float | None = None
    example: float | None = field(default=None, kw_only=True)
    kind: Literal["number"] = field(default="number", kw_only=True)

    def __post_init__(self) -> None:
        """Bounds and example must agree."""
        check_range(self.name, self.minimum, self.maximum, self.example)


LARGEST_EXACT_INTEGER = 2**53
ExactInteger = Annotated[int, Field(ge=-LARGEST_EXACT_INTEGER, le=LARGEST_EXACT_INTEGER)]


@dataclass(frozen=True, config=FROZEN)
class Integer(_Described):
    """A whole number, bounds included; within +-2**53, so that a model's float64 holds it exactly."""

    minimum: ExactInteger | None = None
    maximum: ExactInteger | None = None
    example: ExactInteger | None = field(default=None, kw_only=True)
    kind: Literal["integer"] = field(default="integer", kw_only=True)

    def __post_init__(self) -> None:
        """Bounds and example must agree."""
        check_range(self.name, self.minimum, self.maximum, self.example)


@dataclass(frozen=True, config=FROZEN)
class Category(_Described):
    """One of a fixed set of values, all numbers or all text."""

    values: Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=10_000)] = ()
    example: Scalar | None = field(default=None, kw_only=True)
    kind: Literal["category"] = field(default="category", kw_only=True)

    def __post_init__(self) -> None:
        """Values are distinct, of one type, and the example is one of them."""
        if not self.values:
            msg = f"column {self.name!r}: a Category needs its values, e.g. Category({self.name!r}, (0, 1))"
            raise ValueError(msg)
        if len(set(self.values)) != len(self.values):
            msg = f"column {self.name!r}: a value is listed twice"
            raise ValueError(msg)
        if len({type(value) for value in self.values}) != 1:
            msg = f"column {self.name!r}: values must be all numbers or all text"
            raise ValueError(msg)
        if self.example is not None and self.example not in self.values:
            msg = f"column {self.name!r}: the example {self.example!r} is not one of its values"
            raise ValueError(msg)


def _with_zone(value: datetime | None) -> datetime | None:
    if value is not None and value.tzinfo is None:
        msg = "times need an offset, e.g. 2026-01-31T12:00:00Z"
        raise ValueError(msg)
    return value


Moment = Annotated[datetime, AfterValidator(_with_zone)]


@dataclass(frozen=True, config=FROZEN)
class Timestamp(_Described):
    """A moment in ISO 8601 with its offset from UTC; a model sees seconds since 1970-01-01T00:00:00Z."""

    minimum: Moment | None = None
    maximum: Moment | None = None
    example: Moment | None = field(default=None, kw_only=True)
    kind: Literal["timestamp"] = field(default="timestamp", kw_only=True)

    def __post_init__(self) -> None:
        """Bounds and example must agree."""
        check_range(self.name, self.minimum, self.maximum, self.example)


Column = Annotated[Number | Integer | Category | Timestamp, Field(discriminator="kind")]
