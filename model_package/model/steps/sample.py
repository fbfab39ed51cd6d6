"""A bounded sample of a window's rows that come in parts: which ones are drawn does not depend on their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Sample:
    """At most `most` of all rows that are added: those whose identities have the smallest hashes.

    That is a draw by chance without replacement, as a hash knows nothing of a row, and the same one each time: a window
    that is measured again keeps its rows. It holds `most` rows and the part that is being added.

    total: how many rows have been added.
    """

    def __init__(self, most: int) -> None:
        """Empty."""
        self.total = 0
        self._most = most
        self._hashes: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._frames: list[tuple[pd.DataFrame, ...]] = []

    def add(self, identities: pd.Series[Any], *frames: pd.DataFrame) -> None:
        """Add a part: frames of the same rows [n], whose identities [n] are texts. Each part has the same frames."""
        self.total += len(identities)
        hashes = pd.util.hash_array(identities.to_numpy(dtype=object))
        if len(self._hashes) == self._most:  # what cannot be drawn is not copied
            near = hashes < self._hashes.max()
            hashes, frames = hashes[near], tuple(frame[near] for frame in frames)
        self._hashes = np.concatenate([self._hashes, hashes])
        self._frames.append(frames)
        if len(self._hashes) > self._most:
            self._drop()

    def frames(self) -> tuple[pd.DataFrame, ...]:
        """What has been drawn, as whole frames. At least one part must have been added."""
        return tuple(pd.concat(parts, ignore_index=True) for parts in zip(*self._frames, strict=True))

    def _drop(self) -> None:
        kept = np.sort(np.argpartition(self._hashes, self._most - 1)[: self._most])
        self._frames = [tuple(frame.iloc[kept] for frame in self.frames())]
        self._hashes = self._hashes[kept]
