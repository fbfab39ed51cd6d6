"""What the training rows looked like, remembered for the monitors: shares, rates, scores, outcomes, quality."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.contract import Category, Contract, Task
from model.decision import Predictions, decide
from model.derived.encoding import Floats
from model.derived.frame import encode_series
from model.derived.monitors import BINS, Monitor, plan
from model.steps.calibration import calibrate, calibration_error, outcomes, remember_outcomes
from model.steps.divergence import DIVERGENCES
from model.steps.folds import Folds, summarize_folds
from model.steps.noise import null
from model.steps.quality import measured
from model.steps.reference import FORMAT, Calibration, Expected, Null, Profile, Reference
from model.steps.window import Joined, codes

GRID = 40  # a multiple of BINS, so that the bins' edges are edges of the grid


def remember(
    contract: Contract,
    frame: pd.DataFrame,
    folds: Folds,
    fresh: tuple[NDArray[Any], Predictions],
    threshold: float | None,
    *,
    seed: int = 0,
) -> Reference:
    """All that the monitors need of a training run.

    frame: the typed training part. folds: its out-of-fold output. fresh: truth [k] of the rows that the final model
    never saw, and its answers to them: what is served later is distributed as their scores are, which out-of-fold means
    over repeats are not quite.
    """
    columns = {monitor.column: _column(contract, monitor, frame, seed) for monitor in plan(contract)}
    # Means over repeats are sharper than one model of a part of the rows, and nearer to the model of all that serves.
    outside = decide(contract, threshold, folds.output[folds.tested])
    rows = _joined(contract, folds.truth[folds.tested], outside)
    answers = of_answers(contract.target.task, rows, seed)
    return replace(
        answers,
        quality=_as_unsure_as_folds(answers.quality, summarize_folds(contract.target.task, folds)),
        rows=len(frame),
        columns=columns,
        scores=of_numbers(fresh[1].scores, BINS, seed),
        calibration=_calibration(contract.target.task, rows, _joined(contract, *fresh)),
    )


def _calibration(task: Task, outside: Joined, fresh: Joined) -> Calibration | None:
    """From all rows that a model answered without having seen them: out of fold, and those of the hold-out.

    Means over repeats are sharper than the scores of the one model that serves, and chances by them alone promise too
    much where rows are few. The final model's own scores of the hold-out stand against that.
    """
    if task == "regression":
        return None
    came = [outcomes(task, rows.truth, rows.answers) for rows in (outside, fresh)]
    return calibrate(np.concatenate(came), np.concatenate([outside.scores, fresh.scores]))


def _as_unsure_as_folds(quality: dict[str, Expected], folds: dict[str, dict[str, float]]) -> dict[str, Expected]:
    """Intervals at least as wide as those over the folds' fits.

    Resampling the predictions does not know that another training table gives another model; the folds do.
    """
    widened = dict(quality)
    for name, found in folds.items():
        if name in quality:
            middle = quality[name].value
            half = max(found["high"] - found["value"], found["value"] - found["low"])
            low, high = min(quality[name].low, middle - half), max(quality[name].high, middle + half)
            widened[name] = Expected(middle, low, high)
    return widened


def of_answers(task: Task, rows: Joined, seed: int) -> Reference:
    """What out-of-fold answers tell: quality, calibration, outcomes by score, or residuals."""
    quality = {name: Expected(*found) for name, found in measured(task, rows, seed).items()}
    known = Reference(0, {}, Profile(), FORMAT, quality=quality)
    if task == "regression":
        return replace(known, residuals=of_numbers(rows.truth - rows.scores, BINS, seed))
    came = outcomes(task, rows.truth, rows.answers)
    error = calibration_error(came, rows.scores)
    return replace(
        known,
        outcomes=remember_outcomes(came, rows.scores, seed),
        calibration=calibrate(came, rows.scores),
        quality=quality | ({} if np.isnan(error) else {"calibration_error": Expected(error, error, error)}),
    )


def _joined(contract: Contract, truth: NDArray[Any], answered: Predictions) -> Joined:
    classes = contract.target.classes
    labels = np.asarray(answered.labels) if not classes else codes(classes, np.asarray(answered.labels))
    return Joined(truth, labels, answered.scores, np.ones(len(truth), dtype=bool))


def _column(contract: Contract, monitor: Monitor, frame: pd.DataFrame, seed: int) -> Profile:
    column = contract.column(monitor.column)
    encoded = encode_series(column, frame[column.name])
    present = encoded[~np.isnan(encoded)]
    own = zlib.crc32(column.name.encode()) ^ seed
    if isinstance(column, Category):
        return _of_values(column, present.astype(np.int64), len(encoded), own)
    if monitor.statistic == "none":
        return Profile(statistic="none", **_counts(len(present), len(encoded)))
    return of_numbers(present, monitor.bins, own, len(encoded))


def _counts(rows: int, total: int) -> dict[str, Any]:
    return {"missing": 1 - rows / max(1, total), "rows": rows, "total": total}


def _of_values(column: Category, found: NDArray[np.int64], total: int, seed: int) -> Profile:
    counts = np.bincount(found, minlength=len(column.values))
    return Profile(
        shares=_shares(counts),
        statistic="jensen_shannon",
        **_counts(len(found), total),
        values=column.values,
        once=int(np.count_nonzero(counts == 1)),
        null=_null("jensen_shannon", counts, seed),
    )


def of_numbers(values: Floats, bins: int, seed: int, total: int | None = None) -> Profile:
    """Numbers in bins between their quantiles (equal ones merged; the outer bins are open), PSI as the statistic.

    values: the present ones, of `total` rows (all of them when not said).
    """
    counted = _counts(len(values), len(values) if total is None else total)
    if not len(values):
        return Profile(**counted)
    edges, grid = _quantiles(values, bins), _quantiles(values, GRID)
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    below = np.searchsorted(np.sort(values), grid) / len(values)
    return Profile(
        shares=_shares(counts),
        **counted,
        edges=tuple(edges.tolist()),
        grid=tuple(grid.tolist()),
        below=tuple(below.tolist()),
        minimum=float(values.min()),
        maximum=float(values.max()),
        deviation=float(values.std()),
        null=_null("psi", counts, seed),
    )


def _quantiles(values: Floats, parts: int) -> Floats:
    """Quantiles that have values on both sides: at the smallest value there is nothing below."""
    levels = np.linspace(0, 1, GRID + 1)[:: GRID // parts][1:-1]
    found: Floats = np.unique(np.quantile(values, levels))
    return np.asarray(found[found > values.min()])


def _shares(counts: NDArray[Any]) -> tuple[float, ...]:
    return tuple((counts / max(1, counts.sum())).tolist())


def _null(statistic: str, counts: NDArray[Any], seed: int) -> Null | None:
    """The statistic's noise: reference and window drawn anew from the reference's shares (none of them quite 0)."""
    rows = int(counts.sum())
    if rows == 0 or len(counts) < 2:  # noqa: PLR2004 - one bin cannot drift
        return None
    shares = np.maximum(counts, 0.5) / np.maximum(counts, 0.5).sum()
    divergence, _ = DIVERGENCES[statistic]

    def drawn(size: int, draws: int, generator: np.random.Generator) -> Floats:
        before = generator.multinomial(rows, shares, size=draws) / rows
        return np.asarray(divergence(before, rows, generator.multinomial(size, shares, size=draws)))

    return null(drawn, len(counts), rows, seed)
