"""What is sealed, with which key, and who can open it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from modelkeel.errors import BadInput, KeelError, Refused
from modelkeel.journal.entry import Entry
from modelkeel.journal.events import event
from modelkeel.journal.keystore import Keystore, day_of
from modelkeel.journal.place import KEY, KEY_FILE, journal_url, master_key
from modelkeel.journal.sealed import SealBroken
from modelkeel.journal.store import Journal
from modelkeel.journal.tables import day_keys, records, subjects

from .people import (
    ADA,
    BOB,
    DAY,
    SECRET,
    count,
    files,
    identity,
    inputs_of,
    now,
    opened,
    prediction,
)


def test_what_was_sealed_opens_again(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA), prediction(2, BOB), prediction(3)])
    for number in (1, 2, 3):
        assert inputs_of(journal, number) == {"amount": 100.5 + number, "street": SECRET}
    assert inputs_of(opened(tmp_path), 1) is not None  # by another process, too


def test_nothing_of_a_person_is_on_the_disk_in_clear(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA), prediction(2, BOB), prediction(3)])
    content = files(tmp_path)
    assert identity(1).encode() in content  # so these are the files
    for planted in (ADA, BOB, SECRET):
        assert planted.encode() not in content


def test_a_person_keeps_one_number(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA), prediction(2, ADA)])
    journal.write([prediction(3, ADA), prediction(4, BOB)])
    assert journal.keystore is not None
    number = journal.keystore.number_of(ADA)
    assert [each.id for each in journal.reader().find(subject=number)] == [
        identity(each) for each in (1, 2, 3)
    ]
    assert count(journal, subjects) == 2
    assert number is not None
    assert ADA not in number


def test_two_processes_meet_a_new_person_at_once(tmp_path: Path) -> None:
    stores = [opened(tmp_path).keystore for _ in range(4)]
    people = [f"person {each}" for each in range(50)]
    numbers: list[list[str | None]] = []

    def meet(keystore: Keystore | None) -> None:
        assert keystore is not None
        sealed = keystore.seal_all([prediction(at, who) for at, who in enumerate(people)])
        numbers.append([each[0] for each in sealed])

    threads = [threading.Thread(target=meet, args=(store,)) for store in stores]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(numbers) == 4
    assert all(each == numbers[0] for each in numbers)


def test_what_comes_later_is_sealed_as_its_prediction(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA)])
    later = Entry(identity(9), "explanation", now(), b"{}", identity(1), None, b'{"inputs":{}}')
    journal.write([later])
    before, after = (journal.reader().get(identity(each)) for each in (1, 9))
    assert before is not None
    assert after is not None
    assert after.subject == before.subject
    assert inputs_of(journal, 9) == {}


@pytest.mark.parametrize("entries", [[prediction(1, ADA)], [prediction(1)]])
def test_a_wrong_master_key_is_told(tmp_path: Path, entries: list[Entry]) -> None:
    opened(tmp_path).write(entries)
    with pytest.raises(Refused, match="not the one that the keys in this journal are wrapped with"):
        opened(tmp_path, os.urandom(32))


def test_a_master_key_of_another_length_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="16 bytes, expected 32"):
        opened(tmp_path, b"x" * 16)


def test_a_payload_put_at_another_record_does_not_open(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA), prediction(2, ADA)])
    with journal.engine.begin() as connection:
        other = sa.select(records.c.payload).where(records.c.id == identity(2)).scalar_subquery()
        connection.execute(
            records.update().where(records.c.id == identity(1)).values(payload=other)
        )
    with pytest.raises(SealBroken, match=identity(1)):
        inputs_of(journal, 1)


def test_without_a_person_the_day_has_the_key(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    old = now() - 40 * DAY
    journal.write([prediction(1, at=old), prediction(2)])
    assert count(journal, day_keys) == 2
    with journal.engine.begin() as connection:
        connection.execute(day_keys.delete().where(day_keys.c.day == day_of(old)))
    assert inputs_of(journal, 1) is None
    assert inputs_of(journal, 2) is not None


def test_without_a_master_key_payloads_are_plain(tmp_path: Path) -> None:
    journal = opened(tmp_path, None)
    journal.write([prediction(1)])
    assert SECRET.encode() in files(tmp_path)
    assert inputs_of(opened(tmp_path), 1) is not None  # a key that came later opens them as well


def test_a_key_that_was_removed_is_not_used_again(tmp_path: Path) -> None:
    """Another process erases a person: the next record of theirs has another number."""
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA)])
    other = opened(tmp_path)
    with other.engine.begin() as connection:
        connection.execute(subjects.delete())
    journal.write([prediction(2, ADA)])
    assert inputs_of(journal, 1) is None
    assert inputs_of(journal, 2) is not None


def test_the_master_key_is_made_in_development(tmp_path: Path) -> None:
    key = master_key(tmp_path, production=False)
    assert key is not None
    assert key == master_key(tmp_path, production=True)  # it is there by now
    path = tmp_path / "journal" / "journal.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert (path.parent / ".gitignore").read_text() == "*\n"


def test_a_key_that_is_gone_is_not_replaced(tmp_path: Path) -> None:
    """The journal's keys are wrapped with it, and another one opens none of them."""
    path = tmp_path / "journal" / "journal.key"
    assert master_key(tmp_path, production=False, make=False) is None
    assert not path.parent.exists()
    key = master_key(tmp_path, production=False)
    journal = Journal.open(str(journal_url(tmp_path)), master=key)
    path.unlink()
    journal.write([event("promote", by="owner")])
    assert master_key(tmp_path, production=False, make=False) is None
    assert not path.exists()
    journal.write([prediction(1)])
    for make in (True, False):
        with pytest.raises(BadInput, match=r"journal\.key is gone and this journal has keys"):
            master_key(tmp_path, production=False, make=make)
        assert not path.exists()


def test_no_key_is_made_while_the_journal_does_not_answer(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "journal.db").write_text("x" * 5000)
    with pytest.raises(KeelError, match=r"journal\.db cannot be opened: file is not a database"):
        master_key(tmp_path, production=False)
    assert not (tmp_path / "journal" / "journal.key").exists()


def test_in_production_no_key_is_made(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=f"neither {KEY} nor {KEY_FILE} is set"):
        master_key(tmp_path, production=True)
    assert not (tmp_path / "journal").exists()


def test_in_production_nothing_personal_needs_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert master_key(tmp_path, production=True, personal=False) is None
    assert not (tmp_path / "journal").exists()
    monkeypatch.setenv(KEY, "A" * 43 + "=")
    assert master_key(tmp_path, production=True, personal=False) == bytes(32)


@pytest.mark.parametrize("text", ["c2hvcnQ=", "no base64!", "x" * 44])
def test_a_key_that_is_none_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(KEY, text)
    with pytest.raises(BadInput, match="not 32 bytes in base64"):
        master_key(tmp_path, production=True)


def test_a_key_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = master_key(tmp_path, production=False)
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "journal" / "journal.key"))
    assert master_key(None, production=True) == made
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "nothing"))
    with pytest.raises(BadInput, match="cannot be read"):
        master_key(None, production=True)


def test_without_a_project_there_is_no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert journal_url(None) is None
    assert master_key(None, production=False) is None
    monkeypatch.setenv("MODELKEEL_JOURNAL", "postgresql://db.example/journal")
    assert journal_url(None) == "postgresql://db.example/journal"


def test_records_wait_for_the_disk_though_keys_do_not(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA), prediction(2)])
    full = 2
    with journal.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == full
