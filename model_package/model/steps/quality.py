"""How good the answers were, on the rows whose truth has come: the contract's metrics with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from model.contract import Contract, Task
from model.derived.encoding import Floats
from model.steps import evaluation
from model.steps.drift import Judge
from model.steps.evaluation import Weights
from model.steps.figure import NOTHING, Figure, shown
from model.steps.reference import Expected, Reference
from model.steps.window import Joined

# From (truth, answers, scores) of k rows and weights [resamples, k] to [resamples].
Metric = Callable[[NDArray[Any], NDArray[Any], Floats, Weights], Floats]

SAMPLES, MOST_RESAMPLED = 200, 2_000
BETWEEN_0_AND_1 = frozenset({"average_precision", "accuracy"})
CLOSEST, TINIEST = 1e-3, 1e-300
FEWEST = 10  # of the rarer class: with fewer, no interval is to be believed and no quality alarms
HIGHER_IS_BETTER = {
    measure.name: measure.higher_is_better for group in evaluation.MEASURES.values() for measure in group
}


def metrics(task: Task) -> dict[str, Metric]:
    """The measures of a task that a label and a score are enough for; the first one decides.

    The store keeps the chosen class's probability only, so that log loss, Brier score and ROC AUC of a multiclass
    problem are not among them.
    """
    match task:
        case "binary":
            return {
                "average_precision": lambda t, _, s, w: evaluation.average_precision(t, s, w),
                "roc_auc": lambda t, _, s, w: evaluation.roc_auc(t, s, w),
                "f1_at_threshold": lambda t, a, _, w: evaluation.f1(t, a.astype(np.float64), w),
                "log_loss": lambda t, _, s, w: evaluation.log_loss(t, _pair(s), w),
                "brier": lambda t, _, s, w: evaluation.brier(t, _pair(s), w),
            }
        case "multiclass":
            return {"accuracy": _accuracy, "macro_f1": _macro_f1}
        case "regression":
            return {
                "rmse": lambda t, _, s, w: evaluation.rmse(t, s, w),
                "mae": lambda t, _, s, w: evaluation.mae(t, s, w),
                "r2": lambda t, _, s, w: evaluation.r2(t, s, w),
            }


def _pair(scores: Floats) -> Floats:
    return np.column_stack([1 - scores, scores])


def _accuracy(truth: NDArray[Any], answers: NDArray[Any], _: Floats, weights: Weights) -> Floats:
    return np.asarray(weights @ (truth == answers).astype(np.float64) / weights.sum(axis=1))


def _macro_f1(truth: NDArray[Any], answers: NDArray[Any], _: Floats, weights: Weights) -> Floats:
    """Mean F1 over the classes that are true or answered somewhere, as scikit-learn does when not told the labels."""
    _, places = np.unique(np.concatenate([truth, answers]), return_inverse=True)
    true, chosen = places[: len(truth)], places[len(truth) :]
    return np.array([_mean_f1(true, chosen, one) for one in weights])


def _mean_f1(true: NDArray[Any], chosen: NDArray[Any], weights: Floats) -> float:
    hits = np.bincount(true, weights * (true == chosen), minlength=int(max(true.max(), chosen.max())) + 1)
    count = len(hits)
    both = np.bincount(true, weights, minlength=count) + np.bincount(chosen, weights, minlength=count)
    return float(np.divide(2 * hits, both, out=np.zeros(count), where=both > 0).mean())


# ------------------------------------------------------------------------------------------- figures


def measured(task: Task, rows: Joined, seed: int = 0) -> dict[str, tuple[float, float, float]]:
    """Every measure with its 95 % interval: value, low, high; NaN where the rows do not allow it.

    The value is of all rows. The interval is the percentile bootstrap's (Efron 1979); where there are more than
    `MOST_RESAMPLED` rows, that of a part drawn at random, shrunk by the root of its share (Politis and Romano 1994).
    """
    if not len(rows.truth):
        return {}
    part, shrink = _part(rows, seed)
    everything = (rows.truth, rows.answers, rows.scores, np.ones((1, len(rows.truth))))
    blocks = list(evaluation.resamples(_strata(task, part.truth), SAMPLES, seed))
    found = {}
    for name, metric in metrics(task).items():
        value = float(metric(*everything)[0]) if _defined(name, rows) else NOTHING
        drawn = np.concatenate([metric(part.truth, part.answers, part.scores, block) for block in blocks])
        middle = float(metric(part.truth, part.answers, part.scores, np.ones((1, len(part.truth))))[0])
        low, high = evaluation.interval(drawn)
        known = value + (low - middle) * shrink, value + (high - middle) * shrink
        certain = low == high and name in BETWEEN_0_AND_1 and not np.isnan(value)
        found[name] = (value, *(_rule_of_three(value, len(rows.truth)) if certain else known))
    return found


def _rule_of_three(value: float, rows: int) -> tuple[float, float]:
    """Where no resample differs: what never happened in n rows happens in up to 3/n (Hanley and Lippman-Hand 1983)."""
    return max(0.0, value - 3 / rows), min(1.0, value + 3 / rows)


def _part(rows: Joined, seed: int) -> tuple[Joined, float]:
    count = len(rows.truth)
    if count <= MOST_RESAMPLED:
        return rows, 1.0
    chosen = np.sort(np.random.default_rng(seed).choice(count, MOST_RESAMPLED, replace=False))
    part = Joined(rows.truth[chosen], rows.answers[chosen], rows.scores[chosen], rows.here)
    return part, (MOST_RESAMPLED / count) ** 0.5


def _strata(task: Task, truth: NDArray[Any]) -> NDArray[Any]:
    """How many positives a window has is chance too; where there are few, their number is kept lest they vanish."""
    free = task == "regression" or (task == "binary" and _rarer(truth) >= FEWEST)
    return np.zeros(len(truth)) if free else truth


def _rarer(truth: NDArray[Any]) -> int:
    """How many rows the rarer of two classes has."""
    return int(min(np.count_nonzero(truth == 1), np.count_nonzero(truth != 1)))


def _defined(name: str, rows: Joined) -> bool:
    """Ranking needs both classes (a mean precision only positives), explained variance a variance."""
    if name in {"average_precision", "roc_auc"}:
        classes = set(np.unique(rows.truth).tolist())
        return classes >= ({1} if name == "average_precision" else {0, 1})
    return name != "r2" or float(np.ptp(rows.truth)) > 0


def quality_figures(contract: Contract, reference: Reference, rows: Joined, judge: Judge) -> Iterator[Figure]:
    """How many rows have a truth, and every measure on them; the one that decides alarms when it is surely worse."""
    task, count = contract.target.task, len(rows.truth)
    share = count / max(1, len(rows.here))
    yield Figure(
        "joined", "", share, rows=len(rows.here), why=f"the truth of {count:,} of {len(rows.here):,} rows has come"
    )
    decisive = next(iter(metrics(task)))
    enough = count >= judge.monitoring.least_rows and (task != "binary" or _rarer(rows.truth) >= FEWEST)
    for name, (value, low, high) in measured(task, rows).items():
        before = reference.quality.get(name)
        threshold, alarm = _judged(judge, name, (value, low, high), before, decisive=name == decisive)
        expected = NOTHING if before is None else before.value
        why = (
            f"{name} is {shown(value)} [{shown(low)}, {shown(high)}] over {count:,} rows, {shown(expected)} in training"
        )
        speaks = alarm and enough
        yield Figure(name, "", value, low, high, expected, threshold, count, speaks, why)


def _judged(
    judge: Judge, name: str, found: tuple[float, float, float], before: Expected | None, *, decisive: bool
) -> tuple[float, bool]:
    """The threshold, and whether the value is surely on its wrong side."""
    value, low, high = found
    sign = 1.0 if HIGHER_IS_BETTER[name] else -1.0
    said = judge.monitoring.threshold(name, "")
    if said is not None:
        return said, bool(high < said if sign > 0 else low > said)
    if before is None or not decisive or np.isnan(value):
        return NOTHING, False
    threshold = _lowest_by_chance(name, sign, found, before, judge.level)
    return threshold, bool(sign * value < sign * threshold)


def _lowest_by_chance(
    name: str, sign: float, found: tuple[float, float, float], before: Expected, level: float
) -> float:
    """What the measure passes with chance `level` when nothing has changed, by the errors of both samples.

    On the logit's scale, or an error's on the logarithm's: near its end a measure has little room, and what luck has
    put there falls far (Boyd, Eng and Page 2013, of average precision).
    """
    there, back = (_logit, _from_logit) if name in BETWEEN_0_AND_1 else (_log, np.exp)
    value, low, high = found
    better, worse = (high, before.low) if sign > 0 else (low, before.high)
    errors = there(better) - there(value), there(before.value) - there(worse)
    error = np.hypot(*errors) / stats.norm.isf(0.025)
    return float(back(there(before.value) - sign * stats.norm.isf(level) * error))


def _logit(share: float) -> float:
    inside = float(np.clip(share, CLOSEST, 1 - CLOSEST))
    return float(np.log(inside / (1 - inside)))


def _from_logit(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


def _log(value: float) -> float:
    return float(np.log(max(value, TINIEST)))
