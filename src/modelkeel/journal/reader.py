"""Reading the journal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Any, get_args

import sqlalchemy as sa

from modelkeel.errors import Refused
from modelkeel.journal.entry import Kind
from modelkeel.journal.tables import records

_PAGE = 1000


@dataclass(frozen=True)
class Record:
    """A record as it is stored.

    Attributes:
        segment: the chain that it stands in.
        seq: its place there, from 1.
        id: its id.
        kind: what it is.
        at: microseconds since 1970-01-01, UTC, by the clock of the writer.
        ref: id of the prediction that it is about.
        subject: random number of the person that it is about.
        body: JSON text.
        payload: as stored, sealed or plain; None where there is none, or none any more.
        payload_digest: SHA-256 of the payload as it was stored; None where there never was one.
        hash: SHA-256 of all but the payload, and of the record before.
    """

    segment: str
    seq: int
    id: str
    kind: Kind
    at: int
    ref: str | None
    subject: str | None
    body: str
    payload: bytes | None
    payload_digest: bytes | None
    hash: bytes

    @property
    def said(self) -> dict[str, Any]:
        """The body, decoded.

        Raises:
            Refused: it is not what was written.
        """
        try:
            return dict(json.loads(self.body))
        except (ValueError, TypeError):
            raise _changed(self.id) from None


class Reader:
    """Reads records. Safe to use from several threads.

    Args:
        engine: of the journal's database.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, id: str) -> Record | None:  # noqa: A002 the name of the column
        """The record with an id."""
        return next(self._rows(_COLUMNS.where(records.c.id == id)), None)

    def about(self, ref: str) -> list[Record]:
        """What was recorded about a prediction later, the oldest first."""
        return list(self._rows(_COLUMNS.where(records.c.ref == ref).order_by(records.c.id)))

    def find(
        self,
        *,
        kind: Kind | None = None,
        since: int | None = None,
        until: int | None = None,
        subject: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Record]:
        """Records by the time that they say, then by id; read page by page.

        Args:
            kind: only of this kind.
            since: only from this moment on, in microseconds.
            until: only before this moment.
            subject: only about the person with this number.
            limit: so many at most.
        """
        c = records.c
        wanted: list[sa.ColumnElement[bool]] = []
        if since is not None:
            wanted.append(c.at >= since)
        if until is not None:
            wanted.append(c.at < until)
        size = _PAGE if limit is None else min(_PAGE, max(1, limit))
        if subject is not None:  # few; SQLite would rather go through all of a kind
            wanted.append(c.subject == subject)
            if kind is not None:
                wanted.append(c.kind.concat("") == kind)
            found = [self._in_order(_COLUMNS.where(*wanted), size)]
        else:  # kind by kind: the index has each in the order of time
            queries = [
                _COLUMNS.where(c.kind == each, *wanted)
                for each in (get_args(Kind) if kind is None else (kind,))
            ]
            found = [self._in_order(query, size) for query in queries]
        return islice(merge(*found, key=attrgetter("at", "id")), limit)

    def _in_order(self, query: sa.Select[Any], size: int) -> Iterator[Record]:
        place = sa.tuple_(records.c.at, records.c.id)
        query = query.order_by(*place.clauses).limit(size)
        last: Record | None = None
        while True:
            page = query if last is None else query.where(place > sa.tuple_(last.at, last.id))
            found = list(self._rows(page))
            yield from found
            if len(found) < size:
                return
            last = found[-1]

    def _rows(self, query: sa.Select[Any]) -> Iterator[Record]:
        with self._engine.connect() as connection:
            try:
                yield from map(record_of, connection.execute(query).all())
            except (TypeError, UnicodeDecodeError):
                raise _changed("a record") from None


_COLUMNS = sa.select(
    records.c.segment,
    records.c.seq,
    records.c.id,
    records.c.kind,
    records.c.at,
    records.c.ref,
    records.c.subject,
    records.c.body,
    records.c.payload,
    records.c.payload_digest,
    records.c.hash,
)


def record_of(row: Any) -> Record:
    """A row of the table as a record; drivers give bytes in forms of their own."""
    values = dict(row._mapping)
    for name in ("payload", "payload_digest", "hash"):
        values[name] = _bytes(values[name])
    return Record(**values)


def _changed(which: str) -> Refused:
    return Refused(
        f"{which} cannot be read: it is not what was written",
        remedy="run `keel journal verify`, which says what was changed",
    )


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
