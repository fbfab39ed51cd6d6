"""Repeated cross-validation inside the training part, and the threshold that comes from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold, TimeSeriesSplit
from sklearn.pipeline import Pipeline

from model.contract import Contract, Task
from model.decision import decide
from model.derived.encoding import Floats
from model.derived.frame import encode_frame, target_codes
from model.steps import evaluation
from model.steps.pipeline import fit, output
from model.steps.splitting import units

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """The numbers a training run is made with."""

    seed: int = 0
    folds: int = 5
    repeats: int = 5
    bootstrap_samples: int = 1000


@dataclass(frozen=True, slots=True)
class Folds:
    """Out-of-fold output inside the training part.

    truth: class codes or values [n]; output: mean over repeats of the out-of-fold output, [n, classes] or [n];
    tested: rows that were ever tested (all but the first block when split by time); figures: measure -> [fits].
    """

    truth: NDArray[Any]
    output: Floats
    tested: NDArray[np.bool_]
    figures: dict[str, Floats]
    test_share: float

    def scores(self, contract: Contract) -> Floats:
        """Out-of-fold scores, as predictions report them, of the rows that were tested."""
        return decide(contract, 0.5 if contract.target.task == "binary" else None, self.output[self.tested]).scores


def cross_validate(contract: Contract, pipeline: Pipeline, frame: pd.DataFrame, plan: Plan, report: Report) -> Folds:
    """Repeated cross-validation inside the training part; rows with equal features never stand on both sides."""
    features, truth = encode_frame(contract, frame), target_codes(contract, frame)
    task, classes = contract.target.task, len(contract.target.classes)
    total = np.zeros((len(frame), classes) if classes else len(frame))
    times = np.zeros(len(frame))
    figures: dict[str, list[float]] = {}
    tested = 0
    for repeat, pairs in enumerate(_repeats(contract, frame, truth, plan)):
        report(f"cross-validation {repeat + 1} of {plan.repeats}")
        for inside, test in pairs:
            fitted = fit(pipeline, features.iloc[inside], truth[inside])
            answered = output(fitted, features.iloc[test], classes)
            total[test] += answered
            times[test] += 1
            tested += len(test)
            for name, value in evaluation.point(task, truth[test], answered, None).items():
                figures.setdefault(name, []).append(value)
    figures.pop("f1_at_threshold", None)  # there is no threshold yet: it is chosen from these very folds
    seen = times > 0
    mean = total / np.maximum(times, 1).reshape(-1, *[1] * (total.ndim - 1))
    arrays = {name: np.array(values) for name, values in figures.items()}
    fits = len(next(iter(arrays.values())))
    return Folds(truth, mean, seen, arrays, tested / fits / len(frame))


Pairs = list[tuple[NDArray[Any], NDArray[Any]]]


def _repeats(contract: Contract, frame: pd.DataFrame, truth: NDArray[Any], plan: Plan) -> Iterator[Pairs]:
    if contract.split.by == "time":
        order = np.argsort(frame[contract.split.column].to_numpy(), kind="stable")
        yield [(order[fit], order[test]) for fit, test in TimeSeriesSplit(plan.folds).split(order)]
        return
    unit = units(contract, frame)
    for repeat in range(plan.repeats):
        yield _whole_units(contract, unit, truth, plan.folds, plan.seed + repeat)


def _whole_units(contract: Contract, unit: NDArray[np.intp], truth: NDArray[Any], count: int, seed: int) -> Pairs:
    """Folds in which rows that belong together stand together."""
    if contract.split.by == "group" and contract.target.labels:
        return list(StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(unit, truth, unit))
    # Units of nearly always one row: dividing them by their first row is as good, and fast where rows are many.
    _, first = np.unique(unit, return_index=True)
    kind = StratifiedKFold if contract.target.labels else KFold
    drawn = kind(count, shuffle=True, random_state=seed).split(first, truth[first])
    tested = [np.isin(unit, unit[first[test]]) for _, test in drawn]
    return [(np.flatnonzero(~test), np.flatnonzero(test)) for test in tested]


def choose_threshold(task: Task, folds: Folds) -> float | None:
    """The threshold with the best F1 on out-of-fold probabilities; halfway to the next score, so that it is stable."""
    if task != "binary":
        return None
    truth, scores = folds.truth[folds.tested], folds.output[folds.tested, 1]
    candidates = np.unique(scores)
    order = np.argsort(scores)
    positives_below = np.r_[0, np.cumsum(truth[order] == 1)][np.searchsorted(scores[order], candidates)]
    chosen = len(scores) - np.searchsorted(scores[order], candidates)
    hits = (truth == 1).sum() - positives_below
    best = int(np.argmax(2 * hits / (chosen + (truth == 1).sum())))
    below = candidates[best - 1] if best else 0.0
    return float((candidates[best] + below) / 2)


def summarize_folds(task: Task, folds: Folds) -> dict[str, dict[str, float]]:
    """Mean over all fits with the corrected resampled t interval (Nadeau and Bengio 2003): fits share rows."""
    ranges = {measure.name: measure.limits for measure in evaluation.MEASURES[task]}
    return {name: _t_interval(values, folds.test_share, ranges[name]) for name, values in folds.figures.items()}


def _t_interval(values: Floats, test_share: float, limits: tuple[float, float]) -> dict[str, float]:
    count, mean = len(values), float(values.mean())
    variance = float(values.var(ddof=1)) * (1 / count + test_share / (1 - test_share))
    half = float(stats.t.ppf(0.975, count - 1)) * variance**0.5
    # The t interval does not know that a measure ends, e.g. at 1.
    return {"value": mean, "low": max(mean - half, limits[0]), "high": min(mean + half, limits[1])}
