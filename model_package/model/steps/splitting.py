"""Split: which rows are held out, decided by the rows themselves and a seed, never by their order in the files."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Never

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from model.errors import DataError, Failure
from model.steps.likeness import groups, rows_are_distinctive

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from model.contract import Contract

QUANTILES = 10


def split(
    contract: Contract, frame: pd.DataFrame, *, seed: int, arrived: Collection[str] = ()
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(train, hold-out) of a collected, labelled frame, as `contract.split` says; each in the frame's order.

    Rows with equal features never stand on both sides (Kapoor and Narayanan 2023, leakage L1.4). By time, the earlier
    ones are left out of the training part, because moving the later ones would train on what comes after.

    arrived: keys of rows that came after the others, in order. What comes after them changes the side of none, so that
    no model was ever trained on what judges the next one. By time the order of the rows takes care of that.

    Raises:
        DataError: the rows cannot be divided so, or a side would lack a label.
    """
    if contract.split.by == "time":
        train, held = _by_time(contract, frame)
    elif len(arrived):
        train, held = _by_arrival(contract, frame, seed, arrived)
    else:
        held = _by_units(contract, frame, seed)
        train = ~held
    _check_sides(contract, frame, train, held)
    return frame[train].reset_index(drop=True), frame[held].reset_index(drop=True)


# ------------------------------------------------------------------------------------------- by units


def _by_units(contract: Contract, frame: pd.DataFrame, seed: int) -> NDArray[np.bool_]:
    """Whole units (rows that belong together) are drawn within strata until the share of rows is reached."""
    unit = units(contract, frame)
    size = np.bincount(unit)
    stratum = np.full(len(size), np.iinfo(np.intp).max)
    np.minimum.at(stratum, unit, _strata(contract, frame))
    order = _draw(frame[contract.key.name], unit, seed)
    held = np.zeros(len(size), np.bool_)
    for one in np.unique(stratum):
        drawn = order[stratum[order] == one]
        held[drawn[: _how_many(size[drawn], contract.split.share)]] = True
    return np.asarray(held[unit], np.bool_)


def _how_many(sizes: NDArray[np.intp], share: float) -> int:
    """How many of the units, in this order, come nearest to the share of the rows; none and all only if need be."""
    reached = np.concatenate([[0], np.cumsum(sizes)])
    nearest = int(np.abs(reached - share * reached[-1]).argmin())
    return min(max(nearest, 1), len(sizes) - 1)


