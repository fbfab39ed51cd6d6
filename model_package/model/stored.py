"""Stored predictions on their way out of the store: a bounded number of them, by column."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from model.board import Recent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model.contract import Contract


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


def in_utc(moment: datetime) -> datetime:
    """A moment as it was stored: SQLite forgets that all are in UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def recent(contract: Contract, rows: Iterable[Any]) -> list[Recent]:
    """Rows of the query `model.derived.joins.joined` -> predictions, the latest first."""
    found = sorted((_recent(contract, row) for row in rows), key=lambda one: one.prediction_id)
    return sorted(found, key=lambda one: one.at, reverse=True)


def _recent(contract: Contract, row: Any) -> Recent:  # noqa: ANN401 - a named row of SQLAlchemy's, whom steps do not know
    inputs = [in_utc(value) if isinstance(value, datetime) else value for value in row[-len(contract.columns) :]]
    return Recent(
        prediction_id=row.prediction_id,
        at=in_utc(row.created_at),
        version=row.version,
        origin=row.origin,
        key=row.key,
        label=row.label,
        score=row.score,
        latency_ms=row.latency_ms,
        inputs=dict(zip(contract.column_names, inputs, strict=True)),
        truth=row.truth,
    )
