"""Streams of the reggaeton problem that drift on purpose: what a monitor must find, and what it must leave alone.

The tracks are drawn from the same figures as the example's files, each independently of the others, so that a stream
without drift differs from the training data by chance only.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from model.contracts.reggaeton_example import (
    INTEGERS,
    THOUSANDTHS,
    Class,
    Statistics,
    copula_root,
    read_statistics,
    values_at,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    _Generator = np.random.Generator
    _Floats = NDArray[np.float64]

Drift = Literal["none", "inputs", "prior", "concept", "meaning"]
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
CODES: Final = frozenset({"key", "mode"})
_FURTHEST: Final = 3.0  # standard deviations: what lies further out is no likelier than what lies there
_CANDIDATES: Final = 4_096


def stream(  # noqa: PLR0913 - all but the first can be left out
    rows: int,
    *,
    seed: int = 0,
    drift: Drift = "none",
    strength: float = 0.3,
    since: float = 0.0,
    column: str = "danceability",
    start: datetime = START,
    hours: float = 24.0,
) -> pd.DataFrame:
    """A typed, labelled frame of `rows` tracks in the order of `created_at`, evenly over `hours`.

    drift, strength:
        "none": every track as in training.
        "inputs": `column` moves up by about `strength` standard deviations, and what goes with it; which tracks are
            reggaeton, given what is known of them, does not change.
        "prior": the log-odds of reggaeton are higher by `strength`; tracks of each class are as they were.
        "concept": the inputs and the share of reggaeton are as they were, but a share `strength` of the tracks has the
            label of another one. No model can do better on these.
        "meaning": the inputs and the share of reggaeton are as they were, but a share `strength` of it is no reggaeton
            any more, and as many of the other tracks are, those with the most of `column`. A new model can learn that.
    since: the part of the stream, 0 .. 1, after which it drifts.
    """
    import numpy as np  # noqa: PLC0415 - the contract, which names this function, costs pydantic only

    generator = np.random.default_rng((seed, 3))
    before = round(rows * since)
    statistics = read_statistics()
    blocks = [
        _tracks(statistics, before, generator),
        _drifted(statistics, rows - before, drift, strength, column, generator),
    ]
    return _frame(statistics["features"], blocks, start, hours)


def _drifted(
    statistics: Statistics, rows: int, drift: Drift, strength: float, column: str, generator: _Generator
) -> tuple[_Floats, NDArray[np.bool_]]:
    match drift:
        case "none":
            return _tracks(statistics, rows, generator)
        case "inputs":
            return _tilted(statistics, rows, strength, column, generator)
        case "prior":
            return _tracks(statistics, rows, generator, strength)
        case "concept":
            values, labels = _tracks(statistics, rows, generator)
            chosen = (generator.random(rows) < strength).nonzero()[0]
            labels[chosen] = labels[generator.permutation(chosen)]
            return values, labels
        case "meaning":
            values, labels = _tracks(statistics, rows, generator)
            return values, _renamed(labels, values[:, statistics["features"].index(column)], strength, generator)


def _renamed(labels: NDArray[np.bool_], amount: _Floats, strength: float, generator: _Generator) -> NDArray[np.bool_]:
    """The labels after as many tracks have come in, those with the most, as have gone out by chance."""
    gone = labels.nonzero()[0]
    gone = gone[generator.random(len(gone)) < strength]
    others = (~labels).nonzero()[0]
    new = labels.copy()
    new[gone] = False
    new[others[(-amount[others]).argsort(kind="stable")[: len(gone)]]] = True
    return new


def _tracks(
    statistics: Statistics, rows: int, generator: _Generator, log_odds: float = 0.0
) -> tuple[_Floats, NDArray[np.bool_]]:
    """Values [rows, features] and whether each track is reggaeton [rows], independent of one another."""
    import numpy as np  # noqa: PLC0415 - as above

    classes, oddities = statistics["classes"], statistics["oddities"]
    others = classes["other"]["rows"] - oddities["repeated_tracks"] - oddities["repeated_twice"]
    odds = classes["reggaeton"]["rows"] / others * np.exp(log_odds)
    labels = generator.random(rows) < odds / (1 + odds)
    values = np.empty((rows, len(statistics["features"])))
    for figures, here in ((classes["reggaeton"], labels), (classes["other"], ~labels)):
        values[here] = _of_class(statistics, figures, int(here.sum()), generator)
    return values, labels


def _of_class(statistics: Statistics, figures: Class, rows: int, generator: _Generator) -> _Floats:
    import numpy as np  # noqa: PLC0415 - as above
    from scipy.special import ndtr

    root = copula_root(figures["spearman"])
    ranks = ndtr(generator.standard_normal((rows, len(root))) @ root / np.sqrt((root**2).sum(axis=0)))
    levels = statistics["quantile_levels"]
    columns = [
        _recorded(name, values_at(name, column, figures, levels))
        for name, column in zip(statistics["features"], ranks.T, strict=True)
    ]
    return np.column_stack(columns)


def _recorded(name: str, values: _Floats) -> _Floats:
    """As precise as the column's cells are: whole, to the thousandth, or three significant digits."""
    import numpy as np  # noqa: PLC0415 - as above

    if name in INTEGERS or name in CODES:
        return np.rint(values)
    if name in THOUSANDTHS:
        return np.rint(values * 1e3) / 1e3
    digits = np.floor(np.log10(np.maximum(np.abs(values), 1e-6)))
    # A whole number through an exact power of ten is the double that stands in the file.
    tens = 10.0 ** np.clip(2 - digits, 0, 22)
    return np.asarray(np.rint(values * tens) / tens)


