"""The model's own role and database, beside Airflow's in the same server; may be run any number of times.

Both URLs come from the environment that Airflow and the model read. The role cannot open Airflow's database. A
password that was changed in `.env` is set anew, so that `.env` stays the truth.
"""

from __future__ import annotations

import os

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url


def connect(url: URL) -> psycopg.Connection[tuple[object, ...]]:
    """A connection as Airflow's user, who owns the server."""
    return psycopg.connect(
        host=url.host,
        port=url.port or 5432,
        user=url.username,
        password=url.password,
        dbname=url.database,
        autocommit=True,
    )


def exists(connection: psycopg.Connection[tuple[object, ...]], query: sql.SQL, name: str) -> bool:
    """Whether the query finds the name."""
    return connection.execute(query, (name,)).fetchone() is not None


def prepare(airflow: URL, model: URL) -> None:
    """Create what is missing and set the model's password."""
    role, database = model.username or "", model.database or ""
    with connect(airflow) as connection:
        verb = "ALTER" if exists(connection, sql.SQL("SELECT 1 FROM pg_roles WHERE rolname = %s"), role) else "CREATE"
        connection.execute(
            sql.SQL(verb + " ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(model.password or ""))
        )
        if not exists(connection, sql.SQL("SELECT 1 FROM pg_database WHERE datname = %s"), database):
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(role))
            )
        connection.execute(
            sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(airflow.database or ""))
        )
    print(f"init: database {database} is ready", flush=True)  # noqa: T201 - the log of the container


if __name__ == "__main__":
    prepare(make_url(os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]), make_url(os.environ["MODEL_DATABASE_URL"]))
