"""From scores to chances, whether they still are, and whether the truth still follows from the score as it did.

An outcome is what the score speaks of: the positive class came true (binary), or the answer was right (multiclass).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model.contract import Task
from model.derived.encoding import Floats
from model.steps.drift import Judge, binned, distribution
from model.steps.figure import NOTHING, Figure, shown
from model.steps.noise import chi_square, noise, null, spread
from model.steps.reference import Calibration, Null, Outcomes, Reference
from model.steps.window import Joined

IDENTITY = np.array([0.0, 1.0, 1.0])
FLOORS = (1e-6, 1e-3)  # the smallest score seen, within these: a forest of some hundred trees cannot tell 0 from 1e-3
RIDGE = 1e-2
STEPS = 50
MOST_BINS, OUTCOMES_A_BIN = 10, 10


def outcomes(task: Task, truth: NDArray[Any], answers: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether what the score speaks of came true [k]."""
    return np.asarray(truth == 1 if task == "binary" else truth == answers)


# --------------------------------------------------------------------------------- scores -> chances


def terms(scores: Floats, floor: float) -> Floats:
    """1, ln s and -ln(1 - s) of each score, kept `floor` away from 0 and 1, which have no logarithm: [n, 3]."""
    inside = np.clip(scores, floor, 1 - floor)
    return np.column_stack([np.ones(len(scores)), np.log(inside), -np.log1p(-inside)])


def calibrate(came: NDArray[np.bool_], scores: Floats) -> Calibration:
    """Beta calibration (Kull, Silva Filho and Flach 2017): logistic regression on `terms`, by Newton's method.

    A weak pull towards the score itself (weights 0, 1, 1) keeps it finite where the score separates the outcomes. The
    covariance is the inverse of the Hessian.
    """
    positive = scores[scores > 0]
    floor = float(np.clip(positive.min() if len(positive) else 1, *FLOORS))
    known, wanted = terms(scores, floor), came.astype(np.float64)
    weights, hessian = IDENTITY, np.eye(len(IDENTITY))
    for _ in range(STEPS):
        chance = _logistic(known @ weights)
        slope = known.T @ (wanted - chance) - RIDGE * (weights - IDENTITY)
        hessian = (known * (chance * (1 - chance))[:, None]).T @ known + RIDGE * np.eye(len(IDENTITY))
        step = np.linalg.solve(hessian, slope)
        weights = weights + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-10:  # noqa: PLR2004 - as good as still
            break
    covariance = np.linalg.inv(hessian)
    return Calibration(tuple(weights.tolist()), tuple(tuple(row) for row in covariance.tolist()), floor)


def chances(weights: Floats, scores: Floats, floor: float) -> Floats:
    """The chance of the outcome for each score, by weights [draws, 3]: [draws, n]."""
    return _logistic(weights @ terms(scores, floor).T)


def _logistic(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -500, 500))))


# ---------------------------------------------------------------------------- do the chances come true


def calibration_error(came: NDArray[np.bool_], scores: Floats) -> float:
    """Root mean squared gap between score and observed share, in tenths of the rows, less noise (Kumar 2019)."""
    if len(scores) < MOST_BINS:
        return NOTHING
    rows, means, shares = reliability(came, scores)
    squares = rows * ((shares - means) ** 2 - shares * (1 - shares) / np.maximum(1, rows - 1))
    return float(np.sqrt(max(0.0, squares.sum() / len(scores))))


