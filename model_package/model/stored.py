"""Stored predictions on their way out of the store: a bounded number of them, by column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Stored:
    """Some predictions; every list is of the same length.

    fingerprints: of the contract that each was made under. labels, scores: what was answered.
    columns: each feature's values as they were sent, None where there was none; moments are in UTC.
    """

    ids: list[str]
    versions: list[str]
    fingerprints: list[str]
    labels: list[Any]
    scores: list[float]
    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.ids)
