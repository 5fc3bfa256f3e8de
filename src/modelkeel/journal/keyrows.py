"""The rows of keys: found many at once, added without waiting for the disk."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from modelkeel.journal.tables import day_keys, records, subjects
from modelkeel.journal.url import WRITES

_CHUNK = 1000


class KeyRows:
    """Reads and adds the rows of keys.

    Args:
        engine: of the journal's database.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._lite = engine.dialect.name == "sqlite"
        self._inserts = {
            subjects: _insert(subjects, subjects.c.index, lite=self._lite),
            day_keys: _insert(day_keys, day_keys.c.day, lite=self._lite),
        }

    def select(self, column: sa.Column[Any], values: Iterable[Any]) -> list[Any]:
        """The rows whose column is one of the values."""
        wanted = list(values)
        rows: list[Any] = []
        if wanted:
            with self._engine.connect() as connection:
                for start in range(0, len(wanted), _CHUNK):
                    some = {"values": wanted[start : start + _CHUNK]}
                    rows += connection.execute(_QUERIES[column], some)
        return rows

    def add(self, table: sa.Table, rows: list[dict[str, Any]]) -> list[Any]:
        """Add keys; the rows as they then stand, which another process may have added first.

        This commit does not wait for the disk. The record that needs a key is committed after it
        to the same write-ahead log, and does wait; so the key is on the disk first.
        """
        if not rows:
            return []
        now = time.time_ns() // 1000
        given = [row | {"created": now} for row in rows]
        with self._engine.connect().execution_options(**{WRITES: True}) as connection:
            driver: Any = connection.connection.driver_connection
            if self._lite:
                driver.execute("PRAGMA synchronous=NORMAL")
            try:
                with connection.begin():
                    return list(connection.execute(self._inserts[table], given))
            finally:
                if self._lite:
                    driver.execute("PRAGMA synchronous=FULL")


def _query(column: sa.Column[Any]) -> sa.Select[Any]:
    return sa.select(column.table).where(column.in_(sa.bindparam("values", expanding=True)))


# Built once: to build a statement takes longer than to run it.
_QUERIES = {
    column: _query(column)
    for column in (subjects.c.index, subjects.c.number, day_keys.c.day, records.c.id)
}


def _insert(table: sa.Table, found_by: sa.Column[Any], *, lite: bool) -> Any:
    """Adds rows, and gives those that are there by then."""
    insert: Any = (sqlite if lite else postgresql).insert(table)
    # As it is: a conflict that does nothing would return nothing.
    kept = {found_by.name: insert.excluded[found_by.name]}
    adding = insert.on_conflict_do_update(index_elements=[found_by], set_=kept)
    return adding.returning(*table.columns, *(() if lite else (_NO_WAIT,)))


_NO_WAIT = sa.func.set_config("synchronous_commit", "off", True)
"""Holds until the end of the transaction."""
