"""Killed at any moment, the next run goes on; no row is lost or comes twice."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Answer, Endpoint, page_of

ROWS, PAGES = 60_000, 60
CODE = """
import pathlib, sys
import polars as pl
from modelkeel.data.sources import endpoint, land, sql
from modelkeel.records.sources import Source
sql._BATCH, endpoint._KEEP_ROWS = 700, 2000
name, url, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
more = {"table": "t", "watermark": "at"} if name == "sql" else {"records": "data.items"}
more |= {} if name == "sql" else {"page_param": "page"}
here = pathlib.Path.cwd()
landed = land(Source(name=name, url=url, **more), here, here / "work", here / "landing")
ids = pl.read_parquet(landed.path)["id"].to_list()
print(ids == list(range(rows)), len(ids), len(set(ids)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sql", "http"])
def test_a_kill_at_any_moment(tmp_path: Path, endpoint: Endpoint, kind: str) -> None:
    def pages(path: str, query: dict[str, str]) -> Answer:
        first = (int(query["page"]) - 1) * ROWS // PAGES
        last = min(first + ROWS // PAGES, ROWS)
        return page_of([{"id": n} for n in range(first, last)])

    endpoint.pages = pages
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("CREATE TABLE t (id INTEGER, at INTEGER)")
        rows = ((n, n // 7) for n in range(ROWS))
        database.executemany("INSERT INTO t VALUES (?, ?)", rows)
    database.close()
    url = "sqlite:///a.db" if kind == "sql" else endpoint.url + "/"
    command = [sys.executable, "-c", CODE, kind, url, str(ROWS)]
    moments, wait, kills = random.Random(7), 0.1, 0  # noqa: S311 - chosen moments
    for _ in range(40):
        running = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        try:
            said, _unused = running.communicate(timeout=wait)
        except subprocess.TimeoutExpired:
            running.kill()
            running.communicate()
            kills += 1
            wait = 1.1 * wait + moments.random() * 0.3  # until a busy machine gets there, too
            continue
        break
    assert said.split() == ["True", str(ROWS), str(ROWS)]
    assert kills