def units(contract: Contract, frame: pd.DataFrame) -> NDArray[np.intp]:
    """Numbers rows so that those with equal features, or of one group, have one number."""
    ties = _ties(contract, frame)
    rows = np.arange(len(frame))
    # A graph of rows and ties: each row hangs on its ties, and what is connected is one unit.
    knots = [len(frame) * (1 + index) + tie for index, tie in enumerate(ties)]
    count = len(frame) * (1 + len(ties))
    ends = np.concatenate([rows[:0], *(rows for _ in ties)]), np.concatenate([rows[:0], *knots])
    graph = coo_array((np.ones(len(ends[0]), np.int8), ends), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    return np.asarray(pd.factorize(labels[: len(frame)])[0], np.intp)


def _ties(contract: Contract, frame: pd.DataFrame) -> list[NDArray[np.intp]]:
    """What keeps rows together, each as a number per row: equal features, where these are no coincidence; a group."""
    alike = [groups(frame, contract.feature_names)] if rows_are_distinctive(contract) else []
    by_group = contract.split.by == "group" and contract.split.column is not None
    return [*alike, *([_group(frame[contract.split.column])] if by_group else [])]


def _group(values: pd.Series[Any]) -> NDArray[np.intp]:
    """A number per group; rows without one are each on their own."""
    codes, known = pd.factorize(values)
    alone = codes < 0
    return np.asarray(np.where(alone, len(known) + np.cumsum(alone) - 1, codes), np.intp)


def _strata(contract: Contract, frame: pd.DataFrame) -> NDArray[np.intp]:
    """The label, the rarest first (so that a unit of several labels counts as its rarest); or tenths of the values."""
    values = frame[contract.target.name]
    if not contract.target.labels:
        return np.asarray(pd.qcut(values.rank(method="first"), min(QUANTILES, len(values)), labels=False), np.intp)
    counts = values.value_counts()
    rarest = sorted(counts.index, key=lambda label: (counts[label], str(label)))
    return np.asarray(values.map({label: place for place, label in enumerate(rarest)}), np.intp)


def _draw(keys: pd.Series[Any], unit: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """The units in random order: by the least hash among their rows' keys, so whatever the order of the rows."""
    drawn = np.fromiter((_hash(key, seed) for key in keys), np.uint64, len(keys))
    least = np.full(int(unit.max(initial=-1)) + 1, np.iinfo(np.uint64).max)
    np.minimum.at(least, unit, drawn)
    return np.asarray(np.argsort(least, kind="stable"), np.intp)


def _hash(key: str, seed: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}:{key}".encode(), digest_size=8).digest())


# ---------------------------------------------------------------------------------------- by arrival


def _by_arrival(
    contract: Contract, frame: pd.DataFrame, seed: int, arrived: Collection[str]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The first rows are drawn as if they were alone; each later one in turn is bound by those before it."""
    later = frame[contract.key.name].isin(arrived).to_numpy(np.bool_)
    held = np.zeros(len(frame), np.bool_)
    if not later.all():
        held[~later] = _by_units(contract, frame[~later].reset_index(drop=True), seed)
    train = ~held & ~later
    ties = [list(map(int, row)) for row in zip(*_ties(contract, frame), strict=True)] or [[]] * len(frame)
    _place(ties, later, _sides(contract, frame, seed), train, held)
    return train, held


def _place(
    ties: list[list[int]],
    later: NDArray[np.bool_],
    drawn: NDArray[np.bool_],
    train: NDArray[np.bool_],
    held: NDArray[np.bool_],
) -> None:
    """Put each later row, in order, on the side of what it is tied to; on that which it has drawn, if to nothing.

    What is tied to both sides stands on neither.
    """
    sides: dict[tuple[int, int], bool] = {}
    for at in (*np.flatnonzero(~later), *np.flatnonzero(later)):
        places = list(enumerate(ties[at]))
        if later[at]:
            bound = {sides[place] for place in places if place in sides} or {bool(drawn[at])}
            held[at], train[at] = bound == {True}, bound == {False}
        if held[at] or train[at]:
            sides |= dict.fromkeys(places, bool(held[at]))


def _sides(contract: Contract, frame: pd.DataFrame, seed: int) -> NDArray[np.bool_]:
    """Whether each row, were it alone, would be held out: by the hash of its group or its key."""
    names = frame[contract.key.name]
    if contract.split.by == "group" and contract.split.column is not None:
        group = frame[contract.split.column]
        names = names.where(group.isna(), "group:" + group.astype("str"))
    bound = int(contract.split.share * 2**64)
    return np.fromiter((_hash(name, seed) < bound for name in names), np.bool_, len(names))


# ------------------------------------------------------------------------------------------- by time


def _by_time(contract: Contract, frame: pd.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The latest rows are held out; rows of one moment stay together, rows without one are trained on."""
    ranks = frame[str(contract.split.column)].rank(method="min").to_numpy(np.float64, na_value=np.nan)
    moments, rows = np.unique(ranks[~np.isnan(ranks)], return_counts=True)
    if not len(moments):
        _refuse(contract, "no row has a time")
    latest = rows[::-1]
    held = ranks >= moments[-max(_how_many(latest, contract.split.share), 1)]
    train = ~held
    if rows_are_distinctive(contract):
        alike = groups(frame, contract.feature_names)
        train &= ~np.isin(alike, alike[held])
    return train, held


# ------------------------------------------------------------------------------------------- the result


def _check_sides(contract: Contract, frame: pd.DataFrame, train: NDArray[np.bool_], held: NDArray[np.bool_]) -> None:
    for side, chosen in (("training part", train), ("hold-out", held)):
        if not chosen.any():
            _refuse(contract, f"the {side} would be empty")
        present = set(frame[contract.target.name][chosen])
        lacking = [str(label) for label in contract.target.classes if label not in present]
        if lacking:
            _refuse(contract, f"the {side} would have no row of the label {', '.join(lacking[:5])}")


def _refuse(contract: Contract, why: str) -> Never:
    by = f"{contract.split.by}" + (f" ({contract.split.column})" if contract.split.column else "")
    message = f"{why}: give more data, another share (now {contract.split.share}) or another Split"
    raise DataError("the hold-out cannot be drawn", [Failure("split", message, f"split by {by}")])
