"""How good predictions are: metrics with intervals, for many bootstrap resamples at once.

A resample is a row of weights: how often each prediction was drawn. Every metric here takes `weights` of shape
[resamples, n] and returns [resamples]; with weights of one it equals scikit-learn's figure, which the tests check.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.contract import Task
from model.derived.encoding import Floats

Codes = NDArray[np.int64]
Weights = NDArray[np.float64]
Metric = Callable[[NDArray[Any], Floats, Weights], Floats]

PROBABILITY_FLOOR = 1e-15  # keeps one confident mistake from making the log loss infinite
_CELLS_AT_ONCE = 4_000_000  # bounds memory to some 100 MB whatever the number of rows


# ------------------------------------------------------------------------------- binary: scores [n]


def roc_auc(truth: Codes, scores: Floats, weights: Weights) -> Floats:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half."""
    positives, negatives = _tied_groups(truth, scores, weights)
    below = negatives.sum(axis=1, keepdims=True) - negatives.cumsum(axis=1)
    wins = (positives * (below + negatives / 2)).sum(axis=1)
    return _divide(wins, positives.sum(axis=1) * negatives.sum(axis=1))


def average_precision(truth: Codes, scores: Floats, weights: Weights) -> Floats:
    """Sum over thresholds of precision times the gain in recall (not interpolated, as in scikit-learn)."""
    positives, negatives = _tied_groups(truth, scores, weights)
    found = positives.cumsum(axis=1)
    precision = _divide(found, found + negatives.cumsum(axis=1))
    return _divide((positives * precision).sum(axis=1), positives.sum(axis=1))


def _tied_groups(truth: Codes, scores: Floats, weights: Weights) -> tuple[Floats, Floats]:
    """Weights of positives and of negatives by distinct score, highest first: [resamples, distinct] each."""
    order = np.argsort(-scores, kind="stable")
    begins = np.flatnonzero(np.r_[True, np.diff(scores[order]) != 0])
    ordered = weights[:, order]
    positive = ordered * (truth[order] == 1)
    return np.add.reduceat(positive, begins, axis=1), np.add.reduceat(ordered - positive, begins, axis=1)


