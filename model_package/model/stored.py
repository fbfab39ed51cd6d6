"""Stored predictions on their way out of the store: a bounded number of them, by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from model.board import Recent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model.columns import Column
    from model.contract import Contract

OWN = ("prediction_id", "version", "contract_fingerprint", "label", "score")
LONGEST_REFUSAL = 200


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


class Shadowed(NamedTuple):
    """What a challenger says of a prediction that was made at `created_at`: an answer, or why it gives none.

    label, score: as in `predictions_<contract>`; None when `refused` says why there are none.
    """

    prediction_id: str
    created_at: datetime
    label: Any
    score: float | None
    refused: str | None


class Compared(NamedTuple):
    """Some predictions with a challenger's answers, by column; None where it refused, or truth is not known."""

    ids: list[str]
    versions: list[str]
    labels: list[Any]
    scores: list[float]
    challenger_labels: list[Any]
    challenger_scores: list[float | None]
    refused: list[str | None]
    truths: list[Any]


def stored(features: Sequence[Column], rows: Sequence[Sequence[Any]]) -> Stored:
    """Rows of the store, at least one: the columns `OWN`, then the inputs of the features in their order."""
    ids, versions, fingerprints, labels, scores, *lists = map(list, zip(*rows, strict=True))
    columns = {column.name: [in_utc(value) for value in values] for column, values in zip(features, lists, strict=True)}
    return Stored(ids, versions, fingerprints, labels, scores, columns)


def in_utc(value: Any) -> Any:  # noqa: ANN401 - whatever a database holds
    """SQLite forgets that moments are in UTC."""
    if not isinstance(value, datetime):
        return value
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def recent(contract: Contract, rows: Iterable[Any]) -> list[Recent]:
    """Rows of the query `model.derived.joins.joined` -> predictions, the latest first."""
    found = sorted((_recent(contract, row) for row in rows), key=lambda one: one.prediction_id)
    return sorted(found, key=lambda one: one.at, reverse=True)


def _recent(contract: Contract, row: Any) -> Recent:  # noqa: ANN401 - a named row of SQLAlchemy's, whom steps do not know
    inputs = [in_utc(value) for value in row[-len(contract.columns) :]]
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
