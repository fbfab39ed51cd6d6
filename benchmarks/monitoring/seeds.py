"""Which random numbers a statistic may be tuned on, and which judge it: never the same.

Whoever changes a statistic, a limit or an interval after having looked at figures of the judging tables has tuned it on
them. Then the judging seeds are spent: add them to `SPENT`, and judge on ones that nobody has looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

APART = 1_000_000


@dataclass(frozen=True, slots=True)
class Seeds:
    """Seeds of one set of tables and windows, all from `base` to `base + APART`; numbers count from 0."""

    base: int

    def small_table(self, number: int) -> int:
        """Of a training table of the shipped size."""
        return self._at(10_000, number)

    def large_table(self, number: int) -> int:
        """Of a larger training table."""
        return self._at(20_000, number)

    def judged_table(self, number: int) -> int:
        """Of a training table that is large enough to judge an estimate by its distance."""
        return self._at(25_000, number)

    def quiet_window(self, number: int) -> int:
        """Of a window without drift."""
        return self._at(30_000, number)

    def moved_window(self, column: int, number: int) -> int:
        """Of a window in which one column moves."""
        return self._at(50_000 + 1_000 * column, number)

    def tilted_window(self, number: int) -> int:
        """Of a window whose inputs move and whose concept stays."""
        return self._at(70_000, number)

    def changed_window(self, number: int) -> int:
        """Of a window with another concept."""
        return self._at(80_000, number)

    def estimated_window(self, number: int) -> int:
        """Of a window whose quality is estimated."""
        return self._at(90_000, number)

    def _at(self, first: int, number: int) -> int:
        return self.base + first + number


TUNING = Seeds(0)
JUDGING = Seeds(2 * APART)
SPENT = (Seeds(APART),)  # once judged, then looked at for a change
