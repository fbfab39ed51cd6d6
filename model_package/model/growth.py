"""Tables are made when they are missing, and gain the columns and indexes that their description has gained."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

LOCK: Final = 7_301_944_627  # any number that nobody else takes for the same


def grow(connection: sa.Connection, metadata: sa.MetaData) -> None:
    """Make what is missing of these tables; new columns are NULL in the rows that are there.

    Several processes may do so at once, as they do when all are started anew.
    """
    _wait(connection, metadata)
    metadata.create_all(connection)
    for table in metadata.sorted_tables:
        _grow_table(connection, table)


def _wait(connection: sa.Connection, metadata: sa.MetaData) -> None:
    """Until nobody else makes tables. SQLite has one lock, which keeps writers out: taken when there is work for it."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
    elif set(metadata.tables) - set(sa.inspect(connection).get_table_names()):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _grow_table(connection: sa.Connection, table: sa.Table) -> None:
    there = {column["name"] for column in sa.inspect(connection).get_columns(table.name)}
    quote = connection.dialect.identifier_preparer
    for column in table.columns:
        if column.name not in there:
            added = f"{quote.format_column(column)} {column.type.compile(connection.dialect)}"
            connection.execute(sa.text(f"ALTER TABLE {quote.format_table(table)} ADD COLUMN {added}"))
    for index in table.indexes:
        index.create(connection, checkfirst=True)
