"""What `python -m model measure` last measured, read from the small file that it leaves beside the bundles."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

MOST_BYTES: Final = 1024 * 1024


class Figure(NamedTuple):
    """One figure of a version's latest window; until: when that ended, in seconds since 1970. None: no such number."""

    version: str
    until: float
    measure: str
    subject: str
    value: float | None
    expected: float | None
    threshold: float | None
    alarm: bool


@dataclass(frozen=True)
class _Shown:
    measure: str
    subject: str
    value: float | None
    expected: float | None
    threshold: float | None
    alarm: bool


@dataclass(frozen=True)
class _Window:
    version: str
    until: float
    figures: list[_Shown]


@dataclass(frozen=True)
class _File:
    windows: list[_Window]


_READER: Final = TypeAdapter(_File)


def read(path: Path) -> list[Figure]:
    """The figures; none where nothing was measured, or the file cannot be believed. Blocking."""
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        log.warning("the monitors' figures cannot be read", extra={"reason": error.strerror})
        return []
    try:
        windows = _READER.validate_json(text).windows
    except ValidationError:
        log.warning("the monitors' figures cannot be read", extra={"reason": "not the file that `measure` writes"})
        return []
    return [_figure(window, shown) for window in windows for shown in window.figures]


def _figure(window: _Window, shown: _Shown) -> Figure:
    numbers = (shown.value, shown.expected, shown.threshold)
    return Figure(window.version, window.until, shown.measure, shown.subject, *numbers, shown.alarm)
