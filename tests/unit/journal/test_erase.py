"""Erasing: gone for good, the chain still holds, and a restored backup is erased again."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa

from modelkeel.errors import BadInput, KeelError
from modelkeel.journal.entry import Entry
from modelkeel.journal.erase import erase_again, erase_person, erase_prediction, read_list
from modelkeel.journal.events import event
from modelkeel.journal.tables import records, subjects
from modelkeel.journal.verify import verify

from .people import ADA, BOB, count, files, identity, inputs_of, now, opened, prediction

WHO = {"by": "officer@bank.example", "reason": "Art 17"}


def sealed(folder: Path) -> list[bytes]:
    """The wrapped keys and sealed payloads that are in the database."""
    with sqlite3.connect(folder / "journal.db") as connection:
        keys = connection.execute("SELECT wrapped FROM subjects")
        payloads = connection.execute("SELECT payload FROM records WHERE payload IS NOT NULL")
        return [row[0] for row in [*keys, *payloads]]


def test_a_person_is_erased_and_the_chain_holds(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA), prediction(2, BOB), prediction(3, ADA)])
    assert journal.keystore is not None
    number = journal.keystore.number_of(ADA)
    before = sealed(tmp_path)
    done = erase_person(journal, tmp_path / "list.jsonl", ADA, **WHO)
    assert (done.records, done.payloads, done.scrubbed) == (2, 2, True)
    assert journal.keystore.number_of(ADA) is None
    assert inputs_of(journal, 1) is None
    assert inputs_of(journal, 3) is None
    assert inputs_of(journal, 2) is not None
    report = verify(journal.engine)
    assert report.intact
    assert report.records == 4
    told = next(journal.reader().find(kind="event"))
    assert told.said["event"] == "erase"
    assert told.said["id"] == number
    gone = set(before) - set(sealed(tmp_path))
    assert len(gone) == 3  # a key and two payloads
    content = files(tmp_path)
    assert not any(each in content for each in gone)
    assert ADA.encode() not in content


def test_a_server_that_runs_meanwhile_notices(tmp_path: Path) -> None:
    server = opened(tmp_path)
    writer = server.writer()
    writer.write([prediction(1, ADA)])
    erase_person(opened(tmp_path), tmp_path / "list.jsonl", ADA, **WHO)
    assert inputs_of(server, 1) is None
    writer.write([prediction(2, ADA)])
    assert inputs_of(server, 2) is not None  # under a new number
    writer.close()
    assert verify(server.engine).intact


def test_an_old_backup_is_erased_again(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA), prediction(2, BOB)])
    backup = tmp_path / "backup.db"
    with sqlite3.connect(tmp_path / "journal.db") as source, sqlite3.connect(backup) as target:
        source.backup(target)
    listed = tmp_path / "list.jsonl"
    erase_person(journal, listed, ADA, **WHO)
    erase_prediction(journal, listed, identity(2), **WHO)
    journal.engine.dispose()
    for each in tmp_path.glob("journal.db*"):
        each.unlink()
    shutil.copy(backup, tmp_path / "journal.db")

    restored = opened(tmp_path)
    assert inputs_of(restored, 1) is not None  # what the backup brought back
    done = erase_again(restored, listed, by="operator")
    assert [each.erasure.what for each in done] == ["person", "prediction"]
    assert inputs_of(restored, 1) is None
    assert inputs_of(restored, 2) is None
    assert restored.keystore is not None
    assert restored.keystore.number_of(ADA) is None
    assert verify(restored.engine).intact
    assert len(list(restored.reader().find(kind="event"))) == 2
    assert erase_again(restored, listed, by="operator") == []  # nothing is left to do
    assert len(list(restored.reader().find(kind="event"))) == 2


def test_a_list_that_was_lost_is_made_again_from_the_events(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA)])
    listed = tmp_path / "list.jsonl"
    erase_person(journal, listed, ADA, **WHO)
    before = read_list(listed)
    listed.unlink()
    assert erase_again(journal, listed, by="operator") == []
    assert [each.id for each in read_list(listed)] == [each.id for each in before]


def test_killed_after_the_list_the_rest_is_done_again(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA)])
    assert journal.keystore is not None
    number = journal.keystore.number_of(ADA)
    listed = tmp_path / "list.jsonl"
    listed.write_text(f'{{"what":"person","id":"{number}","at":{now()}}}\n')
    done = erase_again(journal, listed, by="operator")
    assert [each.erasure.id for each in done] == [number]
    assert inputs_of(journal, 1) is None


def test_a_prediction_is_erased_with_what_is_about_it(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    about = Entry(identity(9), "explanation", now(), b"{}", identity(1), None, b'{"inputs":{}}')
    journal.write([prediction(1, ADA), prediction(2, ADA)])
    journal.write([about])
    done = erase_prediction(journal, tmp_path / "list.jsonl", identity(1), **WHO)
    assert (done.records, done.payloads) == (2, 2)
    assert inputs_of(journal, 1) is None
    assert inputs_of(journal, 9) is None
    assert inputs_of(journal, 2) is not None  # the person's key is still there
    assert count(journal, subjects) == 1
    assert verify(journal.engine).intact


def test_what_is_about_an_erased_person_keeps_no_payload(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA)])
    erase_person(journal, tmp_path / "list.jsonl", ADA, **WHO)
    late = Entry(identity(9), "explanation", now(), b"{}", identity(1), None, b'{"inputs":{}}')
    journal.write([late])
    with journal.engine.connect() as connection:
        kept = sa.select(records.c.payload).where(records.c.id == identity(9))
        assert connection.scalar(kept) is None


def test_nobody_is_told(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA), event("note")])
    listed = tmp_path / "list.jsonl"
    with pytest.raises(BadInput, match="nothing of this person"):
        erase_person(journal, listed, "Ada", **WHO)
    with pytest.raises(BadInput, match="no prediction with this id"):
        erase_prediction(journal, listed, identity(7), **WHO)
    with pytest.raises(BadInput, match="without a master key"):
        erase_person(opened(tmp_path, None), listed, ADA, **WHO)
    with pytest.raises(BadInput, match="nothing was ever erased"):
        erase_again(journal, listed, by="operator")
    assert not listed.exists()


def test_a_list_that_cannot_be_read_or_written_is_told(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA)])
    listed = tmp_path / "list.jsonl"
    listed.write_text("{}\n")
    with pytest.raises(BadInput, match=r"list\.jsonl:1: is no erasure"):
        erase_again(journal, listed, by="operator")
    with pytest.raises(KeelError, match="cannot be written"):
        erase_person(journal, tmp_path / "journal.db" / "list.jsonl", ADA, **WHO)
    assert inputs_of(journal, 1) is not None


def test_the_list_says_nothing_of_the_person(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA)])
    listed = tmp_path / "list.jsonl"
    erase_person(journal, listed, ADA, **WHO)
    assert ADA.encode() not in listed.read_bytes()
    assert stat.S_IMODE(listed.stat().st_mode) == 0o600


def test_what_the_database_says_against_it_is_told(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.write([prediction(1, ADA)])
    with sqlite3.connect(tmp_path / "journal.db") as database:
        database.execute(
            "CREATE TRIGGER t BEFORE DELETE ON subjects BEGIN SELECT RAISE(FAIL, 'no'); END"
        )
    with pytest.raises(KeelError, match=r"journal\.db: IntegrityError: no") as raised:
        erase_person(journal, tmp_path / "list.jsonl", ADA, **WHO)
    assert raised.value.remedy
    assert inputs_of(journal, 1) is not None
