"""An SQLAlchemy URL -> an engine that waits for a bounded time, is durable, and shows nobody's data in its messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from model.errors import StoreError, bounded

SECONDS_TO_WAIT_FOR_A_LOCK = 30
SECONDS_TO_CONNECT = 10
MILLISECONDS_UNTIL_ACKNOWLEDGED = 30_000


def engine(url: str) -> sa.Engine:
    """The engine of SQLite or PostgreSQL. Raises StoreError when the URL is none, or its driver is not there."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        message = "MODEL_DATABASE_URL is not an SQLAlchemy URL, e.g. sqlite:///predictions.db"
        raise StoreError(message) from error
    is_sqlite = parsed.get_backend_name() == "sqlite"
    try:
        return _sqlite(parsed) if is_sqlite else _server(parsed)
    except (ImportError, OSError, sa.exc.SQLAlchemyError) as error:
        raise unanswered(error) from error


def _server(parsed: sa.URL) -> sa.Engine:
    # A server that vanished is noticed in seconds; by itself, the kernel waits for a quarter of an hour.
    patience = {"connect_timeout": SECONDS_TO_CONNECT, "tcp_user_timeout": MILLISECONDS_UNTIL_ACKNOWLEDGED}
    own = {name: value for name, value in patience.items() if name not in parsed.query}
    # Parameters are people's data: no message shows them.
    return sa.create_engine(parsed, pool_pre_ping=True, hide_parameters=True, connect_args=own)


def _sqlite(parsed: sa.URL) -> sa.Engine:
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    made = sa.create_engine(parsed, connect_args={"timeout": SECONDS_TO_WAIT_FOR_A_LOCK}, hide_parameters=True)
    sa.event.listen(made, "connect", _make_durable)
    return made


def _make_durable(connection: Any, _: object) -> None:  # noqa: ANN401 - a DB-API connection has no common type
    """A committed row survives a power cut (synchronous=FULL); readers and the writer do not block each other."""
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def unanswered(error: Exception) -> StoreError:
    """What is raised in place of a driver's error."""
    return StoreError(f"the prediction store did not answer: {type(error).__name__}: {bounded(error)}")
