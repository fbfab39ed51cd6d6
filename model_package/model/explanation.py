"""What each feature contributed to a score: sampled Shapley values, through whatever answers. Costs numpy.

Shapley values of a prediction (Strumbelj and Kononenko 2010; Lundberg and Lee 2017, "interventional") share out the
difference between its score and the mean score of background rows: a feature's share is what the score changes by when
the feature's value takes the place of a background row's, averaged over background rows and over the orders in which
the features do so. All orders are too many. For each background row one order is drawn, and walked forth and back
(antithetic pairs: Mitchell et al. 2022), always the same ones. So:

- contributions and base add up to the score, whatever was drawn;
- where the features' effects on the score only add up (a linear regression), the values are exact;
- elsewhere they are estimates, and the same row gets the same ones from the same model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.bundle import Bundle
    from model.derived.encoding import Floats

MOST_BACKGROUND: Final = 32
SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Explanation:
    """Of n rows: base [n], the mean score of the background; contributions [n, features]; their sum is the score."""

    base: Floats
    contributions: Floats


def evaluations(features: int, background: int) -> int:
    """How many rows are scored to explain one."""
    return 2 * min(background, MOST_BACKGROUND) * (features + 1)


def explain(bundle: Bundle, rows: Floats) -> Explanation:
    """Why the bundle answers encoded rows [n, features] with the scores that `Bundle.predict` gives.

    The score that is explained: the positive class's probability where there is a threshold, else the answered
    class's; the value of a regression. The background is the bundle's own sample.
    """
    background = bundle.sample[:MOST_BACKGROUND]
    walks = orders(background.shape[1], len(background))
    told = [_explained(bundle, row, background, walks) for row in rows]
    return Explanation(np.array([base for base, _ in told]), np.array([shares for _, shares in told]))


def _explained(bundle: Bundle, row: Floats, background: Floats, walks: NDArray[np.intp]) -> tuple[float, Floats]:
    answered = bundle.scorer.score(row[np.newaxis])
    shown = None if answered.ndim == 1 else 1 if bundle.threshold is not None else int(answered[0].argmax())

    def score(points: Floats) -> Floats:
        output = bundle.scorer.score(points)
        return output if shown is None else output[:, shown]

    return shapley(score, row, np.vstack([background, background]), walks)


def orders(features: int, background: int) -> NDArray[np.intp]:
    """The orders in which features take their values [2 * background, features]: each drawn, then each reversed."""
    chance = np.random.default_rng(SEED)
    drawn = np.array([chance.permutation(features) for _ in range(background)])
    return np.vstack([drawn, drawn[:, ::-1]])


def shapley(
    score: Callable[[Floats], Floats], row: Floats, starts: Floats, walks: NDArray[np.intp]
) -> tuple[float, Floats]:
    """(base, contributions [features]) of one row: walk w leads from starts[w] to the row in the order walks[w].

    score: [n, features] -> [n]; it is called once.
    """
    count, features = walks.shape
    # At step s of a walk the features whose rank in its order is below s have the row's values.
    ranks = np.argsort(walks, axis=1)
    taken = ranks[:, np.newaxis, :] < np.arange(features + 1)[np.newaxis, :, np.newaxis]
    points = np.where(taken, row, starts[:, np.newaxis, :])
    scores = score(points.reshape(-1, features)).reshape(count, features + 1)
    steps = np.diff(scores, axis=1)
    return float(scores[:, 0].mean()), np.take_along_axis(steps, ranks, axis=1).mean(axis=0)