def _divide(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def f1(truth: Codes, chosen: Floats, weights: Weights) -> Floats:
    """F1 of the positive class for answers `chosen` (1.0 or 0.0)."""
    hits = weights @ ((truth == 1) & (chosen == 1)).astype(np.float64)
    return _divide(2 * hits, weights @ (truth == 1).astype(np.float64) + weights @ (chosen == 1).astype(np.float64))


# -------------------------------------------------------------- classes: probabilities [n, classes]


def log_loss(truth: Codes, probabilities: Floats, weights: Weights) -> Floats:
    """Mean negative log-probability of the true class, in nats."""
    true = probabilities[np.arange(len(truth)), truth]
    return _mean(-np.log(np.clip(true, PROBABILITY_FLOOR, 1)), weights)


def brier(truth: Codes, probabilities: Floats, weights: Weights) -> Floats:
    """Mean squared error of the probabilities (Brier 1950); of the positive one alone when there are two classes."""
    wanted = np.eye(probabilities.shape[1])[truth]
    squares = (probabilities - wanted) ** 2
    binary = probabilities.shape[1] == 2  # noqa: PLR2004 - two classes
    return _mean(squares[:, 1] if binary else squares.sum(axis=1), weights)


def accuracy(truth: Codes, probabilities: Floats, weights: Weights) -> Floats:
    """Share of rows whose most probable class is the true one."""
    return _mean((probabilities.argmax(axis=1) == truth).astype(np.float64), weights)


def macro_f1(truth: Codes, probabilities: Floats, weights: Weights) -> Floats:
    """Mean over classes of the F1 of "this class or not"."""
    chosen = probabilities.argmax(axis=1)
    each = [f1(_is(truth, code), _is(chosen, code), weights) for code in range(probabilities.shape[1])]
    return np.asarray(np.mean(each, axis=0))


def macro_roc_auc(truth: Codes, probabilities: Floats, weights: Weights) -> Floats:
    """Mean over classes of the ROC AUC of "this class or not"."""
    each = [roc_auc(_is(truth, code), scores, weights) for code, scores in enumerate(probabilities.T)]
    return np.asarray(np.mean(each, axis=0))


def _is(codes: NDArray[Any], code: int) -> Any:  # noqa: ANN401 - used as codes and as answers
    return (codes == code).astype(np.int64)


# ----------------------------------------------------------------------------- regression: values [n]


def rmse(truth: Floats, values: Floats, weights: Weights) -> Floats:
    """Root mean squared error, in the target's unit."""
    return np.sqrt(_mean((truth - values) ** 2, weights))


def mae(truth: Floats, values: Floats, weights: Weights) -> Floats:
    """Mean absolute error, in the target's unit."""
    return _mean(np.abs(truth - values), weights)


def r2(truth: Floats, values: Floats, weights: Weights) -> Floats:
    """Share of the variance explained; below 0 is worse than the mean."""
    mean = _mean(truth, weights)
    variance = _mean(truth**2, weights) - mean**2
    return 1 - _divide(_mean((truth - values) ** 2, weights), variance)


def _mean(values: Floats, weights: Weights) -> Floats:
    return np.asarray(weights @ values / weights.sum(axis=1))


# ------------------------------------------------------------------------------------ which for what


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric as reports name it. `of` says what it is computed from, `limits` where its values end."""

    name: str
    metric: Metric
    of: str
    higher_is_better: bool = True
    limits: tuple[float, float] = (0.0, 1.0)


MEASURES: dict[Task, tuple[Measure, ...]] = {
    "binary": (
        Measure("average_precision", average_precision, "score"),
        Measure("roc_auc", roc_auc, "score"),
        Measure("f1_at_threshold", f1, "answer"),
        Measure("log_loss", log_loss, "probabilities", higher_is_better=False, limits=(0.0, math.inf)),
        Measure("brier", brier, "probabilities", higher_is_better=False),
    ),
    "multiclass": (
        Measure("log_loss", log_loss, "probabilities", higher_is_better=False, limits=(0.0, math.inf)),
        Measure("macro_roc_auc", macro_roc_auc, "probabilities"),
        Measure("macro_f1", macro_f1, "probabilities"),
        Measure("accuracy", accuracy, "probabilities"),
        Measure("brier", brier, "probabilities", higher_is_better=False, limits=(0.0, 2.0)),
    ),
    "regression": (
        Measure("rmse", rmse, "values", higher_is_better=False, limits=(0.0, math.inf)),
        Measure("mae", mae, "values", higher_is_better=False, limits=(0.0, math.inf)),
        Measure("r2", r2, "values", limits=(-math.inf, 1.0)),
    ),
}


def primary(task: Task) -> Measure:
    """The measure that decides between two models."""
    return MEASURES[task][0]


def measure(
    task: Task, truth: NDArray[Any], output: Floats, threshold: float | None, weights: Weights
) -> dict[str, Floats]:
    """Every measure of the task, for model output [n, classes] or [n], in each resample."""
    of = views(task, output, threshold)
    return {each.name: each.metric(truth, of[each.of], weights) for each in MEASURES[task]}


def views(task: Task, output: Floats, threshold: float | None) -> dict[str, Floats]:
    """What measures are computed from, by the name that `Measure.of` gives it."""
    if task == "regression":
        return {"values": output}
    positive = output[:, 1]
    answer = (positive >= (0.5 if threshold is None else threshold)).astype(np.float64)
    return {"probabilities": output, "score": positive, "answer": answer}


def point(task: Task, truth: NDArray[Any], output: Floats, threshold: float | None) -> dict[str, float]:
    """Every measure of the task on the rows as they are."""
    measured = measure(task, truth, output, threshold, np.ones((1, len(truth))))
    return {name: float(values[0]) for name, values in measured.items()}


# ----------------------------------------------------------------------------------------- bootstrap


def resamples(strata: NDArray[Any], count: int, seed: int) -> Iterator[Weights]:
    """Weights of `count` bootstrap resamples in blocks [some, n], drawn within strata so that no class vanishes."""
    rng = np.random.default_rng(seed)
    groups = [np.flatnonzero(strata == value) for value in np.unique(strata)]
    at_once = max(1, min(count, _CELLS_AT_ONCE // max(1, len(strata))))
    for begin in range(0, count, at_once):
        some = min(at_once, count - begin)
        weights = np.empty((some, len(strata)))
        for group in groups:
            weights[:, group] = rng.multinomial(len(group), np.full(len(group), 1 / len(group)), size=some)
        yield weights


def interval(values: Floats) -> tuple[float, float]:
    """The percentile bootstrap's 95 % interval (Efron 1979)."""
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def evaluate(
    task: Task, truth: NDArray[Any], output: Floats, threshold: float | None, *, samples: int, seed: int
) -> dict[str, dict[str, float]]:
    """Every measure with its 95 % interval: `{"roc_auc": {"value": .97, "low": .94, "high": .99}, ...}`."""
    values = point(task, truth, output, threshold)
    drawn = [measure(task, truth, output, threshold, some) for some in resamples(strata(task, truth), samples, seed)]
    figures = {}
    for name, value in values.items():
        low, high = interval(np.concatenate([block[name] for block in drawn]))
        figures[name] = {"value": value, "low": low, "high": high}
    return figures


def strata(task: Task, truth: NDArray[Any]) -> NDArray[Any]:
    """Within what resamples are drawn: classes, or all rows alike."""
    return np.zeros(len(truth)) if task == "regression" else truth


@dataclass(frozen=True, slots=True)
class Answers:
    """A model's output on the hold-out, and the threshold it would answer with."""

    output: Floats
    threshold: float | None


def gain(
    task: Task, truth: NDArray[Any], ours: Answers, theirs: Answers, *, samples: int, seed: int
) -> dict[str, float | str]:
    """How much better `ours` is than `theirs` by the primary measure, on the same rows, in paired resamples.

    confidence: the share of resamples in which ours is better, ties counting half.
    """
    chief = primary(task)
    sign = 1.0 if chief.higher_is_better else -1.0

    def difference(weights: Weights) -> Floats:
        mine, other = (measure(task, truth, each.output, each.threshold, weights) for each in (ours, theirs))
        return sign * (mine[chief.name] - other[chief.name])

    drawn = np.concatenate([difference(some) for some in resamples(strata(task, truth), samples, seed)])
    low, high = interval(drawn)
    return {
        "measure": chief.name,
        "gain": float(difference(np.ones((1, len(truth))))[0]),
        "low": low,
        "high": high,
        "confidence": float(np.mean(drawn > 0) + np.mean(drawn == 0) / 2),
    }
