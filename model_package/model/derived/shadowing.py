"""The SQL that walks online predictions in pages, finds those that a challenger has not answered, and compares.

A page is a stretch of the order (created_at, prediction_id), found by its end: its size bounds what one statement
reads, whatever the tables hold and however much of the page is answered already.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import sqlalchemy as sa

from model.derived import joins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model.truth import Window

ORIGIN: Final = "online"
OF_CHALLENGER: Final = ("label", "score", "refused")


class Place(NamedTuple):
    """A place in the order of predictions: behind the one with that moment and id. Every moment begins with id ""."""

    created_at: datetime
    prediction_id: str = ""


def page_end(predictions: sa.Table, after: Place, rows: int) -> sa.Select[Any]:
    """Moment and id of the last of the next `rows` predictions; nothing where there are fewer."""
    order = (predictions.c.created_at, predictions.c.prediction_id)
    return sa.select(*order).where(*_behind(predictions, after)).order_by(*order).offset(rows - 1).limit(1)


def unanswered(
    predictions: sa.Table, shadows: sa.Table, version: str, columns: Sequence[str], span: tuple[Place, Place | None]
) -> sa.Select[Any]:
    """created_at and the columns of those predictions of a span (its end included) that `version` has not answered."""
    after, end = span
    answered = sa.exists().where(shadows.c.prediction_id == predictions.c.prediction_id, shadows.c.version == version)
    chosen = [predictions.c[name] for name in ("created_at", *columns)]
    upto = (
        [] if end is None else [predictions.c.created_at <= _utc(end), _key(predictions) <= _literal(predictions, end)]
    )
    return sa.select(*chosen).where(*_behind(predictions, after), *upto, ~answered)


def compared(
    predictions: sa.Table, truths: sa.Table, shadows: sa.Table, version: str, window: Window
) -> sa.Select[Any]:
    """Each prediction of the window that `version` answered: id, champion's version, both answers, truth or NULL."""
    known = joins.joined(predictions, truths, window).subquery("known")
    own = [known.c[name] for name in ("prediction_id", "version", "label", "score")]
    theirs = [shadows.c[name].label(f"challenger_{name}") for name in OF_CHALLENGER]
    both = known.join(shadows, sa.and_(shadows.c.prediction_id == known.c.prediction_id, shadows.c.version == version))
    return sa.select(*own, *theirs, known.c.truth).select_from(both)


def _behind(predictions: sa.Table, after: Place) -> list[sa.ColumnElement[bool]]:
    # The first condition alone is what the index on created_at answers.
    return [
        predictions.c.created_at >= _utc(after),
        _key(predictions) > _literal(predictions, after),
        predictions.c.origin == ORIGIN,
    ]


def _key(predictions: sa.Table) -> Any:  # noqa: ANN401 - a tuple of SQL, which has no ordinary type
    return sa.tuple_(predictions.c.created_at, predictions.c.prediction_id)


def _literal(predictions: sa.Table, place: Place) -> Any:  # noqa: ANN401 - as above
    kinds = (predictions.c.created_at.type, predictions.c.prediction_id.type)
    return sa.tuple_(sa.literal(_utc(place), kinds[0]), sa.literal(place.prediction_id, kinds[1]))


def _utc(place: Place) -> datetime:
    # SQLite compares what it stores, which has no zone.
    return place.created_at.astimezone(UTC)
