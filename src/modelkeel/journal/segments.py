"""Segments: each writer has a chain of its own, so that no writer waits for another's.

A new segment names the ends of those before it. So the segments hang together: what a segment has
named can no longer be cut off another one unseen.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

import sqlalchemy as sa

from modelkeel.journal.chain import Head, genesis, read, written
from modelkeel.journal.tables import records, segments


@dataclass(frozen=True)
class Segment:
    """A segment that is about to begin."""

    id: str
    writer: str
    opened_at: int
    parents: str
    genesis: bytes


def begin(connection: sa.Connection, writer: str) -> Segment:
    """Begin a segment after all that is there, in the transaction of the connection."""
    identity, now = str(uuid.uuid4()), time.time_ns() // 1000
    parents = written(frontier(connection))
    segment = Segment(identity, writer, now, parents, genesis(identity, writer, now, parents))
    connection.execute(
        segments.insert().values(
            id=segment.id,
            writer=writer,
            opened_at=now,
            parents=parents,
            genesis=segment.genesis,
        )
    )
    return segment


def end(connection: sa.Connection, head: Head) -> None:
    """Close a segment: no more records will come."""
    connection.execute(
        segments.update()
        .where(segments.c.id == head.segment)
        .values(closed_at=time.time_ns() // 1000, count=head.seq, head=head.hash)
    )


def frontier(connection: sa.Connection) -> list[Head]:
    """The ends that no segment has named yet."""
    named: dict[str, int] = {}
    for (text,) in connection.execute(sa.select(segments.c.parents)):
        for parent in read(text):
            named[parent.segment] = max(named.get(parent.segment, -1), parent.seq)
    return [head for head in heads(connection) if head.seq > named.get(head.segment, -1)]


def heads(connection: sa.Connection) -> list[Head]:
    """The end of each segment. Only of those still open, records are looked at."""
    s, r, each = segments.c, records.c, records.alias().c
    last = sa.select(sa.func.max(each.seq)).where(each.segment == s.id).scalar_subquery()
    at_end = sa.and_(s.closed_at.is_(None), r.segment == s.id, r.seq == last)
    query = sa.select(s.id, s.genesis, s.count, s.head, r.seq, r.hash)
    query = query.select_from(segments.outerjoin(records, at_end))
    found: list[Head] = []
    for identity, first, count, head, seq, hash_ in connection.execute(query):
        if seq is not None:
            found.append(Head(identity, seq, bytes(hash_)))
        elif count and head is not None:
            found.append(Head(identity, count, bytes(head)))
        else:
            found.append(Head(identity, 0, bytes(first)))
    return sorted(found)
