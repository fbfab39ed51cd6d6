"""What a challenger answers to stored predictions: an answer for each row, or why there is none. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from model.decision import decide
from model.derived.fitting import encode_fitting
from model.errors import BundleError, bounded
from model.stored import LONGEST_REFUSAL, Shadowed

if TYPE_CHECKING:
    from model.contract import Contract
    from model.derived.encoding import Floats
    from model.stored import Stored

NOT_A_NUMBER = "the challenger's score is not a number"


@dataclass(frozen=True, slots=True)
class Model:
    """What answers: `score` takes encoded rows [n, features] and returns probabilities [n, classes] or values [n]."""

    contract: Contract
    threshold: float | None
    score: Callable[[Floats], Floats]


def shadowed(model: Model, some: Stored, moments: Sequence[datetime]) -> list[Shadowed]:
    """An answer or a refusal for every row, in their order; moments: when each prediction was made.

    Raises what the model raises when trying again can mend it (a `ModelError` that is retryable), and what it should
    not raise at all. A row that the model refuses is refused alone: the others are answered.
    """
    rows, why = encode_fitting(model.contract, some.columns)
    answers: list[tuple[Any, float | None, str | None]] = [(None, None, str(reason)) for reason in why]
    for places, found in _answered(model, rows, np.flatnonzero(why == "")):
        for place, answer in zip(places.tolist(), found, strict=True):
            answers[place] = answer
    return [
        Shadowed(identity, moment, label, score, None if refused is None else bounded(refused, LONGEST_REFUSAL))
        for identity, moment, (label, score, refused) in zip(some.ids, moments, answers, strict=True)
    ]


def _answered(
    model: Model, rows: Floats, places: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.intp], list[tuple[Any, float | None, str | None]]]]:
    """The answers by place. Where the model refuses some rows together, each half is asked until one row is left."""
    if not len(places):
        return
    try:
        yield places, _asked(model, rows[places])
    except BundleError as error:
        if error.retryable:
            raise
        if len(places) == 1:
            yield places, [(None, None, str(error))]
            return
        half = len(places) // 2
        yield from _answered(model, rows, places[:half])
        yield from _answered(model, rows, places[half:])


def _asked(model: Model, rows: Floats) -> list[tuple[Any, float | None, str | None]]:
    said = decide(model.contract, model.threshold, model.score(rows))
    return [
        (label, score, None) if math.isfinite(score) else (None, None, NOT_A_NUMBER)
        for label, score in zip(said.labels, said.scores.tolist(), strict=True)
    ]
