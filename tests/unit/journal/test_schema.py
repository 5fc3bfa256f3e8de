"""The schema: the same however it came to be, upgraded with what is in it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from modelkeel.errors import BadInput, KeelError
from modelkeel.journal.append import Appender
from modelkeel.journal.entry import Entry
from modelkeel.journal.schema import HEAD, revision_of, upgrade
from modelkeel.journal.standing import swap_standing
from modelkeel.journal.store import Journal
from modelkeel.journal.url import engine_of, shown
from modelkeel.journal.verify import verify

from .conftest import KINDS, Server, entries

FIRST = "0001"


def shape(engine: sa.Engine) -> dict[str, Any]:
    """Tables, columns, keys and indexes."""
    found = sa.inspect(engine)
    return {
        table: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)],
            found.get_pk_constraint(table)["constrained_columns"],
            sorted(tuple(each["column_names"]) for each in found.get_unique_constraints(table)),
            sorted(
                (str(each["name"]), *each["column_names"], *map(str, _where(each)))
                for each in found.get_indexes(table)
            ),
        )
        for table in sorted(found.get_table_names())
    }


def _where(index: Any) -> list[Any]:
    """What a partial index is restricted to."""
    return [value for name, value in index.get("dialect_options", {}).items() if "where" in name]


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_made_at_once_or_step_by_step_it_is_the_same(
    url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    at_once = engine_of(url)
    upgrade(at_once)
    whole = shape(at_once)
    at_once.dispose()
    if url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path / 'other.db'}"
    else:
        server: Server = request.getfixturevalue("postgres")
        server.clear()
    stepwise = engine_of(url)
    upgrade(stepwise, FIRST)
    assert revision_of(stepwise) == FIRST
    upgrade(stepwise)
    assert revision_of(stepwise) == HEAD
    assert shape(stepwise) == whole
    stepwise.dispose()


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_an_upgrade_keeps_what_is_there(url: str) -> None:
    engine = engine_of(url)
    upgrade(engine, FIRST)
    appender = Appender(Journal(engine), "old")
    appender.append(entries(20))
    before = list(Journal(engine).reader().find())
    journal = Journal.open(url)
    assert revision_of(journal.engine) == HEAD
    assert list(journal.reader().find()) == before
    appender.append(entries(5))  # whoever wrote before goes on
    appender.close()
    swap_standing(journal.engine, "credit", 0, {}, "ada", "new")
    report = verify(journal.engine)
    assert report.intact
    assert report.records == 26
    engine.dispose()
    journal.engine.dispose()


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_a_schema_of_a_newer_version_is_left_alone(url: str) -> None:
    journal = Journal.open(url)
    with journal.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(KeelError, match="has the schema 9999") as raised:
        Journal.open(url)
    assert raised.value.remedy is not None
    journal.engine.dispose()


@pytest.mark.parametrize("url", KINDS, indirect=True)
def test_many_processes_start_at_once(url: str) -> None:
    code = "import sys; from modelkeel.journal.store import Journal; Journal.open(sys.argv[1])"
    running = [subprocess.Popen([sys.executable, "-c", code, url]) for _ in range(4)]
    assert [process.wait(60) for process in running] == [0] * 4
    engine = engine_of(url)
    assert revision_of(engine) == HEAD
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "cannot be in memory"),
        ("sqlite:///:memory:", "cannot be in memory"),
        ("mysql://u:secret@h/d", "cannot be in mysql"),
        ("no url", "cannot be read"),
    ],
    indirect=False,
)
def test_where_a_journal_cannot_be(url: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as raised:
        Journal.open(url)
    assert "secret" not in str(raised.value)


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    url = f"postgresql://u:secret@/d?unix_sock={tmp_path / 'none'}"
    assert "secret" not in shown(url)
    with pytest.raises(KeelError, match=r"the journal at .* cannot be opened") as raised:
        Journal.open(url)
    assert "secret" not in str(raised.value)


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("x" * 5000)
    with pytest.raises(KeelError, match="file is not a database"):
        Journal.open(f"sqlite:///{tmp_path / 'journal.db'}")
    (tmp_path / "file").touch()
    with pytest.raises(KeelError, match="cannot be opened"):
        Journal.open(f"sqlite:///{tmp_path / 'file' / 'journal.db'}")


@pytest.mark.integration
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_commit_waits_for_the_disk_where_the_server_would_not(url: str, postgres: Server) -> None:
    postgres.running.psql("ALTER DATABASE postgres SET synchronous_commit = off;")
    try:
        engine = engine_of(url)
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SHOW synchronous_commit")) == "on"
            connection.rollback()
            assert connection.scalar(sa.text("SHOW synchronous_commit")) == "on"
        engine.dispose()
    finally:
        postgres.running.psql("ALTER DATABASE postgres RESET synchronous_commit;")


def test_a_commit_waits_for_the_disk_in_sqlite(journal: Journal) -> None:
    with journal.engine.connect() as connection:
        assert connection.scalar(sa.text("PRAGMA synchronous")) == 2
        assert connection.scalar(sa.text("PRAGMA journal_mode")) == "wal"


def test_an_id_is_there_once(journal: Journal) -> None:
    (entry,) = entries(1)
    journal.write([entry])
    again = Entry(entry.id, "event", 1, b"{}")
    with pytest.raises(KeelError, match="UNIQUE constraint failed"):
        journal.write([again])


def wrong_key(journal: Journal) -> None:
    journal.write(entries(1))


def newer_schema(journal: Journal) -> None:
    with journal.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))


@pytest.mark.parametrize("make", [wrong_key, newer_schema])
def test_a_journal_that_is_refused_is_let_go(tmp_path: Path, make: Callable[..., None]) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    journal = Journal.open(url, master=bytes(32))
    make(journal)
    journal.engine.dispose()
    with pytest.raises(KeelError) as caught:
        Journal.open(url, master=b"x" * 32)
    held = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    assert not [each for each in held if str(tmp_path) in each]
    assert caught.value.remedy


def test_a_driver_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """`uv pip install` would be undone by the next `uv sync`."""
    monkeypatch.setitem(sys.modules, "pg8000", None)
    command = "uv add 'modelkeel[postgres]'"
    with pytest.raises(BadInput, match="driver is not installed") as raised:
        engine_of("postgresql://keel@db.example/journal")
    assert raised.value.remedy == f"install the extra: {command}"
    assert command in (Path(__file__).parents[3] / "docs/how-to/journal.md").read_text("utf-8")
