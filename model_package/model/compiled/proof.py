"""The proof that a compiled form answers as its pipeline, and rows that are likely to show where it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from model.compiled.graph import Floats, Origin
from model.compiled.pipeline import build
from model.errors import CannotCompile
from model.scoring import Scorer

LARGEST_PROBABILITY_DIFFERENCE = 1e-12
LARGEST_RELATIVE_DIFFERENCE = 1e-9
# Of the mean size of the values: what a value's own size counts as at least.
SMALLEST_SIZE = 1e-3
ROWS_SCORED_ALONE = 16
MOVED, MISSING, JITTERED = 0.5, 0.1, 0.25
JITTER = 0.01

# ------------------------------------------------------------------------------------------- the proof


def prove_equal(pipeline: Pipeline, model: bytes, rows: Floats, feature_names: Sequence[str]) -> None:
    """Return when `model` answers as `pipeline` on every one of `rows` [n, features], in a batch and one by one.

    Equal means: the label (most probable class, the first of equals) is the same, no probability is further off
    than 1e-12; for regression no value is further off than 1e-9 of its size.

    Raises:
        CannotCompile: with the worst difference and the number of wrong labels.
    """
    scorer = Scorer(model)
    expected = answers(pipeline, rows, feature_names)
    _compare(expected, scorer.score(rows))
    few = min(ROWS_SCORED_ALONE, len(rows))
    if few:
        _compare(expected[:few], np.concatenate([scorer.score(rows[i : i + 1]) for i in range(few)]))


def answers(pipeline: Pipeline, rows: Floats, feature_names: Sequence[str]) -> Floats:
    """The pipeline's own probabilities [n, classes] or values [n]; it gets a frame when it was fitted on one."""
    offered = pd.DataFrame(rows, columns=list(feature_names)) if hasattr(pipeline, "feature_names_in_") else rows
    predict = pipeline.predict_proba if is_classifier(pipeline) else pipeline.predict
    return np.asarray(predict(offered), dtype=np.float64)


def _compare(expected: Floats, given: Floats) -> None:
    if expected.shape != given.shape:
        raise CannotCompile(f"the compiled form gives {given.shape} where the pipeline gives {expected.shape}")
    allowed, wrong = LARGEST_PROBABILITY_DIFFERENCE, 0
    if expected.ndim == 1:
        allowed = LARGEST_RELATIVE_DIFFERENCE
    else:
        wrong = int(np.count_nonzero(expected.argmax(axis=1) != given.argmax(axis=1)))
    worst = worst_difference(expected, given)
    if wrong or not worst <= allowed:
        raise CannotCompile(
            f"the compiled form differs from the pipeline on {len(expected)} rows: worst difference {worst:.3g} "
            f"(at most {allowed:g} is allowed), {wrong} wrong labels"
        )


def worst_difference(expected: Floats, given: Floats) -> float:
    """The largest difference: absolute for probabilities [n, classes], relative for values [n]; NaN if one is NaN.

    A value's size counts as at least a thousandth of the mean size: next to nought, rounding alone is a large share.
    """
    differences = np.abs(expected - given)
    if expected.ndim == 1 and len(expected):
        sizes = np.abs(expected)
        differences /= np.maximum(sizes, max(float(sizes.mean()) * SMALLEST_SIZE, np.finfo(np.float64).tiny))
    return float(np.max(differences, initial=0.0))


# ------------------------------------------------------------------------------------------- hard rows


def adversarial_rows(pipeline: Pipeline, rows: Floats, *, count: int, seed: int) -> Floats:
    """`count` rows [count, features] made of `rows`: numbers on, just below and just above the trees' thresholds.

    "Just" is one step of float64 or of float32, as the model sees the number, and half a float32 step, where rounding
    turns over. A quarter of the rows is jittered on top; numbers go missing in columns where `rows` has missing ones.
    Features that a step reads as codes keep their codes.

    Raises:
        CannotCompile: the pipeline has no compiled form.
    """
    random = np.random.default_rng(seed)
    names = list(getattr(pipeline, "feature_names_in_", [str(position) for position in range(rows.shape[1])]))
    graph, _ = build(pipeline, names)
    numbers = sorted(set(range(graph.width)) - graph.codes)
    hard = rows[random.integers(len(rows), size=count)].copy()
    for position, points in _points(graph.thresholds, numbers).items():
        moved = np.flatnonzero(random.random(count) < MOVED)
        hard[moved, position] = random.choice(points, size=len(moved))
    _jitter(hard, numbers, random)
    for gappy in np.flatnonzero(np.isnan(rows).any(axis=0)):
        hard[random.random(count) < MISSING, gappy] = np.nan
    return hard


def _points(thresholds: Mapping[Origin, set[float]], numbers: Sequence[int]) -> dict[int, Floats]:
    """For each feature the values that land on and around the thresholds of its columns."""
    found: dict[int, list[Floats]] = {}
    for origin, values in thresholds.items():
        if origin.position in numbers:
            found.setdefault(origin.position, []).append(_raw_values(origin, np.sort(list(values))))
    return {position: np.concatenate(parts) for position, parts in found.items()}


def _raw_values(origin: Origin, thresholds: Floats) -> Floats:
    """Raw values whose images lie around the thresholds; one more step to each side makes up for rounding."""
    raw = (_around(thresholds) - origin.offset) / origin.factor
    return np.concatenate([raw, np.nextafter(raw, -np.inf), np.nextafter(raw, np.inf)])


def _around(thresholds: Floats) -> Floats:
    """The thresholds, their float64 and float32 neighbours, and the middles of float32 neighbours with theirs."""
    single = thresholds.astype(np.float32)
    singles = [single, np.nextafter(single, np.float32(-np.inf)), np.nextafter(single, np.float32(np.inf))]
    below, above = (neighbour.astype(np.float64) for neighbour in singles[1:])
    middles = [(single + below) / 2, (single + above) / 2]
    exact = np.concatenate([thresholds, *middles])
    return np.concatenate([exact, np.nextafter(exact, -np.inf), np.nextafter(exact, np.inf), *singles])


def _jitter(hard: Floats, numbers: Sequence[int], random: np.random.Generator) -> None:
    """Shake all numbers of some rows by about a hundredth of each column's spread."""
    shaken = np.flatnonzero(random.random(len(hard)) < JITTERED)
    for position in numbers:
        column = hard[:, position]
        spread = np.nanstd(column) if np.isfinite(column).any() else 0.0
        column[shaken] += random.normal(scale=JITTER * (spread or 1.0), size=len(shaken))
