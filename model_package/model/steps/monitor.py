"""Measure a window of predictions against what its bundle remembers of training: values in, one tidy frame out.

Nothing here knows a store, a clock or a scheduler. The parts: `inputs` and `drift` (columns, scores), `quality`,
`calibration` and `estimation` (needs no truth), `traffic`; `noise` takes sampling out of all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from model.contract import Contract
from model.steps.calibration import concept_figures
from model.steps.drift import Judge, binned, distribution, wasserstein
from model.steps.estimation import estimates
from model.steps.figure import COLUMNS, Figure, alarms, tidy
from model.steps.inputs import input_figures, tests
from model.steps.noise import each
from model.steps.quality import quality_figures
from model.steps.reference import Reference
from model.steps.traffic import traffic_figures
from model.steps.window import Window, codes, joined, numbers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "Figure", "Reference", "Window", "alarms", "figures", "measure", "measure_all"]

Shares = dict[tuple[str, str], tuple[float, ...]]  # by measure and subject

TESTS_OF_ANSWERS = 2  # the measure that decides, and the concept


def measure(contract: Contract, reference: Reference, window: Window) -> pd.DataFrame:
    """Everything that can be measured of a window: one row for each figure, with the columns of `Figure`.

    contract: says what is watched, and the thresholds that are not the reference's own (`Contract.monitoring`).
    reference: of the bundle whose version answered (`Reference.from_json`).
    window: predictions of that version. No row at all, one row, columns that are missing: all can be measured.

    Raises:
        ValueError: the parts of the window have different lengths.
    """
    return measure_all(contract, reference, window)[0]


def measure_all(contract: Contract, reference: Reference, window: Window) -> tuple[pd.DataFrame, Shares]:
    """What `measure` gives, and the shares by bin of each figure that has them (`Figure.shares`)."""
    # Values that no float64 can square are somebody's, and no reason to fail: what comes of them is NaN.
    with np.errstate(over="ignore", invalid="ignore"):
        found = list(figures(contract, reference, window))
    return tidy(found), {(one.measure, one.subject): one.shares for one in found if one.shares}


def figures(contract: Contract, reference: Reference, window: Window) -> Iterator[Figure]:
    """The rows of `measure`, one by one."""
    window.sizes_agree()
    level = contract.monitoring.false_alarms
    of_inputs = Judge(contract.monitoring, each(level, tests(contract)))
    of_answers = Judge(contract.monitoring, each(level, TESTS_OF_ANSWERS))
    yield from traffic_figures(contract, window)
    yield from input_figures(contract, reference, window, of_inputs)
    yield from _score_figures(reference, window, of_inputs)
    rows, task = joined(contract, window), contract.target.task
    answers, scores = codes(contract.target.classes, window.labels), numbers(window.scores)
    yield from estimates(task, reference, answers, scores, rows)
    yield from quality_figures(contract, reference, rows, of_answers)
    yield from concept_figures(task, reference, rows, of_answers)


def _score_figures(reference: Reference, window: Window, judge: Judge) -> Iterator[Figure]:
    scores = numbers(window.scores)
    present = scores[~np.isnan(scores)]
    counts, below = binned(reference.scores, present)
    yield distribution(judge, "scores", reference.scores, counts)
    yield from wasserstein(judge, "scores", reference.scores, below, len(present))
