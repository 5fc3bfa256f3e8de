from __future__ import annotations

import pytest

from modelkeel.errors import BadInput
from modelkeel.project import Project
from modelkeel.records.params import Params
from modelkeel.records.sources import Source, kind_of, locations

LIST = "sources: [{name: table, path: data/source/table.csv}]"


def load(project: Project, instead: str) -> Params:
    path = project.root / "params.yaml"
    path.write_text(path.read_text().replace(LIST, instead))
    return Params.load(path)


def test_the_old_key_says_how_to_rewrite_it(project: Project) -> None:
    with pytest.raises(BadInput, match=r"params.yaml:2: source: is now a list") as found:
        load(project, "source:\n  path: data/source/My Table-1.csv")
    written = found.value.remedy.partition("\n")[2]
    assert written == "sources:\n  - name: my_table_1\n    path: data/source/My Table-1.csv"
    path = project.root / "params.yaml"
    old = "source:\n  path: data/source/My Table-1.csv"
    path.write_text(path.read_text().replace(old, written))
    assert Params.load(path).sources[0].name == "my_table_1"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a/b.CSV", "csv"),
        ("a.csv.gz", "csv"),
        ("s3://bucket/x.parquet?versionId=1", "parquet"),
        ("a.tsv", "tsv"),
        ("a.xlsx", "excel"),
        ("a.ndjson", "jsonl"),
        ("a.dat", None),
        ("a", None),
    ],
)
def test_the_ending_tells_the_kind(path: str, kind: str | None) -> None:
    assert kind_of(path) == kind


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sources: []", "at least 1 item"),
        ("sources: [{name: A, path: a.csv}]", "match pattern"),
        ("sources: [{name: a, path: a.csv}, {name: a, path: b.csv}]", "two sources are named 'a'"),
        ("sources: [{name: a, path: a.csv, join: {on: [x]}}]", "every source has `join`"),
        ("sources: [{name: a, path: a.dat}]", "tells no kind; write kind: csv, tsv"),
        ("sources: [{name: a, path: a.csv, sheet: x}]", "kind csv has no 'sheet'"),
        ("sources: [{name: a, path: a.csv, fly: 1}]", "unknown key; known here: name, kind, path"),
        ("sources: [{name: a, path: a.txt, kind: fixed_width}]", "needs `layout`"),
        ("sources: [{name: a, kind: sql, url: 'sqlite:///a'}]", "needs `query` or `table`"),
        ("sources: [{name: a, kind: csv}]", "kind csv needs `path`"),
        ("sources: [{name: a, path: a.csv, encoding: martian}]", "'martian' is no encoding"),
        ("sources: [{name: a, path: a.xlsx, range: 3B}]", "'3B' is no range"),
        ("sources: [{name: a, url: 'http://x', next: a, cursor: b}]", "name one of `next`"),
    ],
)
def test_what_is_wrong_is_named(project: Project, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        load(project, text)


@pytest.mark.parametrize(
    "text",
    [
        "{name: a, url: 'postgresql://me:hunter2@db/x', table: t}",
        "{name: a, url: 'https://x/rows?api_key=hunter2'}",
        "{name: a, url: 'https://x', headers: {Authorization: 'Bearer hunter2'}}",
        "{name: a, path: 's3://b/a.csv', options: {secret: 'hunter2'}}",
    ],
)
def test_a_secret_in_the_file_is_refused(project: Project, text: str) -> None:
    with pytest.raises(BadInput, match="looks like a secret") as found:
        load(project, f"sources: [{text}]")
    assert "hunter2" not in str(found.value)
    path = project.root / "params.yaml"
    path.write_text(path.read_text().replace("hunter2", "${HUNTER}"))
    assert Params.load(path).sources[0].name == "a"


def test_locations_keep_sources_apart() -> None:
    sources = [
        Source(name="a", path="x.xlsx", sheet="1"),
        Source(name="b", path="x.xlsx", sheet="2"),
        Source(name="c", path="c.csv"),
        Source(name="d", url="sqlite:///d.db", table="t"),
    ]
    assert locations(sources) == {
        "a": "x.xlsx#a",
        "b": "x.xlsx#b",
        "c": "c.csv",
        "d": "sqlite:///d.db#d",
    }
