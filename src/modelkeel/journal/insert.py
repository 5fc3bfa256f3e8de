"""Putting a batch of records into the database: one commit, without an object for each record."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

Row = tuple[str, int, str, str, int, str | None, str | None, str, bytes | None, bytes | None, bytes]
"""The columns of `records`, in their order."""
Insert = Callable[[Sequence[Row]], None]
"""Inserts rows and commits; when it returns they are on the disk."""

_INTO = (
    "INSERT INTO records (segment, seq, id, kind, at, ref, subject, body, payload, "
    "payload_digest, hash) "
)
_SQLITE = _INTO + "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
# One parameter for all rows: a driver in pure Python is slow for each parameter.
_POSTGRESQL = (
    _INTO + "SELECT r->>0, CAST(r->>1 AS int), r->>2, r->>3, CAST(r->>4 AS bigint), r->>5, r->>6, "
    "r->>7, decode(r->>8, 'base64'), decode(r->>9, 'base64'), decode(r->>10, 'base64') "
    "FROM json_array_elements(CAST(:rows AS json)) AS r"
)
_TEXT = 25
"""PostgreSQL's number of the type text."""
_encode = msgspec.json.Encoder().encode


def insert_by(connection: sa.Connection) -> Insert:
    """How records get through a connection, which is in no transaction and commits by itself."""
    driver: Any = connection.connection.driver_connection
    return _sqlite(driver) if connection.dialect.name == "sqlite" else _postgresql(driver)


def _sqlite(driver: Any) -> Insert:
    def insert(rows: Sequence[Row]) -> None:
        driver.execute("BEGIN IMMEDIATE")
        driver.executemany(_SQLITE, rows)
        driver.execute("COMMIT")

    return insert


def _postgresql(driver: Any) -> Insert:
    """A statement that is prepared once and is a transaction of its own: one round trip."""
    from pg8000.native import PreparedStatement

    statement = PreparedStatement(driver, _POSTGRESQL, types={"rows": _TEXT})

    def insert(rows: Sequence[Row]) -> None:
        told = [(*row[:8], _text(row[8]), _text(row[9]), _text(row[10])) for row in rows]
        statement.run(rows=_encode(told).decode())

    return insert


def _text(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
