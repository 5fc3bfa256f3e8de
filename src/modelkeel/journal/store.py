"""A journal: a database with its schema, keys and anchor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from modelkeel.errors import BadInput, KeelError
from modelkeel.journal.anchor import Anchor
from modelkeel.journal.entry import Entry
from modelkeel.journal.file import Replaced
from modelkeel.journal.keystore import Keystore
from modelkeel.journal.reader import Reader
from modelkeel.journal.schema import HEAD, revision_of, upgrade
from modelkeel.journal.tables import day_keys, segments, subjects
from modelkeel.journal.url import BUSY_SECONDS, engine_of, shown
from modelkeel.journal.writer import Writer


@dataclass(frozen=True)
class Journal:
    """An open journal.

    Attributes:
        engine: of its database.
        keystore: seals what may describe people; None stores it as it is.
        anchor: where the ends of chains are written down; None writes none.
    """

    engine: sa.Engine
    keystore: Keystore | None = None
    anchor: Anchor | None = None

    @classmethod
    def open(
        cls,
        url: str,
        *,
        master: bytes | None = None,
        anchor: Anchor | None = None,
        patience: float | None = BUSY_SECONDS,
        make: bool = True,
    ) -> Journal:
        """Open a journal; its schema is made or brought up to date.

        Args:
            url: SQLAlchemy URL, of SQLite or PostgreSQL.
            master: the master key; None seals nothing.
            anchor: where the ends of chains are written down.
            patience: seconds that PostgreSQL may take for an answer; None for a command that
                reads or changes a great deal.
            make: whether to make it where there is none.

        Raises:
            BadInput: the URL or the key cannot be used, or there is no journal.
            Refused: the master key is not the journal's.
            KeelError: the database cannot be reached, or has a schema of a newer version.
        """
        engine = engine_of(url, patience=patience)
        try:
            if not make and _revision(engine) is None:
                raise BadInput(
                    f"there is no journal at {shown(url)}",
                    remedy="restore it, or see what MODELKEEL_JOURNAL names; a server that starts "
                    "makes a new one, and so does `keel journal upgrade`",
                )
            if engine.url.database and engine.dialect.name == "sqlite":
                Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
            upgrade(engine)
            keystore = Keystore.open(engine, master) if master is not None else None
        except BaseException as error:
            engine.dispose()
            if not isinstance(error, SQLAlchemyError | OSError):
                raise
            raise _unopened(url, error) from error
        return cls(engine, keystore, anchor)

    def see_sound(self) -> None:
        """See that a file that took the place of the database is a journal to go on with.

        Raises:
            Replaced: it has another schema or master key, is damaged, or is a new one.
            sqlalchemy.exc.SQLAlchemyError: it is no database, or does not answer.
        """
        found = revision_of(self.engine)
        if found != HEAD:
            raise Replaced(f"the database was replaced by one with the schema {found}, not {HEAD}")
        with self.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            said = driver.execute("PRAGMA quick_check(1)").fetchone()[0]
            if said != "ok":
                raise Replaced(f"the database was replaced by one that is damaged: {said}")
            # The writer that looks had begun a segment in the one before.
            if connection.scalar(sa.select(segments.c.id).limit(1)) is None:
                raise Replaced(
                    "the database was replaced by a journal without records; restore the one "
                    "before, or start again to go on with this one"
                )
        if self.keystore is not None:
            try:
                self.keystore.check()
            except KeelError as error:
                raise Replaced(f"the database was replaced: {error}") from error

    def writer(self, name: str = "") -> Writer:
        """A writer of its own chain; close it in the end."""
        return Writer(self, name)

    def reader(self) -> Reader:
        """Reads records."""
        return Reader(self.engine)

    def write(self, entries: list[Entry]) -> None:
        """Write entries from a command, and wait for it.

        Raises:
            NotWritten: they are not in the journal, or it is not known.
        """
        writer = self.writer()
        try:
            writer.write(entries)
        finally:
            writer.close()


def see_key(url: str, master: bytes) -> None:
    """See that a journal has this master key, if it is there and answers. Nothing is made.

    Raises:
        BadInput: the URL or the key cannot be used.
        Refused: the master key is not the journal's.
    """
    engine = engine_of(url)
    try:
        if _revision(engine) == HEAD:
            Keystore.open(engine, master)
    except (SQLAlchemyError, OSError):
        pass  # whoever opens it tells
    finally:
        engine.dispose()


def has_keys(url: str) -> bool:
    """Whether there is a journal that has keys. Nothing is made.

    Raises:
        BadInput: the URL cannot be used.
        KeelError: the database cannot be reached.
    """
    engine = engine_of(url)
    try:
        if _revision(engine) is None:
            return False
        with engine.connect() as connection:
            tables = (sa.select(table.c.wrapped).limit(1) for table in (day_keys, subjects))
            return any(connection.scalar(query) is not None for query in tables)
    except (SQLAlchemyError, OSError) as error:
        raise _unopened(url, error) from error
    finally:
        engine.dispose()


def _revision(engine: sa.Engine) -> str | None:
    """The schema that a journal has; None where there is none, which is not made by looking."""
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").is_file():
        return None
    return revision_of(engine)


def _unopened(url: str, error: SQLAlchemyError | OSError) -> KeelError:
    reason = getattr(error, "orig", None) or error
    return KeelError(
        f"the journal at {shown(url)} cannot be opened: {reason}",
        remedy="see that the database is up and can be written to",
    )
