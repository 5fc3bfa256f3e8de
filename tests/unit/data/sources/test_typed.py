"""Excel, Parquet and JSON lines keep their types."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from modelkeel.data.sources import Landed, records
from modelkeel.errors import BadInput

from .conftest import rows

Read = Callable[..., Landed]


def day(number: int) -> dt.datetime:
    """Excel knows no time zones."""
    return dt.datetime(2024, 1, number)  # noqa: DTZ001


@pytest.fixture
def book(tmp_path: Path) -> str:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Data"
    table = [
        ["id", "amount", "at", "code", "mixed"],
        [1, 1.5, day(2), "01", 3],
        [2, 2, day(3), "02", "many"],
    ]
    for row, values in enumerate(table, 3):
        for column, value in enumerate(values, 2):
            sheet.cell(row, column, value)
    sheet["B7"] = "total"
    merged = book.create_sheet("Merged")
    merged.append(["name", "spend", None])
    merged.append(["a", 1, 2])
    merged.merge_cells("B1:C1")
    book.create_sheet("Empty")
    book.save(tmp_path / "book.xlsx")
    return "book.xlsx"


def test_a_range_of_a_sheet(read: Read, book: str) -> None:
    landed = read(path=book, sheet="Data", range="b3:f5")
    assert rows(landed) == [
        (1, 1, 1.5, day(2), "01", "3"),
        (2, 2, 2.0, day(3), "02", "many"),
    ]


def test_a_whole_sheet(read: Read, book: str) -> None:
    landed = read(path=book)
    assert [row[:2] for row in rows(landed)] == [(1, "1"), (2, "2"), (4, "total")]
    assert landed.blank == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sheet": "Merged"}, r"sheet 'Merged': column 3 has values and no header"),
        ({"sheet": "Other"}, r"has no sheet 'Other'; it has: Data, Merged, Empty"),
        ({"sheet": "Empty"}, r"sheet 'Empty': is empty"),
        ({"range": "B4:F5"}, r"book.xlsx"),
    ],
)
def test_a_sheet_that_is_no_table(
    read: Read, book: str, settings: dict[str, str], said: str
) -> None:
    if settings == {"range": "B4:F5"}:
        assert len(rows(read(path=book, **settings))) == 1
        return
    with pytest.raises(BadInput, match=said) as found:
        read(path=book, **settings)
    assert found.value.remedy


def test_a_workbook_that_is_none(read: Read, tmp_path: Path, book: str) -> None:
    content = (tmp_path / book).read_bytes()
    for broken in (b"junk", content[: len(content) // 2], b""):
        (tmp_path / "broken.xlsx").write_bytes(broken)
        with pytest.raises(BadInput, match="cannot be read as a workbook"):
            read(path="broken.xlsx")


def test_parquet_keeps_types_and_unnests(read: Read, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"n": [1, 2], "d": [dt.date(2024, 1, 1), None], "l": [[1, 2], None], "s": [{"x": 1}, None]}
    )
    frame.write_parquet(tmp_path / "t.parquet")
    assert rows(read(path="t.parquet")) == [
        (1, 1, dt.date(2024, 1, 1), "[1,2]", '{"x":1}'),
        (2, 2, None, None, None),
    ]


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_parquet_file_that_is_cut_off(read: Read, tmp_path: Path, kept: float) -> None:
    pl.DataFrame({"n": range(100_000)}).write_parquet(tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(BadInput, match=re.escape(str(tmp_path / "t.parquet"))) as found:
        read(path="t.parquet")
    assert "is no whole Parquet file" in str(found.value)
    assert not (tmp_path / "work" / "table.parquet").exists()


def test_a_parquet_file_that_is_damaged_inside(read: Read, tmp_path: Path) -> None:
    pl.DataFrame({"n": range(200_000)}).write_parquet(tmp_path / "t.parquet")
    content = bytearray((tmp_path / "t.parquet").read_bytes())
    content[4:200] = b"\xff" * 196
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(BadInput, match="is no whole Parquet file"):
        read(path="t.parquet")
    assert list((tmp_path / "work").rglob("*.par*")) == []


def test_json_lines(read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[dict[str, Any]] = [
        {"a": 1, "b": "x", "n": {"k": [1]}},
        {"a": 2, "c": True},
        {"a": 2.5, "b": 7},
        {"a": 1, "c": "no"},
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    expected = [
        (1, 1.0, "x", '{"k": [1]}', None),
        (2, 2.0, None, None, "true"),
        (3, 2.5, "7", None, None),
        (4, 1.0, None, None, "no"),
    ]
    for batch in (1, 2, 50_000):
        monkeypatch.setattr(records, "_BATCH", batch)
        assert rows(read(path="t.jsonl")) == expected


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a": 1}\n{"a":\n', r"row 2: is no JSON: Expecting value at character"),
        (b'{"a": 1}\n\n[1]\n', r"row 3: is no JSON object"),
        (b'{"a": NaN}\n', r"row 1: is no JSON: NaN is no JSON number"),
        (b'{"a": "\xff"}\n', r"row 0: is not UTF-8"),
        (b'{"_row": 1}\n', r"has a header '_row'"),
        (b"[" * 200_000 + b"\n", r"row 1: is no JSON"),
        (b"\n", r"has no rows"),
    ],
)
def test_lines_that_are_no_json(read: Read, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "t.jsonl").write_bytes(content)
    with pytest.raises(BadInput, match=said):
        read(path="t.jsonl")
