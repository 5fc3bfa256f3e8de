"""The writer: groups, many threads, and databases that fail it."""

from __future__ import annotations

import fcntl
import logging
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from modelkeel.journal.anchor import Anchor, read_anchors
from modelkeel.journal.entry import Entry
from modelkeel.journal.store import Journal
from modelkeel.journal.verify import verify
from modelkeel.journal.writer import MAX_QUEUED, NotWritten, Writer

from .conftest import KINDS, Server, entries, holds, until

LOAD = Path(__file__).with_name("load.py")


@dataclass
class Answers:
    """Submits, and keeps what was answered."""

    writer: Writer
    good: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    open: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def submit(self, batch: list[Entry]) -> None:
        ids = [entry.id for entry in batch]
        with self.lock:
            self.open.update(ids)

        def done(error: Exception | None) -> None:
            with self.lock:
                self.open.subtract(ids)
                if error is None:
                    self.good += ids
                else:
                    assert isinstance(error, NotWritten)
                    self.errors.append(str(error))

        self.writer.submit(batch, done)

    def wait(self, seconds: float = 30) -> Answers:
        """Until each was answered, once."""
        until(lambda: not any(self.open.values()), seconds)
        return self


@pytest.fixture
def answers(journal: Journal) -> Iterator[Answers]:
    writer = Writer(journal, "w")
    yield Answers(writer)
    writer.close()


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Without what is logged of each batch that fails."""
    caplog.set_level(logging.CRITICAL, "modelkeel.journal")


def settled(writer: Writer) -> None:
    """Wait until it has its first segment."""
    until(lambda: writer.head is not None)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process has the database for itself."""
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "c.execute('BEGIN IMMEDIATE'); print('locked', flush=True); input(); c.execute('ROLLBACK')"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        yield
        other.stdin.write(b"\n")


def commits(path: Path) -> int:
    """How many transactions are in a write-ahead log of SQLite."""
    log = path.with_name(path.name + "-wal").read_bytes()
    page, salt = struct.unpack_from(">I", log, 8)[0], log[16:24]
    frames = range(32, len(log), 24 + page)
    ours = [log[at : at + 24] for at in frames if log[at + 8 : at + 16] == salt]
    return sum(struct.unpack_from(">I", frame, 4)[0] > 0 for frame in ours)


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_many_threads(journal: Journal, answers: Answers) -> None:
    def submit() -> None:
        for n in range(60):
            answers.submit(entries(1 + n % 3))

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.wait()
    assert not answers.errors
    assert len(answers.good) == 8 * 120
    assert holds(journal, answers.good) == 0
    assert len(verify(journal.engine).segments) == 1


def test_what_gathers_is_one_commit(journal: Journal, answers: Answers, tmp_path: Path) -> None:
    settled(answers.writer)
    path = tmp_path / "journal.db"
    before = commits(path)
    with locked(path):
        for _ in range(300):
            answers.submit(entries(1))
    answers.wait()
    assert 1 <= commits(path) - before <= 2
    assert holds(journal, answers.good) == 0
    assert len(answers.good) == 300


def test_a_queue_has_an_end(journal: Journal, answers: Answers, tmp_path: Path) -> None:
    settled(answers.writer)
    batch = entries(MAX_QUEUED + 500)
    with locked(tmp_path / "journal.db"):
        answers.submit(batch[:1])
        until(lambda: not answers.writer._queue)  # it is on its way
        spent = time.thread_time()
        for entry in batch[1:]:
            answers.submit([entry])
        assert time.thread_time() - spent < 3
        assert len(answers.errors) == 499  # at once
    answers.wait()
    assert set(answers.errors) == {"too much waits to be written"}
    assert len(answers.good) == MAX_QUEUED + 1
    assert holds(journal, answers.good) == 0


@pytest.mark.usefixtures("quiet")
def test_a_database_that_another_process_keeps(
    journal: Journal, answers: Answers, tmp_path: Path
) -> None:
    with locked(tmp_path / "journal.db"):
        answers.submit(entries(2))
        answers.wait()
        assert answers.errors == [
            "not written to the journal: OperationalError: database is locked"
        ]
        assert answers.writer.problem == "OperationalError: database is locked"
    until(lambda: answers.writer.problem is None)  # nobody has to try
    answers.submit(entries(2))
    answers.wait()
    assert holds(journal, answers.good) == 0
    assert len(answers.good) == 2


