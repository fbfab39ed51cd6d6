"""Collect: the rows of all files as one typed table, and what was left out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from model.errors import DataError
from model.steps.likeness import empty_rows, repeats
from model.steps.typed import Rows, typed_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from model.contract import Contract
    from model.raw import RawTable


@dataclass(frozen=True, slots=True, eq=False)
class Collected:
    """frame: key, the contract's columns in order and (labelled) target; dropped: file, line, key, reason."""

    frame: pd.DataFrame
    dropped: pd.DataFrame


def collect(contract: Contract, tables: Sequence[RawTable], *, labelled: bool = True) -> Collected:
    """One table of all rows but the empty ones and, when labelled, those that repeat an earlier row and its label.

    Raises:
        DataError: the tables were not validated: a value does not parse.
    """
    rows = typed_rows(contract, tables, labelled=labelled)
    failures = [*(failure for table in tables for failure in table.failures), *rows.failures]
    if failures:
        raise DataError("the data cannot be collected; run: python -m model validate", failures)
    empty = empty_rows(contract, rows.frame)
    again = repeats(contract, rows.frame, ~empty, labelled=True) if labelled else np.zeros(len(empty), np.bool_)
    kept = rows.frame[~empty & ~again].reset_index(drop=True)
    return Collected(kept, _dropped(contract, rows, empty, again))


def _dropped(contract: Contract, rows: Rows, empty: NDArray[np.bool_], again: NDArray[np.bool_]) -> pd.DataFrame:
    at = np.flatnonzero(empty | again)
    reasons = np.where(empty[at], "empty: no value in any feature", "repeats an earlier row and its label")
    return pd.DataFrame(
        {
            "file": pd.Series([rows.names[file] for file in rows.files[at]], dtype="str"),
            "line": rows.lines[at],
            "key": rows.frame[contract.key.name].iloc[at].reset_index(drop=True),
            "reason": pd.Series(list(reasons), dtype="str"),
        }
    )
