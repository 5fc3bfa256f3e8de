from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from modelkeel.data.sources import land
from modelkeel.data.sources.combine import Combined, combine
from modelkeel.errors import BadInput
from modelkeel.records.sources import Source


def together(folder: Path, *sources: dict[str, Any]) -> Combined:
    landed = []
    for settings in sources:
        content = settings.pop("content")
        (folder / settings["path"]).write_text(content)
        landed.append(land(Source(**settings), folder, folder / "work", folder / "landing"))
    return combine(landed, folder / "out.parquet")


def source(name: str, content: str, **settings: Any) -> dict[str, Any]:
    return {"name": name, "path": f"{name}.csv", "content": content, **settings}


def test_rows_are_stacked_with_their_source(tmp_path: Path) -> None:
    done = together(
        tmp_path,
        source("one", "a,b\n1,x\n2,y\n"),
        source("two", "B;a\nz;3\n", rename={"B": "b"}),
    )
    frame = pl.read_parquet(done.path)
    assert frame.columns == ["_row", "a", "b", "_source"]
    assert frame.rows() == [(1, "1", "x", "one"), (2, "2", "y", "one"), (1, "3", "z", "two")]
    assert done.rows == 3


def test_types_that_differ_become_text(tmp_path: Path) -> None:
    two = source("two", '{"a": 7}\n', kind="jsonl")
    done = together(tmp_path, source("one", "a\n07\n"), two)
    assert pl.read_parquet(done.path)["a"].to_list() == ["07", "7"]


def test_lookups_add_columns_and_count_what_they_lack(tmp_path: Path) -> None:
    done = together(
        tmp_path,
        source("rows", "id,place\n1,A\n2,B\n3,\n4,A\n"),
        source(
            "places", "Code,country\nA,FI\n,XX\n,YY\n", rename={"Code": "place"}, join=on("place")
        ),
        source(
            "people", '{"id": 1, "age": 30}\n{"id": 4, "age": 50}\n', kind="jsonl", join=on("id")
        ),
    )
    assert pl.read_parquet(done.path).rows() == [
        (1, "1", "A", "FI", 30),
        (2, "2", "B", None, None),
        (3, "3", None, None, None),
        (4, "4", "A", "FI", 50),
    ]
    assert done.unmatched == {"places": 2, "people": 2}


def on(*keys: str) -> dict[str, list[str]]:
    return {"on": list(keys)}


ROWS = "id,place\n1,A\n2,B\n"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (source("two", "id,town\n1,A\n"), r"two.csv: lacks 'place' and has 'town' too"),
        (source("two", "id\n1\n"), r"two.csv: lacks 'place'; the columns of rows.csv are: id"),
        (
            source("two", "place,c\nA,1\nB,2\nA,3\n", join=on("place")),
            r"rows 1 and 3 have the same",
        ),
        (source("two", "x,c\nA,1\n", join=on("place")), r"two.csv: join: has no column 'place'"),
        (source("two", "x,c\nA,1\n", join=on("x")), r"the rows have no column 'x'"),
        (source("two", "id,place\n1,A\n", join=on("id")), r"brings a column 'place'"),
    ],
)
def test_what_does_not_fit_together(tmp_path: Path, other: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said) as found:
        together(tmp_path, source("rows", ROWS), dict(other))
    assert found.value.remedy
    assert not (tmp_path / "out.parquet").exists()


def test_a_rename_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"has no column 'x' to rename; it has: id, place"):
        together(tmp_path, source("rows", ROWS, rename={"x": "y"}))
    with pytest.raises(BadInput, match=r"repeats the header \['id'\]"):
        together(tmp_path, source("rows", ROWS, rename={"place": "id"}))
