"""What a promise is: a sentence, a goal that a number meets or does not, and how the number is measured."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Report = Callable[[str], None]
_COMPARISONS = {"=": operator.eq, "<=": operator.le, ">=": operator.ge}


class NotMeasured(Exception):
    """Something that the measurement needs is missing: which, and how to get it. The promise does not hold then."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A number, its unit, and what stands behind it: counts, the machine's share, the worst case by name."""

    value: float
    unit: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Goal:
    """`Goal("<=", 50, "ms")`."""

    comparison: Literal["=", "<=", ">="]
    value: float
    unit: str = ""

    def met_by(self, measured: Measured) -> bool:
        """Whether the number is good enough; a number in another unit is a mistake of ours."""
        if measured.unit != self.unit:
            raise ValueError(f"measured in {measured.unit!r}, promised in {self.unit!r}")
        return bool(_COMPARISONS[self.comparison](measured.value, self.value))

    def __str__(self) -> str:
        return f"{self.comparison} {shown(self.value, self.unit)}"


def shown(value: float, unit: str) -> str:
    """A number for people: `12.3 ms`, `0`."""
    number = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}" if value < 100 else f"{value:,.0f}"  # noqa: PLR2004
    return f"{number} {unit}".strip()


@dataclass(frozen=True, slots=True)
class Promise:
    """A row of the table.

    on_a_quiet_machine: the number is a time or a size, which other programs disturb: the short form in the tests
    measures it and does not judge it.
    in_short: the short form measures it at all.
    needs: programs beside Python.
    """

    name: str
    sentence: str
    goal: Goal
    measure: Callable[[bool, Report], Measured]
    on_a_quiet_machine: bool = False
    in_short: bool = True
    needs: tuple[str, ...] = ()
