from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelkeel.data.contract import Outcome
from modelkeel.data.digest import sha256_file
from modelkeel.data.quality.history import load, newest, record
from modelkeel.errors import BadInput
from modelkeel.project import Project


def test_a_table_is_kept_under_its_digest(project: Project, ingest) -> None:
    path = ingest(200, broken=3)
    digest = sha256_file(project.data_dir / "raw.parquet")
    assert path == project.root / "evidence" / "data" / f"{digest[:16]}.json"
    (kept,) = load(project)
    assert (kept.rows, kept.quarantined, kept.digest) == (200, 3, digest)
    assert kept.sources == {"data/source/table.csv": f"{1:064x}"}
    assert "_row" not in kept.profile["columns"]


def test_no_value_about_a_person_is_kept(project: Project, ingest) -> None:
    ingest()
    (kept,) = load(project)
    age = kept.profile["columns"]["age"]
    assert not {"min", "max", "quantiles", "shares"} & set(age)
    assert age["points"][0][0] > 20
    assert age["points"][-1][0] < 69


def test_the_same_table_is_not_written_again(project: Project, ingest) -> None:
    path = ingest()
    before = path.stat().st_mtime_ns, path.read_bytes()
    assert ingest() == path
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before
    assert len(load(project)) == 1


def test_another_contract_is_another_record_of_the_same_table(project: Project, ingest) -> None:
    path = ingest()
    contract = project.contract_path
    contract.write_text(
        contract.read_text(encoding="utf-8").replace(
            "housing, logicalType: string,",
            "housing, logicalType: string, classification: personal,",
        ),
        encoding="utf-8",
    )
    assert "rent" in path.read_text(encoding="utf-8")
    assert ingest() == path
    assert "rent" not in path.read_text(encoding="utf-8")


def test_the_newest_stands_last(project: Project, ingest) -> None:
    first, second = ingest(seed=1), ingest(seed=3)
    value = json.loads(second.read_text(encoding="utf-8"))
    second.write_text(json.dumps({**value, "time": "2999-01-01T00:00:00+00:00"}), encoding="utf-8")
    assert [each.path for each in load(project)] == [first, second]


def test_the_table_that_is_here_is_the_one_that_counts(project: Project, ingest) -> None:
    first, second = ingest(seed=1), ingest(seed=3)
    assert newest(project, load(project)).path == second
    ingest(seed=1)
    assert newest(project, load(project)).path == first
    (project.data_dir / "raw.parquet").write_bytes(b"another")
    with pytest.raises(BadInput, match=r"no record of data/raw\.parquet"):
        newest(project, load(project))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": "data/2"}',
        '{"schema": "data/1", "digest": 3}',
        "\x00",
    ],
)
def test_a_broken_file_is_named(project: Project, ingest, text: str) -> None:
    path: Path = ingest()
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=path.name):
        load(project)


def test_a_copy_under_another_name_is_no_record(project: Project, ingest) -> None:
    path: Path = ingest()
    path.rename(path.with_name("0123456789abcdef.json"))
    with pytest.raises(BadInput, match="is about the table"):
        load(project)


def test_a_missing_record_of_the_sources_is_said(project: Project, ingest) -> None:
    ingest().unlink()
    (project.data_dir / "inputs.json").unlink()
    with pytest.raises(BadInput, match=r"inputs\.json"):
        record(project, Outcome(1))
