"""Which rows are alike, which are empty, and what follows from it for collecting and splitting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from model.contract import Category, Column, Contract, Integer, Number, Timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MANY_VALUES = 1_000


def groups(frame: pd.DataFrame, names: Sequence[str]) -> NDArray[np.intp]:
    """A number per row, equal exactly for rows that are equal in the named columns (missing equals missing)."""
    codes = np.zeros(len(frame), np.intp)
    for name in names:
        column, values = pd.factorize(frame[name], use_na_sentinel=False)
        codes = pd.factorize(codes * (len(values) + 1) + column)[0]
    return codes


def first_of(codes: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each row the position of the first row with its code."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    return np.asarray(first[inverse], np.intp)


def empty_rows(contract: Contract, frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows in which every feature is missing: there is nothing to learn from or predict with."""
    return np.asarray(frame[list(contract.feature_names)].isna().all(axis="columns"), np.bool_)


def repeats(contract: Contract, frame: pd.DataFrame, among: NDArray[np.bool_], *, labelled: bool) -> NDArray[np.bool_]:
    """Rows, of those asked about, equal to an earlier one in every column (and label), where that is no coincidence."""
    found = np.zeros(len(frame), np.bool_)
    if rows_are_distinctive(contract):
        names = [*contract.column_names, *([contract.target.name] if labelled else [])]
        at = np.flatnonzero(among)
        found[at] = first_of(groups(frame.iloc[at], names)) != np.arange(len(at))
    return found


def rows_are_distinctive(contract: Contract) -> bool:
    """Whether two rows that are equal in all columns are one observation twice, and not a coincidence.

    So they are as soon as one column measures something finely. A problem of a few small categories repeats rows
    naturally: there, dropping repeats would change the frequencies, and different labels are noise.
    """
    return any(_is_fine(column) for column in contract.columns)


def _is_fine(column: Column) -> bool:
    match column:
        case Number() | Timestamp():
            return True
        case Integer():
            bounds = column.minimum, column.maximum
            return bounds[0] is None or bounds[1] is None or bounds[1] - bounds[0] >= MANY_VALUES
        case Category():
            return False
