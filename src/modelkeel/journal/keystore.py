"""Keys of people and days: what is sealed for a person is gone when the person's key is.

A payload about a person is sealed with that person's key, any other with the key of its day (UTC),
so that retention can drop a day. A person is known by a random number; the only way from the
caller's id to the number is an index that takes the master key, and erasing removes it.

Keys of people are never remembered here: they are looked up for each batch, so that an erasure
by another process holds at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from modelkeel.errors import BadInput, Refused
from modelkeel.journal.entry import Entry
from modelkeel.journal.keyrows import KeyRows
from modelkeel.journal.sealed import Master, is_sealed, new_key, seal, unseal
from modelkeel.journal.tables import day_keys, records, subjects

if TYPE_CHECKING:
    from modelkeel.journal.reader import Record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Keystore:
    """The keys of one journal. Safe to use from several threads and processes.

    Args:
        engine: of the journal's database.
        master: the master key.
    """

    def __init__(self, engine: sa.Engine, master: Master) -> None:
        self._engine = engine
        self._master = master
        self._days: dict[str, AESGCM] = {}
        self._used = False
        self._rows = KeyRows(engine)

    @classmethod
    def open(cls, engine: sa.Engine, master: bytes) -> Keystore:
        """The keys of a journal whose schema is there.

        Args:
            engine: of the journal's database.
            master: 32 bytes.

        Raises:
            BadInput: the master key has another length.
            Refused: it is not the one that the keys are wrapped with.
        """
        store = cls(engine, Master(master))
        store.check()
        return store

    def number_of(self, subject: str) -> str | None:
        """The number of a person, or None if the journal has no key of theirs."""
        row = subjects.c.index == self._master.index(subject)
        with self._engine.connect() as connection:
            return connection.scalar(sa.select(subjects.c.number).where(row))

    def seal_all(self, entries: Sequence[Entry]) -> list[tuple[str | None, bytes | None]]:
        """Seal a batch; call it inside no transaction.

        What is about an earlier prediction is sealed as that was. If the person was erased since,
        its payload is not kept.

        Raises:
            Refused: the master key is not the one that a key is wrapped with.
            sqlalchemy.exc.SQLAlchemyError: the database does not answer.
        """
        named = {entry.subject for entry in entries if entry.subject is not None}
        people = self._people(named) if named else {}
        about = {entry.ref for entry in entries if entry.subject is None and entry.payload}
        owners = self._owners({ref for ref in about if ref is not None})
        ciphers = self._ciphers(set(owners.values()))
        sealed: list[tuple[str | None, bytes | None]] = []
        for entry in entries:
            number: str | None = None
            cipher: AESGCM | None = None
            if entry.subject is not None:
                number, cipher = people[entry.subject]
            elif entry.payload is not None and entry.ref in owners:
                number = owners[entry.ref]
                cipher = ciphers.get(number)
            elif entry.payload is not None:
                cipher = self._day(day_of(entry.at))
            payload = entry.payload
            if payload is not None:
                payload = seal(cipher, payload, entry.id) if cipher is not None else None
            sealed.append((number, payload))
        return sealed

    def open_payload(self, record: Record) -> bytes | None:
        """The payload of a record; None when it has none any more, or its key is gone.

        Raises:
            SealBroken: it was changed.
            Refused: the master key is not the one that its key is wrapped with.
        """
        return self.open_payloads([record])[0]

    def open_payloads(self, read: Sequence[Record]) -> list[bytes | None]:
        """The payloads of several records; raises as `open_payload`."""
        closed = [each for each in read if each.payload and is_sealed(each.payload)]
        people = self._ciphers({each.subject for each in closed if each.subject is not None})
        days = self._stored_days({day_of(each.at) for each in closed if each.subject is None})
        opened: list[bytes | None] = []
        for record in read:
            payload = record.payload
            if payload and is_sealed(payload):
                cipher = (
                    people.get(record.subject)
                    if record.subject is not None
                    else days.get(day_of(record.at))
                )
                payload = unseal(cipher, payload, record.id) if cipher is not None else None
            opened.append(payload)
        return opened

    def check(self) -> None:
        """Unwrap one key of each table, so that a wrong master key is told at the start.

        Raises:
            Refused: the master key is not the one that the keys are wrapped with, or there are none
                any more.
        """
        self._days = {}  # the database may have been replaced
        found = False
        with self._engine.connect() as connection:
            for table in (day_keys, subjects):
                name = next(iter(table.primary_key.columns))
                row = connection.execute(sa.select(name, table.c.wrapped).limit(1)).first()
                if row is not None:
                    self._cipher(row[1], row[0])
                    found = True
        if self._used and not found:
            raise Refused(
                "it has no keys, and the journal had some",
                remedy="restore the database, or start again to go on with this one",
            )

    def _people(self, named: Collection[str]) -> dict[str, tuple[str, AESGCM]]:
        """Number and cipher of each subject; of new ones too."""
        index = {self._master.index(subject): subject for subject in named}
        rows = self._rows.select(subjects.c.index, index)
        missing = index.keys() - {bytes(row.index) for row in rows}
        rows += self._rows.add(
            subjects,
            [
                {"number": number, "index": key, "wrapped": self._new(number)}
                for key, number in ((key, uuid.uuid4().hex) for key in missing)
            ],
        )
        return {
            index[bytes(row.index)]: (row.number, self._cipher(row.wrapped, row.number))
            for row in rows
        }

    def _owners(self, refs: Collection[str]) -> dict[str | None, str]:
        """The number that each prediction has, of those that have one."""
        rows = self._rows.select(records.c.id, refs)
        return {row.id: row.subject for row in rows if row.subject is not None}

    def _ciphers(self, numbers: Collection[str]) -> dict[str, AESGCM]:
        """The cipher of each person whose key is still there."""
        rows = self._rows.select(subjects.c.number, numbers)
        return {row.number: self._cipher(row.wrapped, row.number) for row in rows}

    def _day(self, day: str) -> AESGCM:
        """The cipher of a day, made at its first use; today's is never dropped, so it is kept."""
        cipher = self._days.get(day)
        if cipher is None:
            cipher = self._stored_days([day]).get(day)
            if cipher is None:
                row = self._rows.add(day_keys, [{"day": day, "wrapped": self._new(day)}])[0]
                cipher = self._cipher(row.wrapped, day)
            if day == day_of(_now()):
                self._days = {day: cipher}
        return cipher

    def _stored_days(self, days: Collection[str]) -> dict[str, AESGCM]:
        rows = self._rows.select(day_keys.c.day, days)
        return {row.day: self._cipher(row.wrapped, row.day) for row in rows}

    def _new(self, name: str) -> bytes:
        return self._master.wrap(new_key(), name)

    def _cipher(self, wrapped: Any, name: str) -> AESGCM:
        cipher = AESGCM(self._master.unwrap(bytes(wrapped), name))
        self._used = True
        return cipher


def number_in(keystore: Keystore | None, subject: str) -> str:
    """The number of a person, by the id that callers send.

    Raises:
        BadInput: there is no master key, or nothing of the person.
    """
    if keystore is None:
        raise BadInput(
            "the journal was opened without a master key, so nobody can be found in it",
            remedy="set MODELKEEL_JOURNAL_KEY_FILE to the file of the key",
        )
    number = keystore.number_of(subject)
    if number is None:
        raise BadInput(
            "the journal has nothing of this person, or it was erased before",
            remedy="check the id: it is the one that callers send as subject",
        )
    return number


def day_of(at: int) -> str:
    """The day (UTC) of a moment in microseconds since 1970-01-01, as YYYY-MM-DD."""
    return (_EPOCH + timedelta(microseconds=at)).date().isoformat()


def _now() -> int:
    return (datetime.now(UTC) - _EPOCH) // timedelta(microseconds=1)
