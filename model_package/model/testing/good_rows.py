"""Rows that keep a contract, drawn at random, and raw files that hold them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, assert_never

from model.contract import LARGEST_EXACT_INTEGER, Category, Column, Contract, Integer, Number, Source, Timestamp
from model.testing.sheets import Sheet, file_of

if TYPE_CHECKING:
    from pathlib import Path

# How much of a value the label explains: enough to learn from, far from giving the answer away.
SIGNAL = 0.4
SHARE_MISSING = 0.1
_START = datetime(2026, 1, 1, tzinfo=UTC)


def good_rows(contract: Contract, count: int, seed: int = 0) -> dict[str, list[Any]]:
    """`count` labelled rows by column: key, the contract's columns, target.

    Values are int, float, str, datetime (UTC) or, where nullable, None. Labels take turns; values lean on them.
    """
    chance = random.Random(seed)  # noqa: S311 - test data
    latent = [chance.random() for _ in range(count)]
    labels = contract.target.classes
    # Whole turns through the labels, each row's latent value falling into its label's part of 0..1.
    turns = [index % len(labels) for index in range(count)] if labels else []
    places = [(turn + part) / len(labels) for turn, part in zip(turns, latent, strict=True)] if labels else latent
    rows: dict[str, list[Any]] = {contract.key.name: [f"k{seed}-{index + 1}" for index in range(count)]}
    for column in contract.columns:
        rows[column.name] = [_draw(column, place, chance) for place in places]
    rows[contract.target.name] = [labels[turn] for turn in turns] or [_value(contract, place) for place in places]
    return rows


def _value(contract: Contract, place: float) -> float:
    low, high = _limits(contract.target.minimum, contract.target.maximum, 100.0)
    return low + (high - low) * place


def _limits(minimum: float | None, maximum: float | None, width: float) -> tuple[float, float]:
    if minimum is None:
        return (0.0, width) if maximum is None else (maximum - width, maximum)
    return minimum, minimum + width if maximum is None else maximum


def _draw(column: Column, place: float, chance: random.Random) -> Any:  # noqa: ANN401 - one of the kinds' types
    if column.nullable and chance.random() < SHARE_MISSING:
        return None
    within = SIGNAL * place + (1 - SIGNAL) * chance.random()
    match column:
        case Number():
            low, high = _limits(column.minimum, column.maximum, 100.0)
            return min(max(float(f"{low + (high - low) * within:.6g}"), low), high)
        case Integer():
            return _whole(column, within)
        case Category():
            return column.values[int(within * len(column.values))]
        case Timestamp():
            low_, high_ = _moments(column)
            return low_ + timedelta(seconds=int((high_ - low_).total_seconds() * within))
        case _:
            assert_never(column)


def _whole(column: Integer, within: float) -> int:
    low, high = _limits(column.minimum, column.maximum, 1_000_000)
    return max(-LARGEST_EXACT_INTEGER, min(LARGEST_EXACT_INTEGER, int(low) + int((int(high) - int(low)) * within)))


def _moments(column: Timestamp) -> tuple[datetime, datetime]:
    year = timedelta(days=365)
    if column.minimum is None:
        end = column.maximum or _START + year
        return (end - year).astimezone(UTC), end.astimezone(UTC)
    return column.minimum.astimezone(UTC), (column.maximum or column.minimum + year).astimezone(UTC)


# ------------------------------------------------------------------------------------------- files


def write_sources(contract: Contract, directory: Path, rows_per_class: int = 50, seed: int = 0) -> list[Path]:
    """Valid files for every source of the contract, in its dialect; a pattern gets one file. Returns the files.

    rows_per_class: rows of each label, shared by the sources that may hold it; a regression gets twice as many rows.
    """
    count = rows_per_class * (len(contract.target.classes) or 2)
    return write_rows(contract, directory, good_rows(contract, count, seed))


def write_rows(contract: Contract, directory: Path, rows: dict[str, list[Any]]) -> list[Path]:
    """Rows, as `good_rows` gives them, in a file for every source of the contract; returns the files."""
    homes = _homes(contract, rows[contract.target.name])
    return [
        _write(contract, source, directory, rows, [row for row, home in enumerate(homes) if home == index])
        for index, source in enumerate(contract.sources)
    ]


def _homes(contract: Contract, labels: list[Any]) -> list[int | None]:
    """For each row the source whose file it goes to: those that may hold its label take turns."""
    indexed = list(enumerate(contract.sources))
    homes: list[int | None] = []
    for row, label in enumerate(labels):
        fits = [index for index, source in indexed if source.target is None or source.target == label]
        if not contract.target.labels:
            fits = [index for index, _ in indexed]
        homes.append(fits[row // max(len(contract.target.labels), 1) % len(fits)] if fits else None)
    return homes


def _write(contract: Contract, source: Source, directory: Path, rows: dict[str, list[Any]], chosen: list[int]) -> Path:
    names = [name for name in rows if source.target is None or name != contract.target.name]
    header = list(source.names) if not source.header else [*source.ignore, *names]
    sheet = Sheet(contract, source, directory / file_of(source), header, [])
    for number, row in enumerate(chosen, 1):
        sheet.rows.append([sheet.text(rows[name][row]) if name in rows else str(number) for name in header])
    sheet.path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save()
    return sheet.path
