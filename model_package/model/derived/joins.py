"""Contract -> the SQL that joins its predictions with what proved true.

The winner of a subject is looked up in an index, once for each prediction of the window: the size of the tables does
not matter, only the window's. See `model.truth` for who wins.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from model.truth import By, Window

OWN = (
    "prediction_id",
    "created_at",
    "origin",
    "version",
    "contract_fingerprint",
    "key",
    "label",
    "score",
    "latency_ms",
)


def joined(predictions: sa.FromClause, truths: sa.Table, window: Window) -> sa.Select[Any]:
    """Every prediction of the window once: its own columns, `truth` and `truth_at` (NULL: not known), its inputs."""
    by_id, by_key = truths.alias("by_id"), truths.alias("by_key")
    every = predictions.outerjoin(by_id, by_id.c.truth_id == _winner(predictions, truths, "prediction_id"))
    every = every.outerjoin(by_key, by_key.c.truth_id == _winner(predictions, truths, "key"))
    own = [predictions.c[name] for name in OWN]
    inputs = [column for column in predictions.columns if column.name.startswith("input_")]
    # The winner of the two is one statement: its value and its moment stand together.
    said = [sa.func.coalesce(by_id.c[name], by_key.c[name]) for name in ("value", "at")]
    columns = [*own, said[0].label("truth"), said[1].label("truth_at"), *inputs]
    return sa.select(*columns).select_from(every).where(*inside(predictions, window))


def known(predictions: sa.Table, truths: sa.Table, window: Window, most: int) -> sa.Select[Any]:
    """The same for the latest `most` predictions of the window whose truth is known, the latest one first."""
    query = joined(predictions, truths, window)
    latest = (predictions.c.created_at.desc(), predictions.c.prediction_id)
    return query.where(query.selected_columns["truth"].is_not(None)).order_by(*latest).limit(most)


def latest(predictions: sa.Table) -> sa.FromClause:
    """What `joined` joins when only the latest `most` from `since` to before `until` are asked for, three parameters.

    No truth of the others is looked up.
    """
    made = predictions.c.created_at
    inside = (made >= sa.bindparam("since"), made < sa.bindparam("until"))
    # By the moment alone, whose index gives them: beside another column, a batch's million equal moments are sorted.
    return (
        sa.select(predictions)
        .where(*inside)
        .order_by(made.desc())
        .limit(sa.bindparam("most", type_=sa.Integer))
        .subquery("latest")
    )


def counts(predictions: sa.Table, truths: sa.Table, window: Window) -> sa.Select[Any]:
    """By version and origin: how many predictions the window has, and of how many the truth is known."""
    known = sa.or_(*(_said(predictions, truths, by) for by in ("prediction_id", "key")))
    version, origin = predictions.c.version, predictions.c.origin
    with_truth = sa.func.sum(sa.case((known, 1), else_=0))
    counted = sa.select(version, origin, sa.func.count(), with_truth).where(*inside(predictions, window))
    return counted.group_by(version, origin).order_by(version, origin)


def unjoined(predictions: sa.Table, truths: sa.Table, by: By, window: Window) -> sa.Select[Any]:
    """Of the subjects that something was said of at a moment of the window: all, unmatched ones, contradicting ones."""
    subject, other = truths.c[by], truths.alias("other")
    is_matched = sa.exists().where(predictions.c[by] == subject)
    is_contradicted = sa.exists().where(other.c[by] == subject, other.c.truth_id != truths.c.truth_id)
    chosen: list[Any] = [subject, sa.case((~is_matched, subject)), sa.case((is_contradicted, subject))]
    different: list[Any] = [sa.func.count(sa.distinct(which)) for which in chosen]
    return sa.select(*different).where(subject.is_not(None), *_between(truths.c.at, window))


def _winner(predictions: sa.FromClause, truths: sa.Table, by: By) -> sa.ScalarSelect[Any]:
    said = truths.alias("said")
    latest = (said.c.at.desc(), said.c.arrived_at.desc(), said.c.truth_id.desc())
    found = sa.select(said.c.truth_id).where(said.c[by] == predictions.c[by]).order_by(*latest).limit(1)
    return found.correlate(predictions).scalar_subquery()


def _said(predictions: sa.Table, truths: sa.Table, by: By) -> sa.Exists:
    return sa.exists().where(truths.c[by] == predictions.c[by])


def inside(predictions: sa.FromClause, window: Window) -> list[sa.ColumnElement[bool]]:
    """The conditions under which a prediction is in the window."""
    chosen = [("version", window.version), ("origin", window.origin)]
    equal = [predictions.c[name] == value for name, value in chosen if value is not None]
    return [*_between(predictions.c.created_at, window), *equal]


def _between(moment: sa.ColumnElement[Any], window: Window) -> list[sa.ColumnElement[bool]]:
    # In UTC: SQLite compares what it stores, which has no zone.
    since = [] if window.since is None else [moment >= window.since.astimezone(UTC)]
    until = [] if window.until is None else [moment < window.until.astimezone(UTC)]
    return [*since, *until]
