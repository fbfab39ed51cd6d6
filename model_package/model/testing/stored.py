"""Predictions as a bundle made them, ready for the store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from model.derived.encoding import encode
from model.derived.tables import input_name
from model.testing.good_rows import good_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.bundle import Bundle

MADE_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
ROWS_AT_ONCE = 1_000


def answered(served: Bundle, count: int, **other: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - any column's value
    """`count` rows drawn at random with the bundle's own answers; `other` says columns of the store differently."""
    for seed, begin in enumerate(range(0, count, ROWS_AT_ONCE)):
        yield from _some(served, min(ROWS_AT_ONCE, count - begin), seed, other)


def _some(served: Bundle, count: int, seed: int, other: dict[str, Any]) -> Iterator[dict[str, Any]]:
    contract = served.contract
    drawn = good_rows(contract, count, seed)
    said = served.predict(encode(contract, drawn))
    own = {
        "created_at": MADE_AT,
        "origin": "online",
        "version": served.version,
        "contract_fingerprint": contract.fingerprint,
    }
    for place, (label, score) in enumerate(zip(said.labels, said.scores.tolist(), strict=True)):
        inputs = {input_name(column): drawn[column.name][place] for column in contract.columns}
        identity = f"{own['version']}-{seed}-{place}"
        yield {"prediction_id": identity, **own, "label": label, "score": score, **inputs, **other}