def reliability(came: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Of each tenth of the rows, the highest scores first: how many, their mean score, the share of outcomes [10]."""
    parts = np.array_split(np.argsort(-scores, kind="stable"), MOST_BINS)
    told = [(len(part), scores[part].mean(), came[part].mean()) for part in parts]
    rows, means, shares = np.asarray(told, dtype=np.float64).T
    return rows, means, shares


# --------------------------------------------------------------- does the truth follow as it did: concept


def remember_outcomes(came: NDArray[np.bool_], scores: Floats, seed: int) -> Outcomes | None:
    """Outcomes by score: bins with equal numbers of the rarer outcome, at least ten in each; None without any."""
    rare = scores[came if 2 * came.sum() < len(came) else ~came]
    bins = min(MOST_BINS, len(rare) // OUTCOMES_A_BIN)
    if bins < 1:
        return None
    edges = np.unique(np.quantile(rare, np.linspace(0, 1, bins + 1)[1:-1]))
    rows, hits = outcome_counts(tuple(edges.tolist()), came, scores)
    found = Outcomes(tuple(edges.tolist()), tuple(rows.tolist()), tuple(hits.tolist()))
    return Outcomes(found.edges, found.rows, found.hits, _outcome_null(found, seed))


def outcome_counts(edges: tuple[float, ...], came: NDArray[np.bool_], scores: Floats) -> tuple[NDArray[Any], ...]:
    """Rows and outcomes by bin of the score."""
    place = np.searchsorted(np.asarray(edges), scores, side="right")
    count = len(edges) + 1
    return np.bincount(place, minlength=count), np.bincount(place[came], minlength=count)


def _gaps(before: tuple[NDArray[Any], NDArray[Any]], after: tuple[NDArray[Any], NDArray[Any]]) -> Floats:
    """Sum over bins of the squared differences of the angles, each in its noise, times (1/n + 1/m).

    The angle 2 arcsin(sqrt(share)) differs by Cohen's h (1988); so this is a mean of h^2, which has chi-square noise.
    """
    h = 2 * (_angles(*after) - _angles(*before))
    known = (after[0] > 0) & (before[0] > 0)
    noisy = 1 / np.maximum(after[0] + 0.5, 0.5) + 1 / np.maximum(before[0] + 0.5, 0.5)
    total = np.where(known, h**2 / noisy, 0.0).sum(axis=-1)
    return np.asarray(total * (1 / np.maximum(1, after[0].sum(axis=-1)) + 1 / np.maximum(1, before[0].sum(axis=-1))))


def _angles(rows: NDArray[Any], hits: NDArray[Any]) -> Floats:
    return np.asarray(np.arcsin(np.sqrt((hits + 3 / 8) / (rows + 3 / 4))))


def _outcome_null(found: Outcomes, seed: int) -> Null:
    rows, hits = np.asarray(found.rows), np.asarray(found.hits)
    shares, rates = (rows + 0.5) / (rows + 0.5).sum(), (hits + 0.5) / (rows + 1)

    def drawn(size: int, draws: int, generator: np.random.Generator) -> Floats:
        window = generator.multinomial(size, shares, size=draws)
        before = generator.binomial(rows, rates, size=(draws, len(rows)))
        return _gaps((np.broadcast_to(rows, before.shape), before), (window, generator.binomial(window, rates)))

    return null(drawn, len(rows), int(rows.sum()), seed)


def concept(judge: Judge, remembered: Outcomes, came: NDArray[np.bool_], scores: Floats) -> Figure:
    """Whether outcomes by score are what they were: the mean squared gap (Cohen's h) between their shares, less noise.

    Inputs that drift change how many rows have which score, and not this; a changed concept changes this.
    """
    seen, reference = len(scores), sum(remembered.rows)
    before = (np.asarray(remembered.rows), np.asarray(remembered.hits))
    after = outcome_counts(remembered.edges, came, scores)
    resampled = remembered.null or chi_square(len(remembered.rows))
    sampled = noise(resampled, seen, reference, judge.level)
    value = float(_gaps(before, (after[0], after[1]))) - sampled.mean
    said = judge.monitoring.threshold("concept", "")
    matters = judge.monitoring.smallest_shift**2 if said is None else said
    threshold = max(matters, sampled.limit - sampled.mean)
    half = spread(value, resampled, seen, reference)
    beyond = "beyond" if value > threshold else "within"
    why = f"the truth by score differs from training by {shown(max(0.0, value))}, {beyond} {shown(threshold)}"
    bounds = max(0.0, value - half), max(0.0, value + half)
    alarm = value > threshold and judge.speaks("concept", seen)
    return Figure("concept", "scores", max(0.0, value), *bounds, 0.0, threshold, seen, alarm, why)


def concept_figures(task: Task, reference: Reference, rows: Joined, judge: Judge) -> Iterator[Figure]:
    """Calibration error and concept; of a regression the distribution of its residuals, truth less value."""
    if task == "regression":
        if reference.residuals is not None and len(rows.truth):
            counts, _ = binned(reference.residuals, rows.truth - rows.scores)
            yield distribution(judge, "residuals", reference.residuals, counts)
        return
    came = outcomes(task, rows.truth, rows.answers)
    if len(came):
        yield _error(judge, reference, came, rows.scores)
        if reference.outcomes is not None:
            yield concept(judge, reference.outcomes, came, rows.scores)


def _error(judge: Judge, reference: Reference, came: NDArray[np.bool_], scores: Floats) -> Figure:
    value, said = calibration_error(came, scores), judge.monitoring.threshold("calibration_error", "")
    before = reference.quality.get("calibration_error")
    expected, limit = NOTHING if before is None else before.value, NOTHING if said is None else said
    why = f"scores miss the observed shares by {shown(value)} over {len(came):,} rows, {shown(expected)} in training"
    alarm = value > limit and judge.speaks("calibration_error", len(came))
    figure = Figure("calibration_error", "", value, NOTHING, NOTHING, expected, limit, len(came), alarm, why)
    if len(scores) < MOST_BINS:
        return figure
    _, means, shares = reliability(came, scores)
    return replace(figure, shares=tuple(np.column_stack([means, shares]).ravel().tolist()))
