"""What a model answers to stored inputs, beside what was answered then: some rows at a time, in bounded memory.

Counts and the largest change are of all rows. Quantiles and the picture are of a sample of at most 20,000 rows of each
recorded version: those whose ids hash lowest, so that the same rows are drawn whatever order they come in.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from model.decision import decide
from model.derived.fitting import encode_fitting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from model.contract import Contract
    from model.derived.encoding import Floats
    from model.stored import Stored

MOST_SAMPLED = 20_000
MOST_FLIPS = 100
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
ROW = np.dtype([("hash", "u8"), ("then", "f8"), ("now", "f8"), ("flipped", "?")])

Label = int | str | float


class Comparison:
    """Answers of one recorded version beside the replayed ones.

    agreed: rows with the same label; identical: with the same score too, to the bit.
    sample: [some] of ROW.
    """

    def __init__(self, *, labelled: bool = True) -> None:
        """Nothing yet. labelled: answers are labels, so that each flip can be counted; else a regression's values."""
        self._labelled = labelled
        self.rows = self.agreed = self.identical = 0
        self.flips: Counter[tuple[Label, Label]] = Counter()
        self.largest: dict[str, Any] | None = None
        self.sample = np.empty(0, dtype=ROW)

    def add(self, ids: Sequence[str], then: tuple[list[Label], Floats], now: tuple[list[Label], Floats]) -> None:
        """Take in rows: their ids, labels and scores [n] as recorded and as replayed."""
        rows = np.empty(len(ids), dtype=ROW)
        rows["hash"] = [_hash(identity) for identity in ids]
        rows["then"], rows["now"] = then[1], now[1]
        rows["flipped"] = [before != after for before, after in zip(then[0], now[0], strict=True)]
        self.rows += len(rows)
        self.agreed += int(np.count_nonzero(~rows["flipped"]))
        self.identical += int(np.count_nonzero(~rows["flipped"] & (rows["then"] == rows["now"])))
        self.flips.update(
            (then[0][place], now[0][place]) for place in np.flatnonzero(rows["flipped"]) if self._labelled
        )
        self._keep_largest(ids, rows)
        self.sample = lowest(np.concatenate([self.sample, rows]))

    def _keep_largest(self, ids: Sequence[str], rows: NDArray[Any]) -> None:
        change = rows["now"] - rows["then"]
        place = int(np.argmax(np.abs(change)))
        found = {"prediction_id": ids[place], "then": float(rows["then"][place]), "now": float(rows["now"][place])}
        found["change"] = float(change[place])
        if self.largest is None or _size(found) > _size(self.largest):
            self.largest = found

    def said(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        change = self.sample["now"] - self.sample["then"]
        quantiles = np.quantile(change, QUANTILES).tolist() if len(change) else []
        flips = sorted(self.flips.items(), key=lambda pair: (-pair[1], str(pair[0])))[:MOST_FLIPS]
        return {
            "rows": self.rows,
            "agreed": self.agreed,
            "identical": self.identical,
            "flips": [{"then": before, "now": after, "rows": count} for (before, after), count in flips],
            "largest_change": self.largest,
            "change": {
                "of_rows": len(change),
                "quantiles": dict(zip(map(str, QUANTILES), quantiles, strict=False)),
            },
        }


def lowest(rows: NDArray[Any]) -> NDArray[Any]:
    """At most `MOST_SAMPLED` of the rows [n] of ROW: those with the lowest hashes."""
    if len(rows) <= MOST_SAMPLED:
        return rows
    return rows[np.argpartition(rows["hash"], MOST_SAMPLED)[:MOST_SAMPLED]]


def merged(parts: Sequence[Comparison]) -> Comparison:
    """One comparison of all rows."""
    whole = Comparison()
    for part in parts:
        whole.rows += part.rows
        whole.agreed += part.agreed
        whole.identical += part.identical
        whole.flips.update(part.flips)
    whole.largest = max((part.largest for part in parts if part.largest), key=_size, default=None)
    whole.sample = lowest(np.concatenate([whole.sample, *(part.sample for part in parts)]))
    return whole


def _size(change: dict[str, Any]) -> tuple[float, str]:
    return abs(change["change"]), str(change["prediction_id"])


def _hash(identity: str) -> int:
    return int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=8).digest(), "big")


class Replay:
    """Asks a model again what was asked before.

    skipped: rows that were not asked again, by reason; others: rows that were recorded under another contract.
    """

    def __init__(self, contract: Contract, threshold: float | None, score: Callable[[Floats], Floats]) -> None:
        """contract, threshold, score: of the model; `score` takes encoded rows [n, features]."""
        self._contract = contract
        self._threshold = threshold
        self._score = score
        self.rows = 0
        self.skipped: Counter[str] = Counter()
        self.others: Counter[str] = Counter(rows=0, scored=0)
        self.versions: dict[str, Comparison] = {}

    def add(self, some: Stored) -> None:
        """Replay some stored predictions."""
        rows, why = encode_fitting(self._contract, some.columns)
        kept = np.flatnonzero(why == "")
        self.rows += len(some)
        self.skipped.update(why[why != ""].tolist())
        other = np.array([found != self._contract.fingerprint for found in some.fingerprints], dtype=bool)
        self.others.update(rows=int(other.sum()), scored=int(other[kept].sum()))
        if len(kept):
            self._compare(some, kept, rows[kept])

    def _compare(self, some: Stored, kept: NDArray[np.intp], rows: Floats) -> None:
        now = decide(self._contract, self._threshold, self._score(rows))
        versions = np.array(some.versions, dtype=object)[kept]
        for version in sorted(set(versions.tolist())):
            within = np.flatnonzero(versions == version)
            places = kept[within]
            self._of(version).add(
                [some.ids[place] for place in places],
                ([some.labels[place] for place in places], np.array(some.scores, dtype=np.float64)[places]),
                ([now.labels[place] for place in within], now.scores[within]),
            )

    def _of(self, version: str) -> Comparison:
        if version not in self.versions:
            self.versions[version] = Comparison(labelled=bool(self._contract.target.labels))
        return self.versions[version]

    def whole(self) -> Comparison:
        """Of all recorded versions together."""
        return merged(list(self.versions.values()))

    def said(self) -> dict[str, Any]:
        """The report as plain JSON values: rows, what was skipped and why, all versions together, and each."""
        return {
            "rows": self.rows,
            "skipped": dict(self.skipped),
            "other_contract": dict(self.others),
            "all": self.whole().said(),
            "versions": {version: found.said() for version, found in sorted(self.versions.items())},
        }
