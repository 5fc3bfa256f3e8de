"""Retention: what is kept for how long, and what goes.

Two classes. Payloads (what a decision was made from) go by record; the keys of their days go with
them, so that copies in a backup of the database without its keys are unreadable too. Records of
decisions go by whole segment, once each record in it is old enough; the segment's end is kept and
an event says what went, so that the chain can still be checked. Segments that hold only events
(promotions, erasures, earlier prunings) are never pruned: they describe nobody.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import sqlalchemy as sa

from modelkeel.errors import BadInput, KeelError, Refused
from modelkeel.journal.chain import Head
from modelkeel.journal.erase import forget, removing, scrub
from modelkeel.journal.events import event
from modelkeel.journal.keystore import day_of
from modelkeel.journal.store import Journal
from modelkeel.journal.tables import day_keys, records, segments, subjects
from modelkeel.journal.url import WRITES
from modelkeel.journal.verify import verify
from modelkeel.project import Project
from modelkeel.records.system import System, Tier

INPUTS = "inputs of predictions"
"""How governance/privacy.toml names the payloads in a table of `retention`."""
_PAYLOAD_DAYS: dict[Tier, int | None] = {"high": None, "limited": 183, "minimal": 90}
"""How long payloads are kept where nobody said; None: as long as the record, to replay it."""
_DAY = 86_400_000_000
_MOST_DAYS = 365_000
_CHUNK = 2000


@dataclass(frozen=True)
class Retention:
    """How many days what is kept.

    Attributes:
        payloads: inputs and contributions; None: as long as their records.
        records: records of decisions; None: for good.
    """

    payloads: int | None = None
    records: int | None = None


@dataclass(frozen=True)
class Pruned:
    """What went, or would go.

    Attributes:
        payloads: how many payloads, of records that stay.
        days: how many keys of days.
        segments: how many segments.
        records: how many records were in them.
        people: how many people no record is about any more.
        waiting: how many records are old enough and wait for the rest of their segment.
        scrubbed: whether the database's files hold no copy any more, as far as can be told here.
    """

    payloads: int = 0
    days: int = 0
    segments: int = 0
    records: int = 0
    people: int = 0
    waiting: int = 0
    scrubbed: bool = True


_REGULATION_B = (762, "25 months: Regulation B, 12 CFR 1002.12(b)(1)")


def _is_us_credit(system: System) -> bool:
    return system.use.domain == "credit" and "US" in system.use.jurisdictions


def least_days(system: System) -> tuple[int, str]:
    """How long records of decisions are kept at least, and the rule that says so."""
    least, why = 0, "no rule"
    if system.tier == "high":
        least, why = 183, "six months: Regulation (EU) 2024/1689 Art 19(1), 26(6)"
    if _is_us_credit(system):
        least, why = _REGULATION_B
    if system.logging is not None and system.logging.retention_days > least:
        least = system.logging.retention_days
        why = "logging.retention_days in governance/system.toml"
    return least, why


def retention_of(
    project: Project, payloads: int | None = None, records_: int | None = None
) -> Retention:
    """What a project keeps for how long: as given, else as its records say, else by its tier.

    Args:
        project: the project.
        payloads: days that payloads are kept.
        records_: days that records of decisions are kept.

    Raises:
        Refused: less than the law or the project's record asks for.
    """
    system = project.system
    least, why = least_days(system)
    if records_ is None and system.logging is not None:
        records_ = max(least, system.logging.retention_days)
    if records_ is not None and records_ < least:
        raise Refused(
            f"records of decisions are kept for at least {least} days ({why}), "
            f"asked for {records_}",
            remedy="keep them as long, or change logging.retention_days where the law lets you",
        )
    if payloads is None:
        payloads = _stated_payload_days(project)
    # Regulation B means the information that the decision was made from, too.
    if payloads is not None and _is_us_credit(system) and payloads < _REGULATION_B[0]:
        least, why = _REGULATION_B
        raise Refused(
            f"inputs of a credit decision are kept for at least {least} days ({why}), "
            f"asked for {payloads}",
            remedy="keep them as long",
        )
    return Retention(payloads, records_)


def prune(
    journal: Journal, keep: Retention, *, by: str, now: int | None = None, dry: bool = False
) -> Pruned:
    """Remove what is older than it is kept.

    Args:
        journal: the journal.
        keep: how long what is kept.
        by: who does it.
        now: microseconds; the clock's when left out.
        dry: only say what would go.

    Raises:
        BadInput: a number of days is below 1 or above 1000 years.
        Refused: a segment that would go does not verify; it is evidence then.
        KeelError: what goes cannot be anchored, this role may not remove it, or the journal not be
            written.
    """
    for days in (keep.payloads, keep.records):
        if days is not None and not 1 <= days <= _MOST_DAYS:
            raise BadInput(
                f"{days} days: expected at least 1, at most {_MOST_DAYS}",
                remedy="give a number of days",
            )
    now = time.time_ns() // 1000 if now is None else now
    cut = now - keep.payloads * _DAY if keep.payloads else 0
    old = now - keep.records * _DAY if keep.records else 0
    with journal.engine.connect() as connection:
        ends = _old_segments(connection, old)
        plan = _plan(connection, cut, old, ends)
    _refuse_broken(journal, ends)
    if dry or not (plan.payloads or plan.days or plan.segments or plan.people):
        return plan
    said = {key: value for key, value in asdict(plan).items() if key not in ("waiting", "scrubbed")}
    kept = {"payloads": keep.payloads, "records": keep.records}
    shown = [end.shown for end in ends]
    with removing(journal.engine, "prune", records, subjects, day_keys):
        _anchor(journal, ends)
        # The event first: killed in the middle, what went is told, and the rest goes next time.
        journal.write([event("prune", by=by, **said | {"kept_days": kept, "segments": shown})])
        _drop(journal.engine, cut, old, ends)
        return replace(plan, scrubbed=scrub(journal.engine))


def _anchor(journal: Journal, ends: Sequence[Head]) -> None:
    """Tell outside the database what is pruned: whoever can write to it can make an event up."""
    if not ends or journal.anchor is None:
        return
    try:
        journal.anchor.add([], time.time_ns() // 1000, pruned=ends)
    except OSError as error:
        raise KeelError(
            f"{journal.anchor.path}: cannot be written, so that a check could not tell this "
            f"pruning from one that was made up: {error.strerror}",
            remedy="make it writable, or name another file: MODELKEEL_ANCHOR; nothing was pruned",
        ) from None


def _stated_payload_days(project: Project) -> int | None:
    for each in project.privacy.retention if project.privacy else []:
        if each.data.strip().lower() == INPUTS and isinstance(each.days, int):
            return each.days
    return _PAYLOAD_DAYS[project.system.tier]


def _old_segments(connection: sa.Connection, old: int) -> list[Head]:
    """The ends of segments that hold decisions, all of them recorded before a moment."""
    c = records.c
    decides = sa.func.sum(sa.case((c.kind != "event", 1), else_=0))
    last = (
        sa.select(c.segment, sa.func.max(c.seq).label("seq"))
        .group_by(c.segment)
        .having(sa.func.max(c.at) < old, decides > 0)
        .subquery()
    )
    at_end = sa.and_(c.segment == last.c.segment, c.seq == last.c.seq)
    rows = connection.execute(sa.select(c.segment, c.seq, c.hash).join(last, at_end))
    return sorted(Head(row[0], row[1], bytes(row[2])) for row in rows)


def _plan(connection: sa.Connection, cut: int, old: int, ends: Sequence[Head]) -> Pruned:
    going = [end.segment for end in ends]
    stays = records.c.segment.not_in(going)
    decided = sa.and_(records.c.kind != "event", records.c.at < old)

    def count(table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).select_from(table).where(*where)
        return connection.scalar(query) or 0

    return Pruned(
        payloads=count(records, _payload_before(cut), stays),
        days=count(day_keys, day_keys.c.day < day_of(cut)),
        segments=len(ends),
        records=sum(end.seq for end in ends),
        people=count(subjects, _nobody(old, going)),
        waiting=count(records, decided, stays),
    )


def _payload_before(cut: int) -> sa.ColumnElement[bool]:
    return sa.and_(records.c.at < cut, records.c.payload.is_not(None))


def _nobody(old: int, going: Sequence[str] = ()) -> sa.ColumnElement[bool]:
    """People that no record is about, but for records that go; the newest may be on their way."""
    about = sa.and_(records.c.subject == subjects.c.number, records.c.segment.not_in(going))
    return sa.and_(subjects.c.created < old, ~sa.exists().where(about))


def _refuse_broken(journal: Journal, ends: Sequence[Head]) -> None:
    if not ends:
        return
    going = {end.segment for end in ends}
    for each in verify(journal.engine).segments:
        if each.segment in going and each.outcome == "broken":
            raise Refused(
                f"segment {each.segment} is old enough to go, but does not verify: "
                f"{each.problems[0]}",
                remedy="keep a copy of the database as evidence and find out who changed it "
                "(keel journal verify); nothing was pruned",
            )


def _drop(engine: sa.Engine, cut: int, old: int, ends: Sequence[Head]) -> None:
    """Remove it in small transactions, so that no writer waits for long."""
    now = time.time_ns() // 1000
    with engine.connect().execution_options(**{WRITES: True}) as connection:
        forget(connection)
        some = sa.select(records.c.id).where(_payload_before(cut)).limit(_CHUNK)
        emptied = records.update().where(records.c.id.in_(some)).values(payload=None)
        more = True
        while more:
            with connection.begin():
                more = connection.execute(emptied).rowcount > 0
        with connection.begin():
            connection.execute(day_keys.delete().where(day_keys.c.day < day_of(cut)))
        for end in ends:
            with connection.begin():
                connection.execute(records.delete().where(records.c.segment == end.segment))
                connection.execute(
                    segments.update()
                    .where(segments.c.id == end.segment)
                    .values(
                        pruned_at=now,
                        closed_at=sa.func.coalesce(segments.c.closed_at, now),
                        count=end.seq,
                        head=end.hash,
                    )
                )
        with connection.begin():
            connection.execute(subjects.delete().where(_nobody(old)))
