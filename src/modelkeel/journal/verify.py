"""Checking the chains of a journal, and what that proves.

It proves that no record was edited, moved, put in or taken out of the middle of its chain since it
was written, and that nothing was cut off the end of a chain before what a later segment or an
anchor names. It cannot tell whether records after the last of those were cut off, nor whether a
record was true when it was written. Nor can it tell a pruning from records that somebody removed
who also wrote the event of a pruning, unless an anchor says what was pruned.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import sqlalchemy as sa

from modelkeel.journal.anchor import Anchored
from modelkeel.journal.chain import Head, genesis, link, read
from modelkeel.journal.raw import as_stored, readable, unmoved
from modelkeel.journal.reader import Record, record_of
from modelkeel.journal.tables import records, segments

_PAGE = 2000
_HOUR, _DAY = 3_600_000_000, 86_400_000_000
_LAST = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""
Outcome = Literal["intact", "pruned", "broken"]
_Wanted = dict[int, set[tuple[bytes, str]]]
"""By place in a segment: the hashes that others know, and who."""


@dataclass(frozen=True)
class Pruning:
    """What an event says of a pruning.

    Attributes:
        by: who did it.
        at: when, microseconds.
        kept_days: how long records were kept.
        anchored: whether an anchor says so too, which is outside the database.
    """

    by: str
    at: int
    kept_days: int | None
    anchored: bool = False


@dataclass(frozen=True)
class Checked:
    """A segment that was checked.

    Attributes:
        segment: its id.
        writer: who wrote it.
        outcome: intact, pruned by retention, or broken.
        records: how many there are.
        held: up to which record something outside the chain holds its end; 0 for none.
        problems: what is wrong, in words.
        pruning: by which event its records went, if they did.
    """

    segment: str
    writer: str
    outcome: Outcome
    records: int
    held: int
    problems: tuple[str, ...] = ()
    pruning: Pruning | None = None


@dataclass
class Report:
    """What a check of the whole journal found.

    Attributes:
        segments: each segment, in the order in which they began.
        anchors: how many anchors were held against it.
        signed: whether a key proved them.
        problems: what is wrong beside the segments.
    """

    segments: list[Checked] = field(default_factory=list)
    anchors: int = 0
    signed: bool = False
    problems: list[str] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems and all(each.outcome != "broken" for each in self.segments)

    @property
    def records(self) -> int:
        """How many records there are."""
        return sum(each.records for each in self.segments)

    @property
    def loose(self) -> int:
        """How many records nothing outside their chain holds yet."""
        return sum(max(0, each.records - each.held) for each in self.segments)

    @property
    def unproven(self) -> int:
        """How many segments were pruned by an event alone, which no anchor proves."""
        prunings = [each.pruning for each in self.segments if each.outcome == "pruned"]
        return sum(not (each and each.anchored) for each in prunings)


def verify(engine: sa.Engine, anchors: Sequence[Anchored] = ()) -> Report:
    """Check every segment against its records, its parents and the anchors.

    Args:
        engine: of the journal.
        anchors: ends that were written down outside.
    """
    report = Report(anchors=len(anchors), signed=bool(anchors) and all(a.signed for a in anchors))
    with unmoved(engine) as connection:
        rows = connection.execute(as_stored(segments).order_by(segments.c.opened_at)).all()
        asked: dict[str, list[tuple[Head, str]]] = {}
        for row in rows:
            for parent in _parents(row, report):
                asked.setdefault(parent.segment, []).append((parent, f"segment {row.id}"))
        for anchor in anchors:
            asked.setdefault(anchor.head.segment, []).append((anchor.head, "an anchor"))
        known = {row.id for row in rows}
        for segment, named in sorted(asked.items()):
            if segment not in known:
                by = ", ".join(sorted({who for _, who in named}))
                report.problems.append(f"segment {segment} is gone; {by} names it")
        column = sa.type_coerce(records.c.segment, sa.types.NullType())
        strays = sa.select(column).distinct().where(column.not_in(sa.select(segments.c.id)))
        for (stray,) in connection.execute(strays):
            report.problems.append(f"records name a segment {stray} that is not there")
        pruned = _announced(connection, report, {each.head for each in anchors if each.pruned})
        for row in rows:
            checked = _check(connection, row, asked.get(row.id, []), pruned)
            report.segments.append(_not_too_young(checked, row, anchors))
    return report


def _parents(row: Any, report: Report) -> list[Head]:
    try:
        return read(row.parents)
    except ValueError:
        report.problems.append(f"segment {row.id}: what it names cannot be read")
        return []


def _announced(
    connection: sa.Connection, report: Report, anchored: set[Head]
) -> dict[Head, Pruning]:
    """The ends of segments that events say were pruned."""
    c = records.c
    query = as_stored(records).where(c.kind == "event", c.body.contains('"event":"prune"'))
    found: dict[Head, Pruning] = {}
    for row in connection.execute(query):
        try:
            said = dict(json.loads(row.body))
            days = dict(said.get("kept_days") or {}).get("records")
            pruning = Pruning(
                str(said.get("by")),
                min(max(int(row.at), 0), _LAST),
                days if isinstance(days, int) else None,
            )
            for head in read(json.dumps(said.get("segments", []))):
                found.setdefault(head, replace(pruning, anchored=head in anchored))
        except (ValueError, TypeError, RecursionError):
            report.problems.append(f"event {row.id}: what it says was pruned cannot be read")
    return found


def _not_too_young(checked: Checked, row: Any, anchors: Sequence[Anchored]) -> Checked:
    """A segment that went on after an anchor had records that were younger than that anchor."""
    pruning = checked.pruning
    if pruning is None or not pruning.kept_days:
        return checked
    grew = (a.at for a in anchors if a.head.segment == row.id and a.head.seq < (row.count or 0))
    oldest = min(pruning.at, time.time_ns() // 1000) - pruning.kept_days * _DAY + _HOUR
    if max(grew, default=0) <= oldest:
        return checked
    why = f"it was pruned with records that were not {pruning.kept_days} days old"
    return replace(checked, outcome="broken", problems=(*checked.problems, why))


def _check(
    connection: sa.Connection,
    row: Any,
    asked: list[tuple[Head, str]],
    announced: dict[Head, Pruning],
) -> Checked:
    if not readable(segments, row):
        return Checked(str(row.id), str(row.writer), "broken", 0, 0, ("it cannot be read",))
    problems: list[str] = []
    head: bytes | None = row.genesis
    if head != genesis(row.id, row.writer, row.opened_at, row.parents):
        problems.append("its beginning was changed")
    wanted: _Wanted = {}
    for named, who in asked:
        wanted.setdefault(named.seq, set()).add((named.hash, who))
    if row.pruned_at is not None:
        if next(_stored(connection, row.id), None) is not None:
            problems.append("it was pruned, and has records")
        return _pruned(row, wanted, announced, problems)
    held = 0
    _compare(0, row.genesis, wanted, problems)
    seq = 0
    for stored in _stored(connection, row.id):
        if not isinstance(stored.seq, int):
            problems.append(f"record {stored.id}: its place cannot be read")
            continue
        if stored.seq < 1:
            problems.append(f"record {stored.id} was put before the beginning")
            continue
        seq += 1
        if stored.seq != seq:
            problems.append(f"record {seq} is gone" + _until(seq, stored.seq))
            seq, head = stored.seq, None
        if not readable(records, stored):
            problems.append(f"record {seq} ({stored.id}) cannot be read")
            head = None
            continue
        record = record_of(stored)
        if head is not None and not follows(record, head):
            problems.append(f"record {seq} ({record.id}) was changed, or the one before it")
        elif not payload_holds(record):
            problems.append(f"record {seq} ({record.id}): its payload was changed")
        head = record.hash
        if _compare(seq, head, wanted, problems):
            held = seq
    _beyond(seq, wanted, problems)
    if row.closed_at is not None and (row.count != seq or row.head != head):
        problems.append(f"it was closed with {row.count} records and ends with {seq}")
    return Checked(
        row.id, row.writer, "broken" if problems else "intact", seq, held, tuple(problems)
    )


def _pruned(
    row: Any, wanted: _Wanted, announced: dict[Head, Pruning], problems: list[str]
) -> Checked:
    count, head = row.count or 0, row.head or b""
    held = count if _compare(count, head, wanted, problems) else 0
    _beyond(count, wanted, problems)
    pruning = announced.get(Head(row.id, count, head))
    if pruning is None:
        problems.append("its records are gone, and no event says that they were pruned")
    outcome: Outcome = "broken" if problems else "pruned"
    return Checked(row.id, row.writer, outcome, 0, held, tuple(problems), pruning)


def _beyond(seq: int, wanted: _Wanted, problems: list[str]) -> None:
    """Tell if somebody knows more of a segment than there is."""
    last = max(wanted, default=0)
    if last > seq:
        who = ", ".join(sorted(who for _, who in wanted[last]))
        problems.append(f"it was cut off after record {seq}: {who} knows record {last}")


def _until(first: int, next_one: int) -> str:
    return f", and all up to {next_one - 1}" if next_one - 1 > first else ""


def _compare(seq: int, head: bytes, wanted: _Wanted, problems: list[str]) -> bool:
    """Whether somebody knows this end, and all who do know the same."""
    known = wanted.get(seq, set())
    others = sorted(who for expected, who in known if expected != head)
    if others:
        what = f"record {seq}" if seq else "its beginning"
        problems.append(f"{what} is not the one that {', '.join(others)} knows")
    return bool(known) and not others


def follows(record: Record, before: bytes) -> bool:
    """Whether a record's hash is that of the record after the hash before it."""
    return record.hash == link(
        before,
        record.segment,
        record.seq,
        record.id,
        record.kind,
        record.at,
        record.ref,
        record.subject,
        record.body.encode(),
        record.payload_digest,
    )


def payload_holds(record: Record) -> bool:
    """Whether the payload is the one that was written, or none is there any more."""
    if record.payload is None:
        return True
    return hashlib.sha256(record.payload).digest() == record.payload_digest


def _stored(connection: sa.Connection, segment: str) -> Iterator[Any]:
    """The rows of a segment's records, page by page."""
    place = sa.type_coerce(records.c.seq, sa.types.NullType())
    query = as_stored(records).where(records.c.segment == segment).order_by(place).limit(_PAGE)
    page = query
    while True:
        rows = connection.execute(page).all()
        yield from rows
        if len(rows) < _PAGE:
            return
        page = query.where(place > rows[-1].seq)
