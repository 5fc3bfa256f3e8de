"""Erasing: a person by the id that callers use, or one prediction.

A person's key and the way from their id to their number go, and with them what can be read and who
it was about. Payloads go too. What was decided stays in the chain under a number that nobody can
lead back to the person. Each erasure is on a list outside the database, so that a backup that is
restored can be erased again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from modelkeel.errors import BadInput, KeelError
from modelkeel.journal.entry import Entry
from modelkeel.journal.events import event
from modelkeel.journal.keystore import number_in
from modelkeel.journal.lines import add_line
from modelkeel.journal.store import Journal
from modelkeel.journal.tables import records, subjects
from modelkeel.journal.url import WRITES
from modelkeel.journal.writer import details_of, said_of

What = Literal["person", "prediction"]
_SCRUB_SECONDS = 5.0
_NO_RIGHT = "42501"
"""SQLSTATE of PostgreSQL."""


@dataclass(frozen=True)
class Erasure:
    """One line of the list.

    Attributes:
        what: a person or a prediction.
        id: the person's number, which says nothing of them, or the prediction's id.
        at: when, microseconds.
    """

    what: What
    id: str
    at: int


@dataclass(frozen=True)
class Erased:
    """What an erasure did.

    Attributes:
        erasure: what was erased.
        records: how many records were about it.
        payloads: how many payloads were there.
        scrubbed: whether the database's files hold no copy any more, as far as can be told here.
    """

    erasure: Erasure
    records: int
    payloads: int
    scrubbed: bool


def erase_person(journal: Journal, listed: Path, subject: str, *, by: str, reason: str) -> Erased:
    """Erase what can be read of a person.

    Args:
        journal: the journal, opened with its master key.
        listed: the list of erasures.
        subject: the id that callers give for the person.
        by: who does it.
        reason: why.

    Raises:
        BadInput: there is no master key, or nothing of the person.
        KeelError: the list or the database cannot be written.
    """
    number = number_in(journal.keystore, subject)
    return _erase(journal, listed, "person", number, by, reason)


def erase_prediction(
    journal: Journal, listed: Path, prediction: str, *, by: str, reason: str
) -> Erased:
    """Erase the payloads of a prediction and of what was recorded about it.

    Raises:
        BadInput: there is no such prediction.
        KeelError: the list or the database cannot be written.
    """
    found = journal.reader().get(prediction)
    if found is None or found.kind != "prediction":
        raise BadInput(
            f"{prediction}: the journal has no prediction with this id",
            remedy="list them with `keel journal find --kind prediction`",
        )
    return _erase(journal, listed, "prediction", prediction, by, reason)


def erase_again(journal: Journal, listed: Path, *, by: str) -> list[Erased]:
    """Erase what was erased before, after a backup was restored.

    What the list has and the journal still holds is erased; what only the journal's events know is
    added to the list. Where there is nothing to do, nothing changes.

    Raises:
        BadInput: the list is not readable, or there is none and no event either.
        KeelError: the list or the database cannot be written.
    """
    kept = read_list(listed)
    known = {(each.what, each.id) for each in kept}
    told = list(_events(journal))
    for each in told:
        if (each.what, each.id) not in known:
            _append(listed, each)
            kept.append(each)
    if not kept:
        raise BadInput(
            f"{listed}: nothing was ever erased, as far as this list and the journal know",
            remedy="give the list that lay beside the journal: --list PATH",
        )
    said = {(each.what, each.id) for each in told}
    done: list[Erased] = []
    with removing(journal.engine, "erase", subjects):
        for each in kept:
            counts = _remove(journal.engine, each)
            if not any(counts) and (each.what, each.id) in said:
                continue
            journal.write([_event(each, by, "again, after a backup was restored", counts)])
            done.append(Erased(each, counts[0], counts[1], scrub(journal.engine)))
    return done


def read_list(listed: Path) -> list[Erasure]:
    """The erasures on the list; none where there is no such file.

    Raises:
        BadInput: it cannot be read, or a line is none of ours.
    """
    if not listed.exists():
        return []
    try:
        lines = listed.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{listed}: cannot be read: {error}", remedy="restore the file from a copy"
        ) from None
    found: list[Erasure] = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(Erasure(**json.loads(line)))
        except (ValueError, TypeError):
            raise BadInput(
                f"{listed}:{number}: is no erasure",
                remedy="restore the file from a copy; a line is an object with what, id and at",
            ) from None
    return found


def scrub(engine: sa.Engine) -> bool:
    """Have the database forget what was deleted; False while others keep it from that.

    SQLite: what was deleted is overwritten, and the write-ahead log is emptied. PostgreSQL: VACUUM
    of the tables; its own log is overwritten in time.
    """
    if engine.dialect.name != "sqlite":
        _vacuum(engine)
        return True
    until = time.monotonic() + _SCRUB_SECONDS
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        while driver is not None:
            busy = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            if not busy:
                return True
            if time.monotonic() > until:
                break
            time.sleep(0.05)
    return False


def _vacuum(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.rollback()  # the pool has asked whether it is alive, which began a transaction
        driver.autocommit = True
        try:
            driver.cursor().execute("VACUUM subjects, day_keys, records")
        finally:
            driver.autocommit = False


def _erase(
    journal: Journal, listed: Path, what: What, identity: str, by: str, reason: str
) -> Erased:
    """The list first: killed in the middle, `--again` does the rest."""
    erasure = Erasure(what, identity, time.time_ns() // 1000)
    with removing(journal.engine, "erase", subjects):
        _append(listed, erasure)
        counts = _remove(journal.engine, erasure)
        journal.write([_event(erasure, by, reason, counts)])
        return Erased(erasure, *counts, scrub(journal.engine))


@contextmanager
def removing(engine: sa.Engine, doing: str, *tables: sa.Table) -> Iterator[None]:
    """See that payloads, and rows of these tables, may be removed, before anything tells of it.

    Raises:
        KeelError: this role may not, or the database does not do it.
    """
    try:
        with engine.connect().execution_options(**{WRITES: True}) as own, own.begin():
            own.execute(records.update().where(sa.false()).values(payload=None))
            for table in tables:
                own.execute(table.delete().where(sa.false()))
        yield
    except SQLAlchemyError as error:
        details = details_of(getattr(error, "orig", None) or error)
        if details.get("C") == _NO_RIGHT:
            raise KeelError(
                f"this role may not {doing}: {details.get('M')}",
                remedy="take the role that owns the tables: MODELKEEL_JOURNAL with its name",
            ) from error
        raise KeelError(
            f"the journal at {engine.url.render_as_string()}: {said_of(error)}",
            remedy=f"see that the database is up and can be written to, then {doing} again",
        ) from error


def _remove(engine: sa.Engine, erasure: Erasure) -> tuple[int, int]:
    """Remove key and payloads; how many records are about it, and how many had a payload."""
    if erasure.what == "person":
        about = records.c.subject == erasure.id
    else:
        about = sa.or_(records.c.id == erasure.id, records.c.ref == erasure.id)
    with engine.connect().execution_options(**{WRITES: True}) as connection:
        forget(connection)
        with connection.begin():
            keys = 0
            if erasure.what == "person":
                row = subjects.c.number == erasure.id
                keys = connection.execute(subjects.delete().where(row)).rowcount
            present = sa.and_(about, records.c.payload.is_not(None))
            payloads = connection.execute(records.update().where(present).values(payload=None))
            if not keys and not payloads.rowcount:
                return 0, 0
            count = sa.select(sa.func.count()).select_from(records).where(about)
            return connection.scalar(count) or 0, payloads.rowcount


def forget(connection: sa.Connection) -> None:
    """Have SQLite overwrite what this connection deletes. PostgreSQL has no such setting."""
    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        if driver is not None:
            driver.execute("PRAGMA secure_delete=ON")


def _event(erasure: Erasure, by: str, reason: str, counts: tuple[int, int]) -> Entry:
    said = {"by": by, "reason": reason, "records": counts[0], "payloads": counts[1]}
    return event("erase", what=erasure.what, id=erasure.id, **said)


def _events(journal: Journal) -> Iterator[Erasure]:
    """The erasures that the journal itself knows."""
    for record in journal.reader().find(kind="event"):
        said = record.said
        if said.get("event") == "erase":
            yield Erasure(said["what"], said["id"], record.at)


def _append(listed: Path, erasure: Erasure) -> None:
    try:
        add_line(listed, json.dumps(asdict(erasure), separators=(",", ":")).encode())
    except OSError as error:
        raise KeelError(
            f"{listed}: the list of erasures cannot be written: {error.strerror}",
            remedy="make it writable, or give another one: --list PATH; nothing was erased",
        ) from None
