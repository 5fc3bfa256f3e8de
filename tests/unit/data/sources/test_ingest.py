from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
import textwrap

import polars as pl
import pytest

from modelkeel.data.sources import current_digests, ingest, input_digests
from modelkeel.errors import BadInput
from modelkeel.model.lineage import lineage_of
from modelkeel.project import Project, load_project

from .conftest import Endpoint, page_of

SOURCE = "sources: [{name: table, path: data/source/table.csv}]"
FILE = "data/source/table.csv"


def with_sources(project: Project, text: str) -> Project:
    path = project.root / "params.yaml"
    path.write_text(path.read_text().replace(SOURCE, "sources:\n" + textwrap.indent(text, "  ")))
    return load_project(project.root)


def test_one_table_and_what_was_read(project: Project) -> None:
    done = ingest(project)
    assert done.to_text() == f"40 rows read\n  table: 40 rows of {FILE}"
    assert pl.read_parquet(project.data_dir / "raw.parquet").height == 40
    record = json.loads((project.data_dir / "inputs.json").read_text())
    content = (project.root / FILE).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert record == {
        "rows": 40,
        "sources": [
            {
                "name": "table",
                "kind": "csv",
                "location": FILE,
                "rows": 40,
                "blank": 0,
                "bytes": len(content),
                "sha256": digest,
                "watermark": None,
                "unmatched": None,
            }
        ],
    }
    assert sorted(path.name for path in project.data_dir.iterdir()) == [
        "inputs.json",
        "landing",
        "raw.parquet",
        "source",
    ]
    assert list((project.data_dir / "landing").iterdir()) == []
    assert input_digests(project) == current_digests(project) == {FILE: digest}


def test_equal_inputs_give_equal_bytes(project: Project) -> None:
    files = [project.data_dir / name for name in ("raw.parquet", "inputs.json")]
    ingest(project)
    first = [path.read_bytes() for path in files]
    ingest(project)
    assert [path.read_bytes() for path in files] == first


def test_the_lineage_holds_what_was_read_not_what_is_there(project: Project) -> None:
    ingest(project)
    read = input_digests(project)
    (project.root / FILE).write_text("risk,amount,housing,age\n1,2,own,30\n")
    assert lineage_of(project).data[FILE] == read[FILE]
    assert current_digests(project)[FILE] != read[FILE]


def test_before_any_ingest_files_are_digested(project: Project) -> None:
    assert list(input_digests(project)) == [FILE]
    (project.data_dir / "inputs.json").write_text("[]")
    with pytest.raises(BadInput, match=r"inputs.json: is no record of an ingest"):
        input_digests(project)


def test_several_kinds_come_together(project: Project, endpoint: Endpoint) -> None:
    endpoint.pages = lambda path, query: page_of([{"id": n, "age": n} for n in range(40)])
    with sqlite3.connect(project.root / "shop.db") as database:
        database.execute("CREATE TABLE homes (id INTEGER, housing TEXT)")
        database.executemany("INSERT INTO homes VALUES (?, 'own')", [(n,) for n in range(39)])
    database.close()
    lines = ["risk,amount,id", *(f"{n % 2},{n},{n}" for n in range(40))]
    (project.root / FILE).write_text("\n".join(lines))
    project = with_sources(
        project,
        f"""\
- {{name: table, path: {FILE}}}
- {{name: homes, url: "sqlite:///shop.db", table: homes, watermark: id, join: {{on: [id]}}}}
- {{name: ages, url: "{endpoint.url}/", records: data.items, join: {{on: [id]}}}}
""",
    )
    done = ingest(project)
    assert "homes: 39 rows of sqlite:///shop.db#homes, 1 rows found no partner" in done.to_text()
    assert "up to 38" in done.to_text()
    frame = pl.read_parquet(done.path)
    assert frame.columns == ["_row", "risk", "amount", "id", "housing", "age"]
    assert frame.row(39) == (40, "1", "39", "39", None, 39)
    assert set(input_digests(project)) == {FILE, "sqlite:///shop.db#homes", f"{endpoint.url}/"}
    # What has a watermark is kept to go on from; what is read anew each time is not.
    landing = project.data_dir / "landing"
    assert [path.name for path in landing.iterdir()] == ["homes"]
    assert landing.joinpath("homes").stat().st_mode & 0o077 == 0


def test_a_missing_target_changes_nothing(project: Project) -> None:
    ingest(project)
    before = (project.data_dir / "raw.parquet").read_bytes()
    text = (project.root / FILE).read_text()
    (project.root / FILE).write_text(text.replace("risk", "riks"))
    with pytest.raises(BadInput, match=r"table.csv: lacks the target column 'risk'"):
        ingest(project)
    assert (project.data_dir / "raw.parquet").read_bytes() == before


FULL = """
import resource, sys
from modelkeel.data.sources import ingest
from modelkeel.errors import run_stage
from modelkeel.project import load_project
limit = int(sys.argv[1])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
run_stage(lambda: print(ingest(load_project()).to_text()))
"""


def run(project: Project, limit: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", FULL, str(limit)],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("limit", [1, 200, 3_000, 60_000, 100_000])
def test_a_full_disk_leaves_the_last_files(project: Project, limit: int) -> None:
    ingest(project)
    files = [project.data_dir / name for name in ("raw.parquet", "inputs.json")]
    before = [path.read_bytes() for path in files]
    lines = ["risk,amount,housing,age", *(f"1,{n * 7919 % 99991},own,{n}" for n in range(60_000))]
    (project.root / FILE).write_text("\n".join(lines))
    done = run(project, limit)
    assert done.returncode == 1, done.stderr
    assert "the disk is full" in done.stderr
    assert "remedy: make room" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.read_bytes() for path in files] == before
    assert list((project.data_dir / "landing").rglob("*.part")) == []
    done = run(project)
    assert done.returncode == 0, done.stderr
    assert "60000 rows read" in done.stdout


def test_a_full_disk_while_fetching_goes_on(project: Project, endpoint: Endpoint) -> None:
    lines = [
        {"risk": 1, "amount": n * 7919 % 9973, "housing": "own", "age": n} for n in range(9000)
    ]
    with sqlite3.connect(project.root / "shop.db") as database:
        database.execute("CREATE TABLE t (risk, amount, housing, age INTEGER)")
        database.executemany("INSERT INTO t VALUES (:risk, :amount, :housing, :age)", lines)
    database.close()
    endpoint.pages = lambda path, query: page_of([{"age": n} for n in range(9000)])
    project = with_sources(
        project,
        f"""\
- {{name: table, url: "sqlite:///shop.db", table: t, watermark: age}}
- {{name: more, url: "{endpoint.url}/", records: data.items, join: {{on: [age]}}}}
""",
    )
    failed = run(project, 20_000)
    assert failed.returncode == 1, failed.stderr
    assert "the disk is full" in failed.stderr
    assert not (project.data_dir / "raw.parquet").exists()
    assert run(project).returncode == 0
    assert pl.read_parquet(project.data_dir / "raw.parquet")["age"].to_list() == list(range(9000))
