"""Sealing, erasing and pruning in a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import ProgrammingError

from modelkeel.errors import KeelError, Refused
from modelkeel.journal.erase import erase_person
from modelkeel.journal.retention import Retention, prune
from modelkeel.journal.store import Journal
from modelkeel.journal.tables import day_keys, records, subjects
from modelkeel.journal.verify import verify

from .people import ADA, BOB, DAY, MASTER, count, identity, inputs_of, now, prediction

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Any, str]]:
    pgserver = pytest.importorskip("pgserver", reason="no PostgreSQL for this Python")
    # Started by root, the server runs as another user, who must reach its folder.
    folder = Path(tempfile.mkdtemp(prefix="keel-pg-"))
    folder.chmod(0o711)
    server = pgserver.get_server(folder / "data", cleanup_mode="stop")
    yield server, f"postgresql://postgres@/postgres?unix_sock={folder}/data/.s.PGSQL.5432"
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def url(server: tuple[Any, str]) -> str:
    server[0].psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public;")
    return server[1]


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    opened = Journal.open(url, master=MASTER)
    yield opened
    opened.engine.dispose()


def test_a_batch_has_one_key_a_person(journal: Journal, url: str) -> None:
    journal.write([prediction(each, f"person {each % 7}") for each in range(300)])
    journal.write([prediction(400, "person 3"), prediction(401)])
    assert count(journal, subjects) == 7
    assert inputs_of(journal, 299) is not None
    assert inputs_of(journal, 401) is not None
    with pytest.raises(Refused, match="not the one"):
        Journal.open(url, master=os.urandom(32))


def test_a_person_is_erased(journal: Journal, tmp_path: Path) -> None:
    journal.write([prediction(1, ADA), prediction(2, BOB)])
    done = erase_person(journal, tmp_path / "list.jsonl", ADA, by="officer", reason="Art 17")
    assert (done.records, done.payloads) == (1, 1)
    assert inputs_of(journal, 1) is None
    assert inputs_of(journal, 2) is not None
    assert verify(journal.engine).intact


def test_old_payloads_and_segments_go(journal: Journal) -> None:
    journal.write([prediction(1, ADA, at=now() - 201 * DAY)])
    journal.write([prediction(2, at=now() - 31 * DAY), prediction(3)])
    done = prune(journal, Retention(30, 200), by="operator")
    assert (done.payloads, done.days, done.segments, done.records) == (1, 1, 1, 1)
    assert journal.reader().get(identity(1)) is None
    assert inputs_of(journal, 2) is None
    assert inputs_of(journal, 3) is not None
    assert count(journal, day_keys) == 1
    assert verify(journal.engine).intact


GRANTS = """
CREATE ROLE keel_server LOGIN;
GRANT USAGE ON SCHEMA public TO keel_server;
GRANT SELECT ON alembic_version TO keel_server;
GRANT SELECT, INSERT ON records TO keel_server;
GRANT SELECT, INSERT, UPDATE ON segments, subjects, day_keys, standing TO keel_server;
"""


def test_a_server_that_may_change_no_record(
    server: tuple[Any, str], journal: Journal, tmp_path: Path
) -> None:
    """The rights that docs/how-to/journal.md gives a server are enough."""
    server[0].psql("DROP ROLE IF EXISTS keel_server;" + GRANTS)
    limited = Journal.open(server[1].replace("postgres@", "keel_server@"), master=MASTER)
    limited.write([prediction(1, ADA), prediction(2)])
    limited.write([prediction(3, ADA)])
    assert inputs_of(limited, 3) is not None
    with pytest.raises(ProgrammingError, match="permission denied"), limited.engine.begin() as own:
        own.execute(records.delete())
    listed = tmp_path / "list.jsonl"
    with pytest.raises(KeelError, match="may not erase: permission denied") as raised:
        erase_person(limited, listed, ADA, by="officer", reason="")
    assert "owns the tables" in raised.value.remedy
    with pytest.raises(KeelError, match="may not prune: permission denied"):
        prune(limited, Retention(30, 200), by="operator", now=now() + 201 * DAY)
    assert not listed.exists()
    assert not list(journal.reader().find(kind="event"))  # nothing tells of what did not happen
    limited.engine.dispose()
    assert verify(journal.engine).intact
    guide = (Path(__file__).parents[3] / "docs/how-to/journal.md").read_text(encoding="utf-8")
    assert all(line in guide for line in GRANTS.strip().splitlines()[1:])
