"""Journals in SQLite and in a real PostgreSQL, which can be stopped, started and frozen."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modelkeel.journal.entry import Entry
from modelkeel.journal.events import new_entry
from modelkeel.journal.store import Journal
from modelkeel.journal.verify import verify

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)]


@dataclass(frozen=True)
class Server:
    """A PostgreSQL for tests."""

    running: Any
    url: str

    def clear(self) -> None:
        self.running.psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public;")

    def stop(self) -> None:
        """At once, as in a crash of the machine; what was committed stays."""
        pid = self.running.get_pid()
        os.kill(pid, signal.SIGQUIT)
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.02)

    def start(self) -> None:
        self.running.ensure_postgres_running()

    def signal(self, number: signal.Signals) -> None:
        """To the processes that serve a connection."""
        import psutil  # comes with pgserver

        for child in psutil.Process(self.running.get_pid()).children():
            child.send_signal(number)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    pgserver = pytest.importorskip("pgserver", reason="no PostgreSQL for this Python")
    # Started by root, the server runs as another user, who must reach its folder.
    folder = Path(tempfile.mkdtemp(prefix="keel-pg-"))
    folder.chmod(0o711)
    running = pgserver.get_server(folder / "data", cleanup_mode="stop")
    socket = folder / "data" / ".s.PGSQL.5432"
    yield Server(running, f"postgresql://postgres@/postgres?unix_sock={socket}")
    running.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: SQLite, or what the test names as its parameter."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path / 'journal.db'}"
    server: Server = request.getfixturevalue("postgres")
    server.clear()
    return server.url


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    opened = Journal.open(url)
    yield opened
    opened.engine.dispose()


def until(holds: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def entries(count: int, **said: Any) -> list[Entry]:
    """Predictions, each with a payload."""
    made = [new_entry("prediction", {"n": n} | said) for n in range(count)]
    for each in made:
        each.payload = b'{"amount":1}'
    return made


def holds(journal: Journal, acknowledged: list[str]) -> int:
    """See that the chain holds and has each id once; how many records there are beside."""
    report = verify(journal.engine)
    assert report.intact, report
    there = [record.id for record in journal.reader().find()]
    assert len(there) == len(set(there)) == report.records
    assert len(acknowledged) == len(set(acknowledged))
    missing = set(acknowledged) - set(there)
    assert not missing, f"{len(missing)} of {len(acknowledged)} are missing"
    return len(there) - len(acknowledged)
