from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from modelkeel.data.quality.history import Snapshot
from modelkeel.governance.data_history import DataHistory, Trained, joined

TIME = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)
QUALITY = {"rows": 10, "quarantined": 1, "share": 0.1}


def table(digest: str, day: int, **sources: str) -> Snapshot:
    inputs = [{"location": name, "sha256": sha} for name, sha in sources.items()]
    time = TIME + dt.timedelta(days=day)
    return Snapshot(
        Path("x.json"), digest, time, "c.yaml", "", inputs, QUALITY, {"rows": 9, "columns": {}}
    )


def model(version: str, *aliases: str, **data: str) -> Trained:
    return Trained(version, aliases, "d" * 64, data)


def test_versions_stand_with_the_table_that_trained_them() -> None:
    tables = [table("a" * 64, 0, first="1"), table("b" * 64, 1, first="2")]
    versions = [model("3", first="9"), model("2", "champion", first="2"), model("1", first="1")]
    found = joined(tables, versions)
    assert [(t.digest[0], [m.version for m in models]) for t, models in found.tables] == [
        ("b", ["2"]),
        ("a", ["1"]),
    ]
    assert [each.version for each in found.unknown] == ["3"]
    text = found.to_text()
    assert "2026-05-05  bbbbbbbbbbbbbbbb  10          1            version 2 (champion)" in text
    assert "evidence/data does not have: version 3" in text
    plain = json.loads(found.to_json())
    assert plain["tables"][0]["models"][0]["aliases"] == ["champion"]


def test_all_sources_have_to_be_the_same() -> None:
    tables = [table("a" * 64, 0, first="1", second="2")]
    (found,) = joined(tables, [model("1", first="1", second="3")]).tables
    assert found[1] == ()


def test_the_digest_of_the_table_decides_where_the_lineage_has_it() -> None:
    tables = [table("a" * 64, 0, first="1"), table("b" * 64, 1, first="1")]
    raw = Trained("1", (), "", {"first": "1", "data/raw.parquet": "a" * 64})
    newest, oldest = joined(tables, [raw]).tables
    assert (newest[1], oldest[1]) == ((), (raw,))


def test_it_says_that_there_is_nothing_or_why_nothing_is_known() -> None:
    assert "dvc repro" in DataHistory(()).to_text()
    found = joined([table("a" * 64, 0, first="1")], [], "MLflow does not answer")
    assert "models are not known: MLflow does not answer" in found.to_text()
