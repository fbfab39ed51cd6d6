"""Champion against challenger on the same predictions: how often they agree, and which one the truth agrees with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from model.contract import Task
from model.derived.encoding import Floats
from model.steps import evaluation
from model.steps.quality import HIGHER_IS_BETTER, MOST_RESAMPLED, Metric, metrics
from model.steps.replay import Comparison, Label, merged
from model.steps.window import codes, numbers

if TYPE_CHECKING:
    from model.contract import Contract
    from model.stored import Compared

SAMPLES = 500


class Duel:
    """Takes in predictions some at a time.

    refused: rows that the challenger did not answer, by reason. versions: the comparison with each champion.
    """

    def __init__(self, contract: Contract) -> None:
        """Nothing yet."""
        self._contract = contract
        self.refused: Counter[str] = Counter()
        self.versions: dict[str, Comparison] = {}
        self._known: list[tuple[list[Any], ...]] = []

    def add(self, some: Compared) -> None:
        """Take in predictions with both answers."""
        self.refused.update(reason for reason in some.refused if reason is not None)
        versions, answered = np.array(some.versions, dtype=object), np.array([why is None for why in some.refused])
        for version in sorted(set(versions[answered].tolist())):
            self._compare(version, some, np.flatnonzero(answered & (versions == version)).tolist())
        places = [place for place in np.flatnonzero(answered).tolist() if some.truths[place] is not None]
        every = (some.truths, some.labels, some.scores, some.challenger_labels, some.challenger_scores)
        self._known.append(tuple([column[place] for place in places] for column in every))

    def _compare(self, version: str, some: Compared, places: list[int]) -> None:
        if version not in self.versions:
            self.versions[version] = Comparison(labelled=bool(self._contract.target.labels))
        ours = _answers(some.labels, some.scores, places)
        theirs = _answers(some.challenger_labels, some.challenger_scores, places)
        self.versions[version].add([some.ids[place] for place in places], ours, theirs)

    def whole(self) -> Comparison:
        """Of all champions together."""
        return merged(list(self.versions.values()))

    def said(self, seed: int = 0) -> dict[str, Any]:
        """The report as plain JSON values. In it, `then` is the champion's answer and `now` the challenger's."""
        columns = [[value for part in self._known for value in part[place]] for place in range(5)]
        rows, quality = paired(self._contract, columns, seed)
        return {
            "refused": dict(self.refused),
            "all": self.whole().said(),
            "champions": {version: found.said() for version, found in sorted(self.versions.items())},
            "truth": {"rows": rows, "quality": quality},
        }


def _answers(labels: list[Any], scores: list[Any], places: list[int]) -> tuple[list[Label], Floats]:
    return [labels[place] for place in places], np.array([scores[place] for place in places], dtype=np.float64)


# --------------------------------------------------------------------------------------------- quality


@dataclass(frozen=True, slots=True)
class Side:
    """One model's answers to k rows: class codes or values, and scores."""

    answers: NDArray[Any]
    scores: Floats

    def measured(self, metric: Metric, truth: NDArray[Any], weights: Floats) -> Floats:
        """The metric in each resample: weights [resamples, k] to [resamples]."""
        return metric(truth, self.answers, self.scores, weights)

    def part(self, rows: NDArray[np.intp]) -> Side:
        """Some of the rows."""
        return Side(self.answers[rows], self.scores[rows])


def paired(contract: Contract, columns: Sequence[Sequence[Any]], seed: int = 0) -> tuple[int, dict[str, Any]]:
    """How many rows, and by measure: champion, challenger, and the gain: by how much the challenger is better.

    columns: truth, and label and score of the champion and of the challenger. Both models are judged on the same rows
    of the same resamples: what makes a row hard for both cancels out. The interval is the percentile bootstrap's
    (Efron 1979), 95 %; of more than `MOST_RESAMPLED` rows a part is resampled, and the interval shrunk by the root of
    its share (Politis and Romano 1994). A measure that the rows do not allow is left out.
    """
    truth, champion, challenger = _sides(contract, columns)
    if not len(truth):
        return 0, {}
    task = contract.target.task
    chosen = _part(len(truth), seed)
    of_part = (truth[chosen], champion.part(chosen), challenger.part(chosen))
    found = {}
    for name in _allowed(task, truth):
        values = [float(each.measured(metrics(task)[name], truth, _once(truth))[0]) for each in (champion, challenger)]
        gain = _gain(name, task, *of_part, seed, (len(chosen) / len(truth)) ** 0.5)
        found[name] = {"champion": values[0], "challenger": values[1], "gain": gain}
    return len(truth), found


def _sides(contract: Contract, columns: Sequence[Sequence[Any]]) -> tuple[NDArray[Any], Side, Side]:
    """Truth and both models' answers as numbers, of the rows that have all of them."""
    classes = contract.target.classes
    truth, ours, our_scores, theirs, their_scores = columns
    read = [numbers(each) if not classes else codes(classes, each) for each in (truth, ours, theirs)]
    scores = [np.asarray(each, dtype=np.float64) for each in (our_scores, their_scores)]
    known = np.all(
        [each >= 0 if classes else np.isfinite(each) for each in read] + [np.isfinite(s) for s in scores], axis=0
    )
    return read[0][known], Side(read[1][known], scores[0][known]), Side(read[2][known], scores[1][known])


def _gain(
    name: str, task: Task, truth: NDArray[Any], champion: Side, challenger: Side, seed: int, shrink: float
) -> dict[str, float]:
    metric, sign = metrics(task)[name], 1.0 if HIGHER_IS_BETTER[name] else -1.0

    def difference(weights: Floats) -> Floats:
        return sign * (challenger.measured(metric, truth, weights) - champion.measured(metric, truth, weights))

    strata = np.zeros(len(truth)) if task == "regression" else truth
    drawn = np.concatenate([difference(some) for some in evaluation.resamples(strata, SAMPLES, seed)])
    value = float(difference(_once(truth))[0])
    low, high = evaluation.interval(drawn)
    return {"value": value, "low": value + (low - value) * shrink, "high": value + (high - value) * shrink}


def _part(count: int, seed: int) -> NDArray[np.intp]:
    if count <= MOST_RESAMPLED:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, MOST_RESAMPLED, replace=False))


def _allowed(task: Task, truth: NDArray[Any]) -> list[str]:
    """Ranking needs two classes, explained variance a variance."""
    varied = len(np.unique(truth)) > 1
    return [name for name in metrics(task) if varied or name not in {"average_precision", "roc_auc", "r2"}]


def _once(truth: NDArray[Any]) -> Floats:
    return np.ones((1, len(truth)))
