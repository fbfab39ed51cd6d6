"""Contract -> which statistic watches which column, and what of the training data must be remembered for it.

The plan is data. `reference.json` in a bundle holds, for each monitor, the training rows' shares in its bins, so
that later rows can be compared without the training data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

from model.contract import Category, Column, Contract, Integer, Number, Timestamp

Statistic = Literal["psi", "jensen_shannon", "none"]
BINS = 10


@dataclass(frozen=True, slots=True)
class Monitor:
    """How one column is watched.

    statistic: "psi" compares shares in quantile bins of the training rows, "jensen_shannon" shares of values; "none"
        compares nothing: moments move on by themselves, and only how many are missing is watched.
    bins: how many quantile bins; 0 when the values themselves are the bins.
    values: the known values of a category; others are counted as unseen.
    """

    column: str
    statistic: Statistic
    bins: int
    values: tuple[int | str, ...] = ()


def plan(contract: Contract) -> tuple[Monitor, ...]:
    """One monitor for each column, features and context alike, in the contract's order."""
    return tuple(_monitor(column) for column in contract.columns)


def _monitor(column: Column) -> Monitor:
    match column:
        case Number() | Integer():
            return Monitor(column.name, "psi", BINS)
        case Timestamp():
            return Monitor(column.name, "none", 0)
        case Category():
            return Monitor(column.name, "jensen_shannon", 0, column.values)
        case _:
            assert_never(column)
