"""A window of predictions, and its columns as numbers, however they were read: typed frame, SQL rows or arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.contract import Contract
from model.derived.encoding import Floats

Codes = NDArray[np.int64]
MISSING, STRANGE = -1, -2


@dataclass(frozen=True, slots=True)
class Window:
    """Predictions of one version in one stretch of time, n of them, as they stand in the store.

    rows: the contract's columns by name: a frame, or a mapping to arrays [n] (numpy, pandas or arrow). A column that
        is not there counts as missing in every row.
    labels, scores: the answers [n]; the score is P(positive), the largest class probability, or the value itself.
    truth: the labels or values that came true [n], missing where they have not come yet; None when none has.
    latency_ms: of the requests [n], missing for batches; None when not known.
    hours: how long the window is, for rates of traffic; None when not known.
    total: how many predictions there were, where these are a sample of them; None when they are all.
    """

    rows: pd.DataFrame | Mapping[str, Any]
    labels: Any
    scores: Any
    truth: Any = None
    latency_ms: Any = None
    hours: float | None = None
    total: int | None = None

    @property
    def count(self) -> int:
        """How many predictions there are."""
        return len(self.scores)

    def column(self, name: str) -> Any:  # noqa: ANN401 - as it was read
        """The values of a column [n]; all missing when it is not there."""
        return self.rows[name] if name in self.rows else np.full(self.count, np.nan)

    def sizes_agree(self) -> None:
        """Raise ValueError when one part has another length than the scores."""
        parts = {"labels": self.labels, "truth": self.truth, "latency_ms": self.latency_ms}
        parts |= {str(name): self.column(str(name)) for name in self.rows}
        wrong = [name for name, part in parts.items() if part is not None and len(part) != self.count]
        if wrong:
            msg = f"a window of {self.count} scores has another number of {', '.join(wrong[:5])}"
            raise ValueError(msg)


def numbers(values: Any) -> Floats:  # noqa: ANN401 - as it was read
    """float64 [n]; NaN where there is no value or it is no number."""
    plain = getattr(values, "dtype", None)
    if isinstance(plain, np.dtype) and plain.kind in "fiub":
        return np.asarray(values, dtype=np.float64)
    parsed = pd.to_numeric(_series(values), errors="coerce")
    return np.asarray(parsed.to_numpy(dtype=np.float64, na_value=np.nan))


def codes(allowed: Sequence[int | str], values: Any) -> Codes:  # noqa: ANN401 - as it was read
    """int64 [n]: the place of each value among those allowed; MISSING, or STRANGE when it is none of them."""
    if not allowed:
        return np.full(len(values), MISSING, dtype=np.int64)
    return _whole(allowed, values) if isinstance(allowed[0], int) else _texts(allowed, values)


def _whole(allowed: Sequence[int | str], values: Any) -> Codes:  # noqa: ANN401 - as it was read
    found, known = numbers(values), np.asarray(allowed, dtype=np.float64)
    order = np.argsort(known)
    place = np.minimum(np.searchsorted(known[order], found), len(known) - 1)
    matched = np.where(known[order][place] == found, order[place], STRANGE)
    return np.where(np.isnan(found), MISSING, matched)


def _texts(allowed: Sequence[int | str], values: Any) -> Codes:  # noqa: ANN401 - as it was read
    series = _series(values)
    places, found = pd.factorize(series, use_na_sentinel=True)
    known = {value: place for place, value in enumerate(allowed)}
    table = np.array([*(known.get(value, STRANGE) for value in found), MISSING], dtype=np.int64)
    return np.asarray(table[places])  # a missing value has place -1, which is the table's last


def _series(values: Any) -> pd.Series[Any]:  # noqa: ANN401 - as it was read
    return values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))


def missing_share(values: Any) -> float:  # noqa: ANN401 - as it was read
    """Share of values that are not there."""
    return float(np.asarray(pd.isna(_series(values))).mean()) if len(values) else 0.0


@dataclass(frozen=True, slots=True)
class Joined:
    """The rows whose truth has come, k of n.

    truth, answers: class codes or values [k]; scores [k], the highest first; here: which rows they are, bool [n].
    """

    truth: NDArray[Any]
    answers: NDArray[Any]
    scores: Floats
    here: NDArray[np.bool_]


def joined(contract: Contract, window: Window) -> Joined:
    """The rows of a window that have a truth, and an answer that is one of the contract's."""
    scores, classes = numbers(window.scores), contract.target.classes
    read = numbers if not classes else (lambda values: codes(classes, values))
    answers = read(window.labels)
    nowhere = np.full(window.count, MISSING if classes else np.nan)
    truth = nowhere if window.truth is None else read(window.truth)
    known = (truth >= 0) & (answers >= 0) if classes else np.isfinite(truth) & np.isfinite(answers)
    here = known & np.isfinite(scores)
    # Highest score first: what ranks them sorts what is sorted, at no cost.
    order = np.flatnonzero(here)[np.argsort(-scores[here])]
    return Joined(truth[order], answers[order], scores[order], here)
