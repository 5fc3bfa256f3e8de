"""Which file a SQLite database is, so that another one put in its place is noticed.

A connection goes on with the file that it opened, also when that has no name any more; and whoever
opens a file with the write-ahead log of another one beside it damages it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import InvalidatePoolError

_OPTION = "modelkeel_file"
_INFO = "modelkeel_inode"
Inode = tuple[int, int]
"""Device and number of a file: while a connection has it open, no other file has the same."""


class Replaced(Exception):
    """Another file took the place of the database."""


class DatabaseFile:
    """The file of an engine. Connections of its pool are always to the one that is there now.

    Args:
        path: of the database.

    Attributes:
        opened: what was opened last.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log_path = path.with_name(path.name + "-wal")
        self.opened: Inode | None = None
        self._log: Inode | None = None

    def watch(self, engine: sa.Engine) -> None:
        """Watch what an engine opens."""
        engine.update_execution_options(**{_OPTION: self})
        sa.event.listen(engine, "do_connect", self._connect)
        sa.event.listen(engine, "checkout", self._check_out)

    def now(self) -> Inode:
        """The file that is there.

        Raises:
            sqlite3.OperationalError: there is none.
        """
        found = _inode(self._path)
        if found is None:
            raise sqlite3.OperationalError(f"{self._path} is gone")
        self._log = _inode(self._log_path) if found == self.opened else self._log
        return found

    def _connect(
        self, dialect: Any, record: Any, positional: Any, named: Any
    ) -> sqlite3.Connection:
        """Open the file.

        Raises:
            sqlite3.Error: it was there once and is gone, or it cannot be used.
        """
        before = self.now() if self.opened is not None else _inode(self._path)
        if before != self.opened and self._log and self._log == _inode(self._log_path):
            raise sqlite3.OperationalError(
                f"{self._path} was replaced, and the write-ahead log of the file before lies "
                f"beside it: stop whoever uses it, and remove {self._log_path.name}, and -shm"
            )
        connection: sqlite3.Connection = dialect.connect(*positional, **named)
        after = _inode(self._path)
        if after is None or before not in (None, after):
            connection.close()
            raise sqlite3.OperationalError(f"{self._path} was replaced while it was opened")
        if after != self.opened:
            self.opened, self._log = after, None
        record.info[_INFO] = after
        return connection

    def _check_out(self, driver: Any, record: Any, proxy: Any) -> None:
        if record.info[_INFO] != self.now():
            raise InvalidatePoolError("the database was replaced")


def file_of(engine: sa.Engine | sa.Connection) -> DatabaseFile | None:
    """The file of a database; None for PostgreSQL."""
    found: DatabaseFile | None = engine.get_execution_options().get(_OPTION)
    return found


def opened_by(connection: sa.Connection) -> Inode | None:
    """The file that a connection is to; None for PostgreSQL."""
    found: Inode | None = connection.info.get(_INFO)
    return found


def _inode(path: Path) -> Inode | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
