"""Appending to a chain: seal, link, commit."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa

from modelkeel.journal.chain import Head, link
from modelkeel.journal.entry import Entry
from modelkeel.journal.file import Inode, Replaced, file_of, opened_by
from modelkeel.journal.insert import Insert, Row, insert_by
from modelkeel.journal.segments import begin, end
from modelkeel.journal.tables import records
from modelkeel.journal.turn import Turn
from modelkeel.journal.url import commits_alone

if TYPE_CHECKING:
    from modelkeel.journal.store import Journal

SEGMENT_RECORDS = 100_000
SEGMENT_SECONDS = 86_400.0
"""Records go by whole segments once they are old enough, so a quiet writer begins new ones too."""

Sealed = tuple[str | None, bytes | None]
"""The number of the person that an entry is about, and its payload as it is stored."""


class Appender:
    """Appends to a chain of its own. For one thread.

    After any failure it begins a new segment over a new connection: what became of a commit whose
    answer was lost does not matter to it.

    Args:
        journal: where the records go.
        name: of the writer.
        most: records in a segment.
        longest: seconds until a segment ends.
    """

    def __init__(
        self,
        journal: Journal,
        name: str,
        *,
        most: int = SEGMENT_RECORDS,
        longest: float = SEGMENT_SECONDS,
    ) -> None:
        self.head: Head | None = None
        self._most = most
        self._longest = longest
        self._journal = journal
        self._name = name
        self._begun = 0.0
        self._open: tuple[sa.Connection, Insert] | None = None
        self._file = file_of(journal.engine)
        self._opened = self._file.opened if self._file is not None else None
        self._turn = Turn(journal.engine)

    def append(self, entries: Sequence[Entry]) -> None:
        """Append entries, all or none; when it returns they are on the disk.

        Without entries it sees to it that there is a segment, which shows that one can write.

        Raises:
            Exception: they are not in the journal, or it is not known.
        """
        try:
            connection, insert = self._connected()
            keystore = self._journal.keystore
            sealed: Sequence[Sealed] = (
                keystore.seal_all(entries)
                if keystore is not None
                else [(None, entry.payload) for entry in entries]
            )
            head = self._segment(connection)
            if entries:
                rows, head = chained(head, entries, sealed)
                with self._turn:
                    insert(rows)
            self._see_same_file()  # what is acknowledged is in the file that is there
            self.head = head
        except BaseException:
            self._drop()
            raise

    def rest(self) -> None:
        """Give the connection back while there is nothing to do.

        Raises:
            Exception: the database is gone; the next append begins anew.
        """
        try:
            self._see_same_file()
            if self._open is not None:
                self._open[0].close()  # the driver's own error where the server is gone
                self._open = None
        except BaseException:
            self._drop()
            self._journal.engine.dispose()  # its pool still counts the connection
            raise

    def look(self) -> None:
        """See that the database answers; for a connection that was given back.

        Raises:
            Exception: it does not.
        """
        self._see_same_file()
        with self._journal.engine.connect() as connection:
            connection.execute(sa.select(1))

    def close(self) -> None:
        """Close the segment.

        Raises:
            Exception: the database does not answer.
        """
        try:
            if self.head is not None:
                connection, _ = self._connected()
                with connection.begin():
                    end(connection, self.head)
            self.rest()
        finally:
            self._turn.close()

    def _connected(self) -> tuple[sa.Connection, Insert]:
        """A connection to the file that is there now.

        Raises:
            Replaced: that is another one, and no such journal.
        """
        if self._open is not None and not self._is_there(opened_by(self._open[0])):
            self._drop()
        if self._open is None:
            connection = commits_alone(self._journal.engine)
            self._open = connection, insert_by(connection)
            opened = opened_by(connection)
            if self._opened not in (None, opened):
                self.head = None
                self._turn.close()
                self._journal.see_sound()
            self._opened = opened
        return self._open

    def _is_there(self, opened: Inode | None) -> bool:
        return self._file is None or self._file.now() == opened

    def _see_same_file(self) -> None:
        if not self._is_there(self._opened):
            raise Replaced("the database was replaced while it was in use")

    def _segment(self, connection: sa.Connection) -> Head:
        """The end of the segment; of a new one where there is none, or it is full or old."""
        head = self.head
        if head is not None:
            if head.seq < self._most and time.monotonic() - self._begun < self._longest:
                return head
            with connection.begin():
                end(connection, head)
        self._begun = time.monotonic()
        with connection.begin():
            segment = begin(connection, self._name)
        return Head(segment.id, 0, segment.genesis)

    def _drop(self) -> None:
        self.head = None
        if self._open is not None:
            connection, self._open = self._open[0], None
            with suppress(Exception):  # whoever drops it has the error that counts
                connection.invalidate()
                connection.close()


def append_within(connection: sa.Connection, name: str, entries: Sequence[Entry]) -> None:
    """Append entries without payload, as a segment of their own, in a transaction that goes on.

    Args:
        connection: in a transaction.
        name: of the writer.
        entries: what happens in the transaction.
    """
    segment = begin(connection, name)
    start = Head(segment.id, 0, segment.genesis)
    rows, head = chained(start, entries, [(None, None)] * len(entries))
    names = records.columns.keys()
    connection.execute(records.insert(), [dict(zip(names, row, strict=True)) for row in rows])
    end(connection, head)


def chained(
    head: Head, entries: Sequence[Entry], sealed: Sequence[Sealed]
) -> tuple[list[Row], Head]:
    """The rows of entries, each linked to the one before, and the new end."""
    segment, seq, before = head.segment, head.seq, head.hash
    sha256 = hashlib.sha256
    rows: list[Row] = []
    for e, (subject, payload) in zip(entries, sealed, strict=True):
        seq += 1
        digest = sha256(payload).digest() if payload is not None else None
        before = link(before, segment, seq, e.id, e.kind, e.at, e.ref, subject, e.body, digest)
        body = e.body.decode()
        rows.append(
            (segment, seq, e.id, e.kind, e.at, e.ref, subject, body, payload, digest, before)
        )
    return rows, Head(segment, seq, before)
