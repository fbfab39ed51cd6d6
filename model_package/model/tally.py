"""Broken rules of one file, counted as they are met: what is kept is bounded whatever the data's size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model.errors import MOST_EXAMPLES, Failure

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(slots=True)
class _Entry:
    message: str
    lines: list[int] = field(default_factory=list)
    count: int = 0


class Tally:
    """One entry per check: the first message, the first lines, and how often it was met."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._entries: dict[str, _Entry] = {}

    def add(self, check: str, message: str, lines: Iterable[int] = (), *, count: int = 1) -> None:
        """Count `count` more breaches of `check`; lines are kept while there is room."""
        entry = self._entries.setdefault(check, _Entry(message))
        entry.count += count
        room = MOST_EXAMPLES - len(entry.lines)
        if room > 0:
            entry.lines.extend(list(lines)[:room])

    def __contains__(self, check: str) -> bool:
        return check in self._entries

    def __bool__(self) -> bool:
        return bool(self._entries)

    def failures(self) -> tuple[Failure, ...]:
        """One failure per check, in the order they were first met."""
        return tuple(
            Failure(check, entry.message, self._where, tuple(entry.lines), entry.count)
            for check, entry in self._entries.items()
        )
