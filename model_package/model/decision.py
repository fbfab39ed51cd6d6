"""From a model's output to an answer: the same few lines in training, batch and service. Costs numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.contract import Contract
from model.derived.encoding import Floats


@dataclass(frozen=True, slots=True)
class Predictions:
    """Answers for n rows.

    labels: a contract label for each row, or the value in a regression.
    scores: float64 [n], the probability of the positive (binary) or the chosen class, or the value.
    probabilities: float64 [n, classes] in the order of `contract.target.classes`; None in a regression.
    """

    labels: list[int | str | float]
    scores: Floats
    probabilities: Floats | None


def decide(contract: Contract, threshold: float | None, output: Floats) -> Predictions:
    """Model output ([n, classes], or [n] in a regression) -> labels.

    threshold: the positive class is answered when its probability is at least this; None answers the most
    probable class.
    """
    if contract.target.task == "regression":
        return Predictions([float(value) for value in output], output, None)
    chosen = _chosen_classes(threshold, output)
    shown = output[:, 1] if threshold is not None else output[np.arange(len(output)), chosen]
    classes = contract.target.classes
    return Predictions([classes[place] for place in chosen.tolist()], shown, output)


def _chosen_classes(threshold: float | None, probabilities: Floats) -> NDArray[np.intp]:
    if threshold is None:
        return np.asarray(probabilities.argmax(axis=1))
    return (probabilities[:, 1] >= threshold).astype(np.intp)