def test_a_database_that_cannot_be_written_to_is_told_before_anybody_writes(
    journal: Journal, tmp_path: Path
) -> None:
    with locked(tmp_path / "journal.db"):
        writer = Writer(journal)
        until(lambda: writer.problem == "OperationalError: database is locked")
    writer.close()


@pytest.mark.slow
def test_a_disk_that_hangs_is_told(journal: Journal, answers: Answers, tmp_path: Path) -> None:
    settled(answers.writer)
    with (tmp_path / "journal.db-turn").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)  # a process that stands still in the middle of a commit
        answers.submit(entries(1))
        until(lambda: str(answers.writer.problem).startswith("no answer for 1"))
    answers.wait()
    assert answers.writer.problem is None
    assert len(answers.good) == 1


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_what_cannot_be_written_fails_alone(journal: Journal, answers: Answers) -> None:
    known = entries(1)
    answers.submit(known)
    answers.wait()
    twice = entries(1)
    bad_text, no_number = entries(1), entries(1)
    bad_text[0].body = b'{"a":"\xff"}'
    no_number[0].at = 2**70
    good = [entries(2), entries(1), entries(3)]
    blocked = threading.Event()

    def wait(_: Exception | None) -> None:
        blocked.wait(10)

    answers.writer.submit(entries(1), wait)  # so that the others gather to one batch
    bad = [known, twice * 2, bad_text, no_number]
    for part in [*good[:1], *bad, *good[1:]]:
        answers.submit(part)
    blocked.set()
    answers.wait()
    assert len(answers.errors) == len(bad)
    assert sorted(answers.good) == sorted(e.id for part in [known, *good] for e in part)
    assert holds(journal, answers.good) == 1
    assert answers.writer.problem is None


def test_whoever_fails_at_the_answer_stops_nobody(journal: Journal, answers: Answers) -> None:
    def fail(_: Exception | None) -> None:
        raise ValueError

    answers.writer.submit(entries(1), fail)
    answers.submit(entries(1))
    answers.wait()
    assert len(answers.good) == 1


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_closing_writes_what_waits(journal: Journal, tmp_path: Path) -> None:
    anchored = Journal(journal.engine, anchor=Anchor(tmp_path / "anchors" / "a.jsonl"))
    answers = Answers(Writer(anchored, "w"))
    for _ in range(50):
        answers.submit(entries(5))
    answers.writer.close()
    assert len(answers.wait(0).good) == 250
    answers.submit(entries(1))
    assert answers.errors == ["the journal is closed"]
    report = verify(journal.engine, read_anchors(tmp_path / "anchors" / "a.jsonl"))
    assert report.intact
    assert (report.records, report.loose) == (250, 0)
    answers.writer.close()


