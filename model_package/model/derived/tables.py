"""Contract -> the SQL tables that hold its predictions, each with every input as it was sent, and what proved true.

What a challenger answers to the same predictions stands in a table of its own, under the same ids.

Own columns come first; the contract's columns follow as `input_<name>`, all nullable, so that a contract that
grows adds columns and loses no row.
"""

from __future__ import annotations

import hashlib
from typing import Any, assert_never

import sqlalchemy as sa

from model.contract import Category, Column, Contract, Integer, Number, Target, Timestamp
from model.stored import LONGEST_REFUSAL

LONGEST_REQUEST_ID = 200
LONGEST_PREDICTION_ID = 64
LONGEST_KEY = 200
LONGEST_NAME = 63  # PostgreSQL cuts longer identifiers silently


def predictions(contract: Contract, metadata: sa.MetaData) -> sa.Table:
    """The table `predictions_<contract name>`.

    prediction_id: says the same for the same row, version and origin, so that writing twice adds nothing.
    label, score: the answer; the score is P(positive), the largest class probability, or the value itself.
    latency_ms, request_id: of the request that an online prediction was asked by; NULL in a batch.
    """
    name = identifier(f"predictions_{contract.name}")
    return sa.Table(
        name,
        metadata,
        sa.Column("prediction_id", sa.String(LONGEST_PREDICTION_ID), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("origin", sa.String(200), nullable=False),
        sa.Column("version", sa.String(100), nullable=False),
        sa.Column("contract_fingerprint", sa.String(64), nullable=False),
        sa.Column("key", sa.String(LONGEST_KEY), nullable=True, index=True),
        sa.Column("label", _label_type(contract.target), nullable=False),
        sa.Column("score", sa.Double, nullable=False),
        sa.Column("latency_ms", sa.Double, nullable=True),
        sa.Column("request_id", sa.String(LONGEST_REQUEST_ID), nullable=True),
        *(sa.Column(input_name(column), _sql_type(column), nullable=True) for column in contract.columns),
        # A version's day among ten million rows: neither column alone would find it without reading the other's rows.
        sa.Index(identifier(f"ix_{name}_version_created_at"), "version", "created_at"),
    )


def truths(contract: Contract, metadata: sa.MetaData) -> sa.Table:
    """The table `truth_<contract name>`: one row for each value that was ever said of a prediction or of a key.

    truth_id: says the same for the same subject and value, so that saying it twice adds nothing.
    prediction_id, key: of what it was said; exactly one of them is there.
    at: the latest moment from which the value was said to hold; arrived_at: when that was said. The greatest pair wins.
    """
    name = identifier(f"truth_{contract.name}")
    return sa.Table(
        name,
        metadata,
        sa.Column("truth_id", sa.String(32), primary_key=True),
        sa.Column("prediction_id", sa.String(LONGEST_PREDICTION_ID), nullable=True),
        sa.Column("key", sa.String(LONGEST_KEY), nullable=True),
        sa.Column("value", _label_type(contract.target), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        # The winner of a subject is the last entry of its part of the index.
        sa.Index(identifier(f"ix_{name}_prediction_id"), "prediction_id", "at", "arrived_at", "truth_id"),
        sa.Index(identifier(f"ix_{name}_key"), "key", "at", "arrived_at", "truth_id"),
    )


def shadows(contract: Contract, metadata: sa.MetaData) -> sa.Table:
    """The table `shadow_<contract name>`: what challengers answer to online predictions, once for each of them.

    created_at: of the prediction; at: when the challenger was asked.
    label, score: as in `predictions_<contract name>`; both NULL where `refused` says why there is no answer.
    """
    return sa.Table(
        identifier(f"shadow_{contract.name}"),
        metadata,
        sa.Column("prediction_id", sa.String(LONGEST_PREDICTION_ID), primary_key=True),
        sa.Column("version", sa.String(100), primary_key=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("label", _label_type(contract.target), nullable=True),
        sa.Column("score", sa.Double, nullable=True),
        sa.Column("refused", sa.String(LONGEST_REFUSAL), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )


def input_name(column: Column) -> str:
    """The name under which a contract's column stands in the table."""
    return identifier(f"input_{column.name}")


def identifier(name: str) -> str:
    """`name`, or its beginning with a hash of the whole when it is too long for PostgreSQL."""
    if len(name.encode()) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name.encode()[: LONGEST_NAME - 13].decode(errors='ignore')}_{digest}"


def _sql_type(column: Column) -> sa.types.TypeEngine[Any]:
    match column:
        case Number():
            return sa.Double()
        case Integer():
            return sa.BigInteger()
        case Category():
            return _scalar_type(column.values)
        case Timestamp():
            return sa.DateTime(timezone=True)
        case _:
            assert_never(column)


def _label_type(target: Target) -> sa.types.TypeEngine[Any]:
    return _scalar_type(target.classes) if target.labels else sa.Double()


def _scalar_type(values: tuple[int | str, ...]) -> sa.types.TypeEngine[Any]:
    return sa.BigInteger() if all(isinstance(value, int) for value in values) else sa.Text()
