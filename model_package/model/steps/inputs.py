"""What is measured of each input column: drift, and rates of what is missing, unseen, out of range or not allowed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, assert_never

import numpy as np

from model.contract import Category, Column, Contract, Integer, Number, Timestamp
from model.derived.encoding import Floats
from model.steps.drift import Judge, binned, distribution, rate, wasserstein
from model.steps.figure import Figure
from model.steps.reference import Profile, Reference
from model.steps.window import MISSING, STRANGE, Window, codes, missing_share, numbers

# A new value beyond the extremes of m values has chance 1/(m + 1) on either side.
BEYOND_EXTREMES = 2.0
LARGEST = sys.float_info.max


def tests(contract: Contract) -> int:
    """How many figures of a window's inputs and scores may alarm by chance: the family that shares the false alarms."""
    ignored = contract.monitoring.ignore
    watched = (column for column in contract.columns if column.name not in ignored)
    return 1 + sum(_tests(column) for column in watched)


def _tests(column: Column) -> int:
    """A column that must have a value is not tested for missing ones by chance: one is too many."""
    match column:
        case Number() | Integer() | Category():
            return 2 + column.nullable
        case Timestamp():
            return int(column.nullable)
        case _:
            assert_never(column)


def input_figures(contract: Contract, reference: Reference, window: Window, judge: Judge) -> Iterator[Figure]:
    """Every figure of every column, in the contract's order."""
    for column in contract.columns:
        profile = reference.columns.get(column.name)
        values = window.column(column.name)
        if profile is None:
            yield Figure("missing", column.name, missing_share(values), rows=window.count, why=_unknown(column.name))
        else:
            yield from _figures(column, profile, values, judge)


def _unknown(name: str) -> str:
    return f"{name}: was not a column when this version was trained"


def _figures(column: Column, profile: Profile, values: Any, judge: Judge) -> Iterator[Figure]:  # noqa: ANN401 - as read
    match column:
        case Number() | Integer():
            yield from _of_numbers(column, profile, numbers(values), judge)
        case Category():
            yield from _of_category(column, profile, values, judge)
        case Timestamp():
            yield _missing(column, profile, round(missing_share(values) * len(values)), len(values), judge)
        case _:
            assert_never(column)


def _of_numbers(column: Number | Integer, profile: Profile, values: Floats, judge: Judge) -> Iterator[Figure]:
    present = values[~np.isnan(values)]
    yield _missing(column, profile, len(values) - len(present), len(values), judge)
    yield _outside(column, _beyond(present, column.minimum, column.maximum), len(present), judge)
    if profile.minimum is not None and profile.maximum is not None:
        beyond = _beyond(present, profile.minimum, profile.maximum)
        found, before = (beyond, len(present)), (BEYOND_EXTREMES, profile.rows)
        words = f"lie outside {profile.minimum:g} .. {profile.maximum:g}, what training had"
        yield rate(judge, "out_of_range", column.name, found, before, words)
    counts, below = binned(profile, present)
    yield distribution(judge, column.name, profile, counts)
    yield from wasserstein(judge, column.name, profile, below, len(present))


def _beyond(values: Floats, minimum: float | None, maximum: float | None) -> int:
    """How many lie outside; infinities do in any case."""
    low = -LARGEST if minimum is None else minimum
    high = LARGEST if maximum is None else maximum
    return int(np.count_nonzero(values < low) + np.count_nonzero(values > high))


def _of_category(column: Category, profile: Profile, values: Any, judge: Judge) -> Iterator[Figure]:  # noqa: ANN401 - as read
    # By the values of the contract: those it has gained since training are unseen, and have no share in the reference.
    found = codes(column.values, values)
    present = found[found >= 0]
    yield _missing(column, profile, int(np.count_nonzero(found == MISSING)), len(found), judge)
    yield _outside(column, int(np.count_nonzero(found == STRANGE)), int(np.count_nonzero(found != MISSING)), judge)
    counts = np.bincount(present, minlength=len(column.values))
    shares = dict(zip(profile.values, profile.shares, strict=False))
    unseen = np.array([shares.get(value, 0.0) == 0 for value in column.values])
    hits = int(counts[unseen].sum())
    # Good (1953): what was seen once tells how much was not seen at all.
    yield rate(
        judge,
        "unseen",
        column.name,
        (hits, len(present)),
        (float(profile.once), profile.rows),
        "have a value that training had not",
    )
    now = dict(zip(column.values, counts.tolist(), strict=True))
    known = [now.get(value, 0) for value in profile.values]
    gained = int(counts.sum()) - sum(known)
    yield distribution(judge, column.name, _with_gained(profile), np.array([*known, gained]))


def _with_gained(profile: Profile) -> Profile:
    """The profile with one more bin, empty in training, for values that the contract has gained since."""
    return replace(profile, shares=(*profile.shares, 0.0))


def _missing(column: Column, profile: Profile, hits: int, rows: int, judge: Judge) -> Figure:
    if not column.nullable:
        value = hits / max(1, rows)
        alarm = hits > 0 and judge.speaks(column.name, judge.monitoring.least_rows)
        why = f"{column.name}: {value:.2%} of {rows:,} rows have no value, and the contract asks for one in each"
        return Figure("missing", column.name, value, expected=0.0, threshold=0.0, rows=rows, alarm=alarm, why=why)
    before = (float(profile.total - profile.rows), profile.total)
    return rate(judge, "missing", column.name, (hits, rows), before, "have no value")


def _outside(column: Column, hits: int, rows: int, judge: Judge) -> Figure:
    value = hits / max(1, rows)
    limit = judge.monitoring.threshold("outside_contract", column.name) or 0.0
    alarm = value > limit and judge.speaks(column.name, judge.monitoring.least_rows)
    why = f"{column.name}: {value:.2%} of {rows:,} values are none that the contract allows"
    return Figure(
        "outside_contract", column.name, value, expected=0.0, threshold=limit, rows=rows, alarm=alarm, why=why
    )