def test_ends_are_anchored_while_it_writes(journal: Journal, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    writer = Writer(Journal(journal.engine, anchor=Anchor(path)), anchor_every=0.05)
    for count in range(1, 4):
        writer.write(entries(2))
        until(path.exists)
        until(lambda end=2 * count: end in [each.head.seq for each in read_anchors(path)])
    anchors = read_anchors(path)
    writer.write(entries(2))
    writer.close()
    assert verify(journal.engine, anchors).intact
    assert read_anchors(path)[-1].head.seq == 8


def test_an_anchor_that_cannot_be_written_stops_nothing(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    writer = Writer(
        Journal(journal.engine, anchor=Anchor(tmp_path / "file" / "a")), anchor_every=0.01
    )
    writer.write(entries(1))
    time.sleep(0.05)
    writer.write(entries(1))
    writer.close()
    assert verify(journal.engine).records == 2


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_two_processes_on_one_database(url: str, journal: Journal, tmp_path: Path) -> None:
    files = [tmp_path / "acknowledged1", tmp_path / "acknowledged2"]
    running = [
        subprocess.Popen([sys.executable, str(LOAD), url, str(path), "30"]) for path in files
    ]
    assert [process.wait(60) for process in running] == [0, 0]
    acknowledged = [line for path in files for line in path.read_text().splitlines()]
    assert len(acknowledged) == 2 * 8 * 60
    assert holds(journal, acknowledged) == 0
    assert len(verify(journal.engine).segments) == 2


def keep_submitting(answers: Answers, ended: threading.Event) -> None:
    while not ended.is_set():
        answers.submit(entries(2))
        time.sleep(0.002)


@contextmanager
def under_load(answers: Answers) -> Iterator[None]:
    ended = threading.Event()
    threads = [threading.Thread(target=keep_submitting, args=(answers, ended)) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def works(answers: Answers) -> None:
    """Wait until it acknowledges again."""
    before = len(answers.good)
    until(lambda: len(answers.good) > before)


@pytest.mark.integration
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("quiet")
def test_postgresql_that_goes_and_comes(
    journal: Journal, answers: Answers, postgres: Server
) -> None:
    with under_load(answers):
        for _ in range(3):
            works(answers)
            postgres.stop()
            until(lambda: answers.writer.problem is not None)
            postgres.start()
    answers.wait()
    works_now = Answers(answers.writer)
    works_now.submit(entries(1))
    assert works_now.wait().good
    assert answers.errors
    unknown = holds(journal, answers.good + works_now.good)
    assert unknown <= len(answers.errors) * 2
    assert answers.writer.problem is None


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
@pytest.mark.usefixtures("quiet")
def test_postgresql_that_hangs(journal: Journal, answers: Answers, postgres: Server) -> None:
    with under_load(answers):
        works(answers)
        postgres.signal(signal.SIGSTOP)
        until(lambda: answers.writer.problem is not None)
        postgres.signal(signal.SIGCONT)
        works(answers)
    answers.wait()
    assert answers.errors
    holds(journal, answers.good)


@pytest.mark.integration
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_postgresql_that_was_restarted_while_nobody_wrote(
    journal: Journal, answers: Answers, postgres: Server
) -> None:
    answers.submit(entries(1))
    answers.wait()
    time.sleep(1.2)
    postgres.stop()
    postgres.start()
    answers.submit(entries(1))
    answers.wait()
    assert not answers.errors
    assert holds(journal, answers.good) == 0


def test_a_log_says_nothing_of_what_was_to_be_written(
    journal: Journal, answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    batch = entries(1, name="Ada Lovelace")
    answers.submit(batch)
    answers.wait()
    answers.submit(batch)
    journal.engine.dispose()
    answers.wait()
    with sqlite3.connect(str(journal.engine.url.database)) as other:
        other.execute("DROP TABLE records")
    answers.submit(batch)
    answers.wait()
    assert len(answers.errors) == 2
    told = caplog.text + "".join(answers.errors)
    assert "no such table: records" in told
    assert "Ada" not in told
    assert batch[0].id not in told


@pytest.mark.integration
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("waited", [0.2, 1.2])
@pytest.mark.usefixtures("quiet")
def test_postgresql_that_goes_while_nobody_writes(
    answers: Answers, postgres: Server, waited: float
) -> None:
    """Within a second of a write its connection was not given back yet; later it was. Told soon."""
    answers.submit(entries(1))
    answers.wait()
    time.sleep(waited)
    postgres.stop()
    try:
        until(lambda: answers.writer.problem is not None)  # nobody has to write
        answers.submit(entries(1))
        answers.wait()
        assert len(answers.errors) == 1
        assert answers.writer.problem is not None
    finally:
        postgres.start()
    until(lambda: answers.writer.problem is None)
    answers.submit(entries(1))
    assert len(answers.wait().good) == 2


def test_a_connection_that_cannot_be_given_back(journal: Journal, answers: Answers) -> None:
    answers.submit(entries(1))
    answers.wait()

    def fails(*_: object) -> None:
        raise sqlite3.OperationalError("the server is gone")

    sa.event.listen(journal.engine, "checkin", fails)
    time.sleep(1.5)
    sa.event.remove(journal.engine, "checkin", fails)
    answers.submit(entries(1))
    assert len(answers.wait().good) == 2
    assert answers.writer.problem is None
    assert holds(journal, answers.good) == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ended_is_told(answers: Answers) -> None:
    """Whatever ended it, nobody waits for ever."""

    def ends(_: Exception | None) -> None:
        raise SystemExit

    settled(answers.writer)
    answers.writer.submit(entries(1), ends)
    answers.submit(entries(1))
    until(lambda: answers.writer.problem == "the journal's writer has ended")
    answers.submit(entries(1))
    answers.wait(1)
    assert answers.errors[-1] == "the journal's writer has ended"
