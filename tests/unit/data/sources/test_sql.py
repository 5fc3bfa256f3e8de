from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelkeel.data.sources import Landed, sql
from modelkeel.errors import BadInput

from .conftest import rows

Read = Callable[..., Landed]
QUERY = {"url": "sqlite:///shop.db", "query": "SELECT id, at, name FROM sales;"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "shop.db")
    connection.execute('CREATE TABLE sales (id INTEGER, at TEXT, name TEXT, "x: y" REAL)')
    add(connection, *((n, f"2024-01-{n:02}", f"n{n}", n / 2) for n in range(1, 6)))
    yield connection
    connection.close()


def add(connection: sqlite3.Connection, *new: tuple[Any, ...]) -> None:
    connection.executemany("INSERT INTO sales VALUES (?, ?, ?, ?)", new)
    connection.commit()


@pytest.mark.usefixtures("database")
def test_types_are_those_of_the_database(read: Read) -> None:
    assert rows(read(**QUERY))[0] == (1, 1, "2024-01-01", "n1")
    whole = read(url=QUERY["url"], table="sales")
    assert rows(whole)[-1] == (5, 5, "2024-01-05", "n5", 2.5)
    assert whole.watermark is None


def test_mixed_types_become_text(read: Read, database: sqlite3.Connection) -> None:
    add(database, (6, None, 7, "many"))
    landed = read(url=QUERY["url"], query="SELECT name, \"x: y\", ':a' AS colon FROM sales")
    assert rows(landed)[-1] == (6, "7", "many", ":a")


def test_later_runs_read_from_the_watermark_on(
    read: Read, database: sqlite3.Connection, tmp_path: Path
) -> None:
    settings = {**QUERY, "watermark": "at"}
    assert read(**settings).watermark == "2024-01-05"
    # One more row of the newest day, two of later ones; what lies below is not read again.
    add(database, (50, "2024-01-05", "late", 0), (6, "2024-01-06", "n6", 0))
    database.execute("DELETE FROM sales WHERE id = 1")
    database.commit()
    landed = read(**settings)
    assert sorted(row[1] for row in rows(landed)) == [1, 2, 3, 4, 5, 6, 50]
    assert landed.watermark == "2024-01-06"
    assert [row[1] for row in rows(read(**settings))] == [row[1] for row in rows(landed)]
    # Another query means other rows.
    assert len(rows(read(url=QUERY["url"], query="SELECT * FROM sales", watermark="at"))) == 6


def test_a_run_that_stops_goes_on(
    read: Read, database: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(database, *((n, f"2024-02-{n // 4:02}", "", 0) for n in range(4, 60)))
    monkeypatch.setattr(sql, "_BATCH", 5)
    real, seen = sql.frame_of_columns, []

    def stops(columns: dict[str, list[Any]]) -> Any:
        seen.append(columns)
        if len(seen) == 5:
            raise BadInput("the connection is gone")
        return real(columns)

    settings = {**QUERY, "watermark": "at"}
    with monkeypatch.context() as patch:
        patch.setattr(sql, "frame_of_columns", stops)
        with pytest.raises(BadInput, match="gone"):
            read(**settings)
    landed = read(**settings)
    assert [row[1] for row in rows(landed)] == [*range(1, 6), *range(4, 60)]


def test_a_watermark_that_does_not_serve(read: Read, database: sqlite3.Connection) -> None:
    add(database, (6, None, "", 0))
    with pytest.raises(BadInput, match="watermark at: is null in 1 rows"):
        read(**QUERY, watermark="at")
    with pytest.raises(BadInput, match=r"no such column: when|gives no column 'when'"):
        read(**QUERY, watermark="when")


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({**QUERY, "query": "SELEC 1"}, r"sqlite:///shop.db: near .*: syntax error"),
        ({**QUERY, "query": "SELECT * FROM clients"}, "no such table: clients"),
        ({**QUERY, "query": "SELECT * FROM sales WHERE id > 99"}, "has no rows"),
        ({**QUERY, "url": "sqlite:///other.db"}, "other.db: no such file"),
        ({**QUERY, "url": "oracle://scott@127.0.0.1/x"}, "its driver is not installed"),
        ({**QUERY, "url": "paradox://x/y"}, "url: Can't load plugin"),
        ({**QUERY, "url": "sqlite:///${KEEL_NOWHERE}.db"}, "KEEL_NOWHERE is not set"),
    ],
)
def test_what_the_database_refuses(read: Read, settings: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=said) as found:
        read(**settings)
    assert found.value.remedy
