"""How good the answers are likely to be where the truth has not come yet (Garg et al. 2022; Guillory et al. 2021).

Confidence-based: a calibrated score says with which chance the outcome will come true, so every row counts with that
chance as a positive and with the rest as a negative, and each measure is taken of those. It holds while the truth
follows from the inputs as in training: a changed concept cannot be seen without truth.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from model.contract import Task
from model.derived.encoding import Floats
from model.steps.calibration import chances
from model.steps.figure import NOTHING, Figure, shown
from model.steps.quality import MOST_RESAMPLED, metrics
from model.steps.reference import Calibration, Reference
from model.steps.window import Codes, Joined

DRAWS = 40
NORMAL_95 = 1.96


def estimates(task: Task, reference: Reference, answers: Codes, scores: Floats, rows: Joined) -> Iterator[Figure]:
    """Every measure that can be estimated, of the whole window, and again of the rows whose truth has come.

    answers: class codes [n], scores [n]; rows: the joined ones, whose estimates stand beside their realised values.
    """
    if task == "regression":
        yield _none("estimated_rmse", "a regression's value says nothing of its own error: wait for the truth")
    elif reference.calibration is None:
        yield _none("estimated_quality", "this version remembers no calibration: train again to have estimates")
    else:
        known = np.flatnonzero(np.isfinite(scores) & (answers >= 0))
        ranked = known[np.argsort(-scores[known])]
        yield from _of(task, reference, answers[ranked], scores[ranked], "")
        if 0 < len(rows.truth) < len(scores):
            yield from _of(task, reference, rows.answers, rows.scores, "joined")


def _none(measure: str, why: str) -> Figure:
    return Figure(measure, "", NOTHING, why=why)


def _of(task: Task, reference: Reference, answers: Codes, scores: Floats, subject: str) -> Iterator[Figure]:
    calibration = reference.calibration
    if not len(scores) or calibration is None:
        return
    weights = np.asarray(calibration.weights)
    values = expected(task, answers, scores, chances(weights[None], scores, calibration.floor))
    errors = _errors(task, reference, calibration, answers, scores)
    where = "the rows whose truth has come" if subject else "all rows"
    for name, found in values.items():
        value, half = float(found[0]), NORMAL_95 * errors[name]
        low, high = value - half, value + half
        why = (
            f"{name} is likely to be {shown(value)} [{shown(low)}, {shown(high)}] over {where} ({len(scores):,}), "
            "if the concept has not changed"
        )
        before = reference.quality.get(name)
        trained = NOTHING if before is None else before.value
        yield Figure(f"estimated_{name}", subject, value, low, high, trained, rows=len(scores), why=why)


def expected(task: Task, answers: Codes, scores: Floats, chance: Floats) -> dict[str, Floats]:
    """Each measure's value by chances [draws, n]: every row counts as both outcomes, with their chances.

    Answers and scores [n] may stand in any order; highest score first is quickest.
    """
    if task == "multiclass":
        return {"accuracy": np.asarray(chance.mean(axis=1))}
    truth = np.tile(np.array([1, 0]), len(scores))
    weights = np.stack([chance, 1 - chance], axis=2).reshape(len(chance), -1)
    both = np.repeat(answers, 2), np.repeat(scores, 2)
    return {name: metric(truth, *both, weights) for name, metric in metrics(task).items()}


def _errors(
    task: Task, reference: Reference, calibration: Calibration, answers: Codes, scores: Floats
) -> dict[str, float]:
    """Standard errors: what training does not know, and what chance will do to a window of this size.

    The calibration knows no better than cross-validation how good the model is: the larger of both errors counts.
    """
    generator = np.random.default_rng(0)
    count = len(scores)
    some = np.sort(generator.choice(count, min(count, MOST_RESAMPLED), replace=False))
    drawn = generator.multivariate_normal(calibration.weights, calibration.covariance, size=DRAWS, method="eigh")
    own = np.asarray(calibration.weights)[None]
    luck = generator.random((DRAWS, len(some))) < chances(own, scores[some], calibration.floor)
    unsure = expected(task, answers[some], scores[some], chances(drawn, scores[some], calibration.floor))
    lucky = expected(task, answers[some], scores[some], luck.astype(np.float64))
    shrink = (len(some) / count) ** 0.5
    known = {name: (found.high - found.low) / (2 * NORMAL_95) for name, found in reference.quality.items()}
    return {
        name: float(np.hypot(max(unsure[name].std(), known.get(name, 0.0)), lucky[name].std() * shrink))
        for name in unsure
    }