def _tilted(
    statistics: Statistics, rows: int, strength: float, column: str, generator: _Generator
) -> tuple[_Floats, NDArray[np.bool_]]:
    """Tracks kept with a chance of exp(strength z), z the column in standard deviations.

    It moves the mean of z by about `strength`, and as the choice sees the inputs alone, P(label | inputs) stays.
    """
    import numpy as np  # noqa: PLC0415 - as above

    place = statistics["features"].index(column)
    usual = _of_class(statistics, statistics["classes"]["other"], _CANDIDATES, np.random.default_rng(0))[:, place]
    values, labels = [np.empty((0, len(statistics["features"])))], [np.empty(0, dtype=bool)]
    while sum(map(len, labels)) < rows:
        some, true = _tracks(statistics, max(_CANDIDATES, rows), generator)
        away = np.clip((some[:, place] - usual.mean()) / usual.std(), -_FURTHEST, _FURTHEST)
        kept = generator.random(len(some)) < np.exp(strength * away - abs(strength) * _FURTHEST)
        values.append(some[kept])
        labels.append(true[kept])
    return np.concatenate(values)[:rows], np.concatenate(labels)[:rows]


def _frame(
    names: list[str], blocks: list[tuple[_Floats, NDArray[np.bool_]]], start: datetime, hours: float
) -> pd.DataFrame:
    import numpy as np  # noqa: PLC0415 - as above
    import pandas as pd

    values = np.concatenate([block[0] for block in blocks])
    labels = np.concatenate([block[1] for block in blocks])
    whole = INTEGERS | CODES
    columns: dict[str, Any] = {
        name: pd.array(column.astype(np.int64), dtype="Int64") if name in whole else column
        for name, column in zip(names, values.T, strict=True)
    }
    moments = pd.date_range(start, start + timedelta(hours=hours), periods=len(labels) + 1, unit="ns")[:-1]
    keys = pd.array([f"s{number}" for number in range(1, len(labels) + 1)], dtype="str")
    target = pd.array(labels.astype(np.int64), dtype="Int64")
    return pd.DataFrame({"created_at": moments, "id_new": keys, **columns, "target": target})
