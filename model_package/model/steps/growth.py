"""Growth: predictions whose truth has come become rows to learn from, beside the rows of the files.

They are held to what files are held to. What a file may not break stops the pipeline, since somebody can mend the file;
nobody can mend a prediction, so that it is left out and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from model.steps.likeness import empty_rows, first_of, groups, rows_are_distinctive
from model.steps.validation import FEWEST_PER_CLASS
from model.steps.values import failure_cases

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from model.contract import Contract

# The predictions (key, prediction_id, created_at, truth) and their inputs, as `model.joined.JoinedRows` has them.
Joined = tuple[pd.DataFrame, pd.DataFrame]

PREDICTED_AT: Final = "predicted_at"
EMPTY: Final = "they have no value in any feature"
BROKEN: Final = "they break the contract"
LATER: Final = "a later prediction has the same key"
IN_FILES: Final = "a file has the same key"
ALIKE: Final = "they equal an earlier row in every column"


@dataclass(frozen=True, slots=True, eq=False)
class Grown:
    """The collected rows with those that were predictions.

    frame: key, columns and target; those of the files first, the others in the order in which they were predicted.
    arrivals: key and `predicted_at` of the rows that were predictions and have no file's key.
    left_out: why -> how many predictions. replaced: how many rows of files were left out.
    """

    frame: pd.DataFrame
    arrivals: pd.DataFrame
    left_out: dict[str, int]
    replaced: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """Rows as files have them, and when each was predicted: the earliest first, on the same index."""

    rows: pd.DataFrame
    moments: pd.Series[Any]

    def without(self, which: NDArray[np.bool_], why: str, left_out: dict[str, int]) -> _Known:
        """The others; how many these are is noted."""
        if which.any():
            left_out[why] = left_out.get(why, 0) + int(which.sum())
        return _Known(self.rows[~which], self.moments[~which])


def grow(contract: Contract, files: pd.DataFrame, known: Iterable[Joined]) -> Grown:
    """Add predictions whose truth is known to the collected frame of the files, as `contract.retraining` says.

    known: in any order. Where there is nothing to add, the frame is the very one of the files.
    """
    left_out: dict[str, int] = {}
    key = contract.key.name
    sound = _sound(contract, _read(contract, known), left_out)
    if contract.retraining.wins == "files":
        sound = sound.without(sound.rows[key].isin(files[key]).to_numpy(), IN_FILES, left_out)
    stays = files[~files[key].isin(sound.rows[key])]
    kept = sound.without(_alike(contract, stays, sound.rows), ALIKE, left_out)
    if kept.rows.empty:
        return Grown(files, _arrivals(key, kept), left_out)
    replaced = len(stays) if _suffices(contract, kept.rows) else 0
    frame = pd.concat([stays.iloc[replaced:], kept.rows], ignore_index=True)[list(files.columns)]
    is_new = ~kept.rows[key].isin(files[key])
    new = _Known(kept.rows[is_new], kept.moments[is_new])
    return Grown(frame, _arrivals(key, new), left_out, replaced)


def _read(contract: Contract, known: Iterable[Joined]) -> _Known:
    """What is known; a row without a key is called by its prediction's id."""
    parts = [(own, inputs) for own, inputs in known if len(own)]
    if not parts:
        nothing: pd.Series[Any] = pd.Series(dtype="datetime64[us, UTC]")
        return _Known(pd.DataFrame({contract.key.name: pd.Series(dtype="str")}), nothing)
    own, rows = (pd.concat(some, ignore_index=True) for some in zip(*parts, strict=True))
    key = own["key"].where(own["key"].notna(), "prediction:" + own["prediction_id"])
    rows = rows.assign(**{contract.key.name: key, contract.target.name: own["truth"]})
    order = own.sort_values(["created_at", "prediction_id"]).index
    return _Known(rows.loc[order].reset_index(drop=True), own.loc[order, "created_at"].reset_index(drop=True))


def _sound(contract: Contract, known: _Known, left_out: dict[str, int]) -> _Known:
    """Those with something to learn from, that keep the contract, one for each key: the latest."""
    if known.rows.empty:
        return known
    known = known.without(empty_rows(contract, known.rows), EMPTY, left_out)
    known = known.without(_broken(contract, known.rows), BROKEN, left_out)
    again = known.rows.duplicated(contract.key.name, keep="last").to_numpy(np.bool_)
    return known.without(again, LATER, left_out)


def _broken(contract: Contract, rows: pd.DataFrame) -> NDArray[np.bool_]:
    at = failure_cases(contract, rows, labelled=True)["index"].dropna()
    return np.asarray(rows.index.isin(at), np.bool_)


def _alike(contract: Contract, files: pd.DataFrame, rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Of `rows`, those equal to a row of a file or an earlier one, whatever the label, where that is no coincidence.

    The first one stays, so that the side of the split on which it stands does not change with what comes later.
    """
    if rows.empty or not rows_are_distinctive(contract):
        return np.zeros(len(rows), np.bool_)
    names = list(contract.column_names)
    both = pd.concat([files[names], rows[names]], ignore_index=True)
    is_first = first_of(groups(both, names)) == np.arange(len(both))
    return np.asarray(~is_first[len(files) :], np.bool_)


def _suffices(contract: Contract, rows: pd.DataFrame) -> bool:
    """Whether these rows may take the place of the files."""
    least = contract.retraining.replaces_files_from
    if least is None or len(rows) < least:
        return False
    counts = rows[contract.target.name].value_counts()
    return all(counts.get(label, 0) >= FEWEST_PER_CLASS for label in contract.target.classes)


def _arrivals(key: str, known: _Known) -> pd.DataFrame:
    return pd.DataFrame({key: known.rows[key], PREDICTED_AT: known.moments}).reset_index(drop=True)
