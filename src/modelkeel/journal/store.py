"""A journal: a database with its schema, keys and anchor."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from modelkeel.errors import KeelError
from modelkeel.journal.anchor import Anchor
from modelkeel.journal.entry import Entry
from modelkeel.journal.keystore import Keystore
from modelkeel.journal.reader import Reader
from modelkeel.journal.schema import upgrade
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
    ) -> Journal:
        """Open a journal; its schema is made or brought up to date.

        Args:
            url: SQLAlchemy URL, of SQLite or PostgreSQL.
            master: the master key; None seals nothing.
            anchor: where the ends of chains are written down.
            patience: seconds that PostgreSQL may take for an answer; None for a command that
                reads or changes a great deal.

        Raises:
            BadInput: the URL or the key cannot be used.
            Refused: the master key is not the journal's.
            KeelError: the database cannot be reached, or has a schema of a newer version.
        """
        engine = engine_of(url, patience=patience)
        try:
            if engine.url.database and engine.dialect.name == "sqlite":
                Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
            upgrade(engine)
            keystore = Keystore.open(engine, master) if master is not None else None
        except (SQLAlchemyError, OSError) as error:
            engine.dispose()
            reason = getattr(error, "orig", None) or error
            raise KeelError(
                f"the journal at {shown(url)} cannot be opened: {reason}",
                remedy="see that the database is up and can be written to",
            ) from error
        return cls(engine, keystore, anchor)

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
