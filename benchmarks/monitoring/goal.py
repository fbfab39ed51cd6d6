"""A row of the table: what is measured, the goal, and whether the number meets it."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any, Literal

_COMPARISONS = {"<=": operator.le, ">=": operator.ge}

_WHOLE = 1_000  # from here on digits behind the point tell nothing


@dataclass(frozen=True, slots=True)
class Row:
    """`Row("whole-window false alarms", "<=", 0.05, 0.01)`; without a goal it is told and not judged.

    detail: what stands behind the number, for programs.
    """

    name: str
    what: str
    measured: float
    comparison: Literal["<=", ">="] = "<="
    goal: float | None = None
    unit: Literal["%", "s", ""] = ""
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether the goal is met; a NaN does not."""
        return self.goal is None or bool(_COMPARISONS[self.comparison](self.measured, self.goal))

    def shown(self) -> tuple[str, str, str]:
        """What, goal and measured, for people."""
        goal = "none" if self.goal is None else f"{self.comparison} {self._number(self.goal)}"
        return self.what, goal, self._number(self.measured) + ("" if self.holds else ", MISSED")

    def _number(self, value: float) -> str:
        match self.unit:
            case "%":
                return f"{100 * value:.1f} %"
            case "s":
                return f"{value:.2f} s"
            case "":
                return f"{value:,.0f}" if value >= _WHOLE else f"{value:.3g}"
