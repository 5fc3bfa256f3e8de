"""Rows as they are stored, whatever was put into them: a check must not end at the first bad one.

SQLite takes any value in any column; drivers and types raise at what they do not expect.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from modelkeel.journal.tables import records, segments

_FORMS = {
    table: [(column.name, column.type.python_type, column.nullable) for column in table.c]
    for table in (records, segments)
}


def as_stored(table: sa.Table) -> Any:
    """A select of a table whose values no type touches."""
    untyped = sa.types.NullType()
    return sa.select(*(sa.type_coerce(column, untyped).label(column.name) for column in table.c))


def readable(table: sa.Table, row: Any) -> bool:
    """Whether the values of a row are of the types that its table has."""
    values = row._mapping
    return all(
        isinstance(values[name], form) or (nullable and values[name] is None)
        for name, form, nullable in _FORMS[table]
    )


@contextmanager
def unmoved(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that sees the journal as it is now, while others go on writing.

    Text in SQLite that is no UTF-8 is given as bytes.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection
            return
        driver: Any = connection.connection.driver_connection
        driver.text_factory = _text
        try:
            yield connection
        finally:
            driver.text_factory = str


def _text(stored: bytes) -> str | bytes:
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return stored
