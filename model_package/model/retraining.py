"""The words of a contract about training again: whether what proved true is learned from, and where to be no worse.

All of them can be left out. Imports pydantic only.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from model.columns import FROZEN


@dataclass(frozen=True, config=FROZEN)
class Slice:
    """Rows on which a challenger must not be surely worse than the champion.

    column: a Category: the rows of each of its values. days: the rows of the latest so many days. One of the two.
    least_rows: held-out rows below which a slice says nothing.
    """

    column: str | None = None
    days: Annotated[float, Field(gt=0, le=36_600)] | None = field(default=None, kw_only=True)
    least_rows: Annotated[int, Field(ge=1, le=1_000_000)] = field(default=30, kw_only=True)

    def __post_init__(self) -> None:
        """It is about a column or about days."""
        if (self.column is None) == (self.days is None):
            msg = "a slice is of a column or of the latest days: say one of column=... and days=..."
            raise ValueError(msg)


@dataclass(frozen=True, config=FROZEN)
class Retraining:
    """What a training learns from beside the raw files, and where a challenger may not be worse.

    truth: whether predictions whose truth is known become rows to learn from.
    origin: only those ("online", "batch"); any when not said.
    oldest_days: predictions made earlier are not learned from; however old they are when not said.
    most_rows: the latest so many are looked at.
    wins: which row stays when a file and a prediction have the same key.
    replaces_files_from: from so many rows on, what proved true takes the place of the files; never when not said.
    """

    truth: bool = field(default=True, kw_only=True)
    origin: Annotated[str, Field(min_length=1, max_length=200)] | None = field(default=None, kw_only=True)
    oldest_days: Annotated[float, Field(gt=0, le=36_600)] | None = field(default=None, kw_only=True)
    most_rows: Annotated[int, Field(ge=1, le=10_000_000)] = field(default=100_000, kw_only=True)
    wins: Literal["files", "truth"] = field(default="files", kw_only=True)
    replaces_files_from: Annotated[int, Field(ge=1)] | None = field(default=None, kw_only=True)
    slices: Annotated[tuple[Slice, ...], Field(max_length=50)] = field(default=(), kw_only=True)
