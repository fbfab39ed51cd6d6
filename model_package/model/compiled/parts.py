"""What estimators made of estimators are compiled with: a way to compile their members, and sums over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from model.compiled.graph import Columns, Graph, Step
from model.compiled.links import result

Rule = Callable[[Graph, Columns, Step], Columns]


@dataclass(frozen=True, slots=True)
class Parts:
    """How a member is compiled.

    answer: probabilities [n, classes] or values [n, 1].
    scores: what calibration and stacking read, `decision_function` before `predict_proba`: [n, 1] for two classes.
    """

    answer: Rule
    scores: Rule


def mean(graph: Graph, answers: Sequence[Columns], weights: Sequence[float] | None = None) -> Columns:
    """The mean of answers of one width, added up in turn and then divided, as numpy does it along the first axis."""
    names = [answer.name for answer in answers]
    count = float(len(answers))
    if weights is not None:
        names = [
            graph.add("Mul", name, graph.constant(float(weight))) for name, weight in zip(names, weights, strict=True)
        ]
        count = float(sum(weights))
    total, *others = names
    for other in others:
        total = graph.add("Add", total, other)
    rounded = any(answer.rounded for answer in answers)
    return result(graph.add("Div", total, graph.constant(count)), answers[0].width, rounded=rounded)
