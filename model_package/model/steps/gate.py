"""The gate: champion and challenger on the same held-out rows, which neither was trained on, and on slices of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.contract import Contract
from model.derived.encoding import Floats
from model.derived.frame import target_codes
from model.retraining import Slice
from model.steps.evaluation import Answers, gain
from model.steps.folds import Plan

Mask = NDArray[np.bool_]
Comparison = dict[str, float | str]

PROMOTE_CONFIDENCE: Final = 0.95
VETO_CHANCE: Final = 0.05  # of any slice's veto where nothing is worse: shared by all slices (Bonferroni; Dunn 1961)
FEWEST_PER_CLASS: Final = 10
FEWEST_VALUES: Final = 30  # of a regression


@dataclass(frozen=True, slots=True, eq=False)
class Champion:
    """The model to beat.

    answers: what it answers to encoded rows. made: when it was made.
    moments: when each held-out row was predicted, missing for rows of files; None when all are.
    """

    answers: Callable[[Floats], Answers]
    made: datetime | None = None
    moments: pd.Series[Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Duel:
    """Both models' answers to the held-out rows."""

    contract: Contract
    frame: pd.DataFrame
    both: tuple[Answers, Answers]
    plan: Plan

    def gain(self, among: Mask) -> Comparison:
        """How much better the first one is on some of the rows."""
        ours, theirs = (Answers(one.output[among], one.threshold) for one in self.both)
        truth = target_codes(self.contract, self.frame[among])
        samples, seed = self.plan.bootstrap_samples, self.plan.seed
        return gain(self.contract.target.task, truth, ours, theirs, samples=samples, seed=seed)

    def can_tell(self, among: Mask, least: int) -> bool:
        """Whether these rows are enough to judge by."""
        target = self.contract.target
        counts = self.frame.loc[among, target.name].value_counts()
        every = all(counts.get(label, 0) >= FEWEST_PER_CLASS for label in target.classes)
        return int(among.sum()) >= least and every


def judge(
    contract: Contract, frame: pd.DataFrame, rows: Floats, ours: Answers, champion: Champion, plan: Plan
) -> Comparison:
    """`evaluation.gain` over the champion, and whether ours is surely worse on a slice.

    Where there are enough rows that were predicted after the champion was made, these alone are judged by: they are
    today's traffic, and the champion cannot have been trained on them. Else all held-out rows are.

    frame, rows: the held-out rows, typed and encoded.
    Returns measure, gain, low, high and confidence; `rows` and `since` where rows of today were judged by;
    `worse_on`, the names of slices, where ours is surely worse.
    """
    duel = _Duel(contract, frame, (ours, champion.answers(rows)), plan)
    fresh = _fresh(champion)
    if champion.made is None or fresh is None or not duel.can_tell(fresh, FEWEST_VALUES):
        among, judged_by = np.ones(len(frame), np.bool_), Comparison()
    else:
        since = champion.made.isoformat(timespec="seconds")
        among, judged_by = fresh, {"rows": float(fresh.sum()), "since": since}
    worse = _worse(duel, among, champion.moments)
    return duel.gain(among) | judged_by | ({"worse_on": "; ".join(worse)} if worse else {})


def is_better(comparison: Comparison) -> bool:
    """Better in at least 95 % of paired resamples, and surely worse on no slice."""
    return float(comparison["confidence"]) >= PROMOTE_CONFIDENCE and "worse_on" not in comparison


def _fresh(champion: Champion) -> Mask | None:
    """The rows that were predicted after the champion was made."""
    if champion.moments is None or champion.made is None:
        return None
    return (champion.moments > pd.Timestamp(champion.made)).to_numpy(np.bool_)


# ------------------------------------------------------------------------------------------- slices


def _worse(duel: _Duel, among: Mask, moments: pd.Series[Any] | None) -> list[str]:
    """The slices on which the first one is surely worse."""
    slices = [
        (name, among & rows)
        for one in duel.contract.retraining.slices
        for name, rows in _rows_of(duel, one, moments)
        if duel.can_tell(among & rows, one.least_rows)
    ]
    level = VETO_CHANCE / max(1, len(slices))
    return [name for name, rows in slices if float(duel.gain(rows)["confidence"]) <= level]


def _rows_of(duel: _Duel, one: Slice, moments: pd.Series[Any] | None) -> Iterator[tuple[str, Mask]]:
    """Each part of a slice, by name."""
    if one.column is not None:
        values = duel.frame[one.column]
        for value in getattr(duel.contract.column(one.column), "values", ()):
            yield f"{one.column}={value}", values.eq(value).fillna(value=False).to_numpy(np.bool_)
    elif one.days is not None and moments is not None:
        latest = moments.max() - timedelta(days=one.days)
        yield f"the latest {one.days:g} days", (moments > latest).to_numpy(np.bool_)
