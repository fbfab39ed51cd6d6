"""How much each column matters to a model: permutation importance on the hold-out (Breiman 2001)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model.contract import Task
from model.derived.encoding import Floats
from model.steps.evaluation import interval, primary, resamples, strata, views

MOST_ROWS: Final = 5_000
MOST_SHUFFLES, LEAST_SHUFFLES = 10, 2
MOST_SCORED: Final = 2_000_000  # rows, over all columns and shuffles
MOST_DRAWS, LEAST_DRAWS = 200, 40
MOST_JUDGED: Final = 4_000  # resamples, over all columns

Score = Callable[[Floats], Floats]


def importance(
    task: Task,
    names: Sequence[str],
    rows: Floats,
    truth: NDArray[Any],
    score: Score,
    threshold: float | None,
    *,
    seed: int,
) -> dict[str, dict[str, float]]:
    """How much worse the primary measure gets when a column's values are shuffled among the rows, largest first.

    rows: encoded features of the hold-out, [n, columns named `names`]; of more than 5,000 rows, some are drawn.
    truth: [n]. score: rows -> output, [n, classes] or [n]. threshold: of the binary answer.

    Returns `{"tempo": {"value": .12, "low": .05, "high": .19}, ...}`: the mean over shuffles, and a 95 % interval over
    shuffles and resamples of the rows. About 0 is a column that the model does not use, or whose place others can take.
    """
    generator = np.random.default_rng(seed)
    rows, truth = _some(rows, truth, generator)
    judge = _Judge(task, truth, threshold, score(rows), max(LEAST_DRAWS, min(MOST_DRAWS, MOST_JUDGED // len(names))))
    each = max(1, len(names) * len(rows))
    shuffles = max(LEAST_SHUFFLES, min(MOST_SHUFFLES, MOST_SCORED // each))
    found: dict[str, dict[str, float]] = {}
    for place, name in enumerate(names):
        outputs = [score(_shuffled(rows, place, generator)) for _ in range(shuffles)]
        found[name] = judge.loss(outputs, seed)
    return dict(sorted(found.items(), key=lambda item: -item[1]["value"]))


def _some(rows: Floats, truth: NDArray[Any], generator: np.random.Generator) -> tuple[Floats, NDArray[Any]]:
    if len(rows) <= MOST_ROWS:
        return rows, truth
    chosen = np.sort(generator.choice(len(rows), MOST_ROWS, replace=False))
    return rows[chosen], truth[chosen]


def _shuffled(rows: Floats, place: int, generator: np.random.Generator) -> Floats:
    changed = rows.copy()
    changed[:, place] = generator.permutation(changed[:, place])
    return changed


class _Judge:
    """The primary measure of the rows as they are, against that of other outputs."""

    def __init__(self, task: Task, truth: NDArray[Any], threshold: float | None, output: Floats, draws: int) -> None:
        self._task, self._truth, self._threshold = task, truth, threshold
        self._measure = primary(task)
        self._output = output
        self._draws = draws

    def loss(self, outputs: Sequence[Floats], seed: int) -> dict[str, float]:
        """What the others lose: the mean, and its interval."""
        once = np.ones((1, len(self._truth)))
        value = float(np.mean([self._lost(output, once) for output in outputs]))
        each = max(1, self._draws // len(outputs))
        drawn = [
            self._lost(output, weights)
            for number, output in enumerate(outputs)
            for weights in resamples(strata(self._task, self._truth), each, seed + number)
        ]
        low, high = interval(np.concatenate(drawn))
        return {"value": value, "low": low, "high": high}

    def _lost(self, output: Floats, weights: Floats) -> Floats:
        sign = 1.0 if self._measure.higher_is_better else -1.0
        before, after = (self._measured(each, weights) for each in (self._output, output))
        return sign * (before - after)

    def _measured(self, output: Floats, weights: Floats) -> Floats:
        return self._measure.metric(self._truth, views(self._task, output, self._threshold)[self._measure.of], weights)
