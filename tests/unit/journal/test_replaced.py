"""Another file takes the place of the database while it is written to."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelkeel.errors import BadInput
from modelkeel.journal.events import event
from modelkeel.journal.store import Journal
from modelkeel.journal.verify import verify
from modelkeel.journal.writer import NotWritten, Writer

from .conftest import entries, holds, until
from .people import ADA, BOB, DAY, identity, inputs_of, now, opened, prediction


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[tuple[Journal, Writer]]:
    journal = opened(tmp_path)
    writer = Writer(journal, "w", anchor_every=1000)
    writer.write([prediction(1, ADA), prediction(2)])
    yield journal, writer
    writer.close()
    journal.engine.dispose()


def backup(folder: Path) -> Path:
    """A copy of the database, whole in one file."""
    copy = folder / "backup.db"
    with sqlite3.connect(folder / "journal.db") as source, sqlite3.connect(copy) as target:
        source.backup(target)
    return copy


def remove(folder: Path) -> None:
    for each in folder.glob("journal.db*"):
        each.unlink()


def restore(folder: Path, copy: Path) -> None:
    remove(folder)
    shutil.copy(copy, folder / "journal.db")


def test_what_is_acknowledged_is_in_the_file_on_disk(
    tmp_path: Path, writing: tuple[Journal, Writer]
) -> None:
    journal, writer = writing
    copy = backup(tmp_path)
    writer.write([prediction(3, ADA)])  # not in the backup
    restore(tmp_path, copy)
    writer.write([prediction(4, ADA), prediction(5)])
    fresh = opened(tmp_path)
    assert holds(fresh, [identity(each) for each in (1, 2, 4, 5)]) == 0
    assert inputs_of(fresh, 4) is not None
    assert inputs_of(fresh, 5) is not None
    assert journal.reader().get(identity(3)) is None  # readers have the new file, too
    assert writer.problem is None
    fresh.engine.dispose()


def test_keys_of_the_file_before_are_not_used(
    tmp_path: Path, writing: tuple[Journal, Writer]
) -> None:
    """The new file knows neither today's key nor the person's."""
    _, writer = writing
    other = tmp_path / "other"
    other.mkdir()
    earlier = opened(other)
    earlier.write([prediction(1, BOB), prediction(2, at=now() - 2 * DAY)])
    earlier.engine.dispose()
    restore(tmp_path, other / "journal.db")
    writer.write([prediction(4, ADA), prediction(5)])
    fresh = opened(tmp_path)
    assert inputs_of(fresh, 4) is not None
    assert inputs_of(fresh, 5) is not None
    assert verify(fresh.engine).records == 4
    fresh.engine.dispose()


def test_a_file_that_is_gone_is_told_and_not_made(
    tmp_path: Path, writing: tuple[Journal, Writer]
) -> None:
    _, writer = writing
    copy = backup(tmp_path)
    remove(tmp_path)
    with pytest.raises(NotWritten, match=r"journal\.db is gone"):
        writer.write([prediction(4)])
    assert "is gone" in str(writer.problem)
    time.sleep(1.2)  # it tries by itself
    assert not (tmp_path / "journal.db").exists()
    restore(tmp_path, copy)
    until(lambda: writer.problem is None)
    writer.write([prediction(4)])
    fresh = opened(tmp_path)
    assert holds(fresh, [identity(each) for each in (1, 2, 4)]) == 0
    fresh.engine.dispose()


def test_a_file_that_goes_while_nobody_writes_is_told(
    tmp_path: Path, writing: tuple[Journal, Writer]
) -> None:
    _, writer = writing
    remove(tmp_path)
    until(lambda: "is gone" in str(writer.problem), 5)


def no_journal(path: Path, other: Path) -> None:
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE records (id TEXT)")


def no_database(path: Path, other: Path) -> None:
    path.write_bytes(b"x" * 5000)


def other_key(path: Path, other: Path) -> None:
    other.mkdir()
    made = opened(other, os.urandom(32))
    made.write([prediction(7)])
    made.engine.dispose()
    shutil.copy(other / "journal.db", path)


def damaged(path: Path, other: Path) -> None:
    other.mkdir()
    made = opened(other)
    made.write([prediction(n) for n in range(10, 300)])
    made.engine.dispose()
    content = bytearray((other / "journal.db").read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = os.urandom(4096)
    path.write_bytes(content)


def empty(path: Path, other: Path) -> None:
    opened(path.parent).engine.dispose()


def without_keys(path: Path, other: Path) -> None:
    made = opened(path.parent)
    made.write([event("promote", by="owner")])
    made.engine.dispose()


@pytest.mark.parametrize("put", [no_journal, no_database, other_key, damaged, empty, without_keys])
def test_a_file_that_is_no_such_journal_gets_nothing(
    tmp_path: Path,
    writing: tuple[Journal, Writer],
    put: object,
) -> None:
    _, writer = writing
    assert callable(put)
    copy = backup(tmp_path)
    remove(tmp_path)
    put(tmp_path / "journal.db", tmp_path / "other")
    for _ in range(2):
        with pytest.raises(NotWritten):
            writer.write([prediction(4)])
        assert writer.problem is not None
    restore(tmp_path, copy)
    until(lambda: writer.problem is None)
    writer.write([prediction(4)])


def test_the_log_of_the_file_before_is_not_applied_to_the_new_one(
    tmp_path: Path, writing: tuple[Journal, Writer]
) -> None:
    _, writer = writing
    copy = backup(tmp_path)
    content = copy.read_bytes()
    copy.rename(tmp_path / "journal.db")  # and journal.db-wal stays
    with pytest.raises(NotWritten, match="write-ahead log of the file before"):
        writer.write([prediction(4)])
    assert (tmp_path / "journal.db").read_bytes() == content
    for name in ("journal.db-wal", "journal.db-shm"):
        (tmp_path / name).unlink()
    until(lambda: writer.problem is None)
    writer.write([prediction(4)])
    fresh = opened(tmp_path)
    assert holds(fresh, [identity(each) for each in (1, 2, 4)]) == 0
    fresh.engine.dispose()


def test_a_file_that_is_replaced_in_the_middle_of_a_commit(
    tmp_path: Path, writing: tuple[Journal, Writer]
) -> None:
    _, writer = writing
    copy = backup(tmp_path)
    answers: list[Exception | None] = []
    with (tmp_path / "journal.db-turn").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # it has looked at the file, and waits
        writer.submit([prediction(4)], answers.append)
        time.sleep(0.3)
        restore(tmp_path, copy)
    until(lambda: answers)
    assert "replaced" in str(answers[0])
    writer.write([prediction(5)])
    fresh = opened(tmp_path)
    assert holds(fresh, [identity(each) for each in (1, 2, 5)]) == 0
    fresh.engine.dispose()


def test_a_journal_without_keys_that_was_replaced(tmp_path: Path) -> None:
    journal = opened(tmp_path, None)
    writer = Writer(journal, "w")
    first, second = entries(3), entries(3)
    writer.write(first)
    restore(tmp_path, backup(tmp_path))
    writer.write(second)
    fresh = opened(tmp_path, None)
    assert holds(fresh, [each.id for each in first + second]) == 0
    writer.close()
    for each in (journal, fresh):
        each.engine.dispose()


def test_a_name_of_sqlite_that_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is no path"):
        Journal.open(f"sqlite:///file:{tmp_path}/journal.db?uri=true")
