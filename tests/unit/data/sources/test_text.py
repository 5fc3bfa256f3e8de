"""Delimited text and fixed width: what is detected, what is refused, and where."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkeel.data.sources import Landed, read_source
from modelkeel.errors import BadInput, KeelError
from modelkeel.records.sources import Source

from .conftest import Endpoint, rows

Read = Callable[..., Landed]
TEXT = "größe,b\n1,é\n"


def put(folder: Path, content: bytes, name: str = "table.csv") -> str:
    (folder / name).write_bytes(content)
    return name


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"a;b\n1,5;2,5\n2,5;3\n", [("1,5", "2,5"), ("2,5", "3")]),
        (b"a\tb\n1\t2\n", [("1", "2")]),
        (b"a|b\r\n1|2\r\n", [("1", "2")]),
        (b"a,b\r1,2\r3,4\r", [("1", "2"), ("3", "4")]),
        (b"name\nx, y\nz\n", [("x, y",), ("z",)]),
        (b'a,b\n"x, 1","say ""hi"""\n', [("x, 1", 'say "hi"')]),
        (b'a,b\n"one\ntwo",2\n', [("one\ntwo", "2")]),
        (b'a,b\n5" pipe,2\n', [('5" pipe', "2")]),
        (b"1,2\n3,4\n", [("1", "2"), ("3", "4")]),
        (b"x,2020-01-01\ny,2020-02-01\n", [("x", "2020-01-01"), ("y", "2020-02-01")]),
    ],
)
def test_the_dialect_is_detected(
    read: Read, tmp_path: Path, content: bytes, found: list[tuple[str, ...]]
) -> None:
    assert [row[1:] for row in rows(read(path=put(tmp_path, content)))] == found


def test_settings_win(read: Read, tmp_path: Path) -> None:
    path = put(tmp_path, b"1,'a;b';NA\n2;c,d;-\n")
    landed = read(path=path, delimiter=";", quote="", header=False, missing=["NA", "-"])
    frame = pl.read_parquet(landed.path)
    assert frame.columns == ["_row", "column_1", "column_2", "column_3"]
    assert frame.rows() == [(1, "1,'a", "b'", None), (2, "2", "c,d", None)]
    path = put(tmp_path, b"2019,2020\n1,2\n")
    assert rows(read(path=path, header=True)) == [(1, "1", "2")]


def test_names_that_are_missing_are_numbered(read: Read, tmp_path: Path) -> None:
    landed = read(path=put(tmp_path, b", a ,b,\n0,1,2,\n"))
    assert pl.read_parquet(landed.path).columns == ["_row", "column_1", "a", "b", "column_4"]


def test_blank_rows_are_counted_and_keep_their_number(read: Read, tmp_path: Path) -> None:
    landed = read(path=put(tmp_path, b"a,b\n1,2\n,\n\n3,4\n\n"))
    assert rows(landed) == [(1, "1", "2"), (4, "3", "4")]
    assert landed.blank == 2


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT.encode(), None),
        (codecs.BOM_UTF8 + TEXT.encode(), "cp1252"),
        (TEXT.encode("utf-16"), None),
        (TEXT.encode("utf-32"), None),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("cp1252"), "cp1252"),
        (TEXT.encode("cp850"), "cp850"),
        (TEXT.encode(), "cp1252"),
        (gzip.compress(TEXT.encode(), mtime=0), None),
    ],
)
def test_encodings(read: Read, tmp_path: Path, content: bytes, encoding: str | None) -> None:
    packed = content.startswith(b"\x1f\x8b")
    path = put(tmp_path, content, "table.csv.gz" if packed else "table.csv")
    frame = pl.read_parquet(read(path=path, encoding=encoding).path)
    assert (frame.columns[1], frame.rows()) == ("größe", [(1, "1", "é")])


@pytest.mark.parametrize(
    ("content", "settings", "said"),
    [
        (TEXT.encode("cp1252"), {}, r"row 0: is not UTF-8: byte 0xf6"),
        (b"a\n\x81\n", {"encoding": "cp1252"}, r"after row 0: is not cp1252"),
        (
            b"a\n" + "é\n".encode("cp1252") + b"x\n" + "é\n".encode(),
            {"encoding": "cp1252"},
            r"row 3 is UTF-8 and row 1 is not: two encodings in one file",
        ),
        (b"a,b\n1\0,2\n", {}, r"row 1: holds a NUL byte"),
        (b"a\n\0\xff\n", {"encoding": "cp1252"}, r"row 1: holds a NUL byte"),
        (b'a,b\n"x"y,2\n', {}, r"row 1: has a quote that is not closed, or not doubled"),
        (b'a,b\n1,2\n"x,2\n', {}, r"row 2: has a quote that is not closed"),
        (b'a,b\n"x\ny",2\n1\n3,4\n', {}, r"row 2: has 1 values, the header has 2"),
        (b"1,2\n3\n", {"header": False, "delimiter": ","}, r"row 2: has 1 values, the first has 2"),
        (b"a,_source\n1,2\n", {}, r"has a header '_source'"),
        (b"a,b\n,\n", {}, r"has a header and no rows"),
        (gzip.compress(b"a\n" * 9999, mtime=0)[:-9], {"path": "table.csv.gz"}, r"is cut off"),
    ],
)
def test_what_is_broken_is_named(
    read: Read, tmp_path: Path, content: bytes, settings: dict[str, Any], said: str
) -> None:
    path = put(tmp_path, content, settings.get("path", "table.csv"))
    with pytest.raises(BadInput, match=said) as found:
        read(**{"path": path, **settings})
    assert str(tmp_path / path) in str(found.value)
    assert found.value.remedy
    assert not (tmp_path / "work" / "table.parquet").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_line_without_end_is_refused_early(tmp_path: Path) -> None:
    """Two gigabytes, within 400 MB and a few seconds."""
    with (tmp_path / "table.csv").open("wb") as file:
        file.write(b"a,b\n1,2\n")
        file.write(b"x" * (20 << 20))
        file.truncate(2 << 30)
    code = f"""
        import pathlib
        from modelkeel.data.sources import read_source
        from modelkeel.errors import BadInput
        from modelkeel.records.sources import Source
        for kind in ("csv", "jsonl", "fixed_width"):
            more = {{"layout": {{"a": 3}}}} if kind == "fixed_width" else {{}}
            try:
                source = Source(name="t", kind=kind, path="table.csv", **more)
                read_source(source, pathlib.Path({str(tmp_path)!r}))
            except BadInput as error:
                print(error)
        # Not getrusage: that begins with the peak of the process that started this one.
        status = pathlib.Path("/proc/self/status").read_text()
        print(status.partition("VmHWM:")[2].split()[0])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    *said, peak = done.stdout.splitlines()
    assert len(said) == 3
    assert all("row 2: is longer than 16 MiB" in line for line in said)
    assert int(peak) < 400_000


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read(read: Read, tmp_path: Path) -> None:
    path = put(tmp_path, b"a,b\n1,2\n")
    (tmp_path / path).chmod(0)
    with pytest.raises(BadInput, match=r"table.csv: cannot be read: Permission denied"):
        read(path=path)


def test_a_quote_that_never_closes_is_refused(read: Read, tmp_path: Path) -> None:
    path = put(tmp_path, b'a,b\n"x,2\n' + b"some,more\n" * (3 << 20))
    with pytest.raises(BadInput, match="a quote is never closed"):
        read(path=path)


LAYOUT = {"id": 3, "day": 8, "name": [12, 18]}


def test_fixed_width(read: Read, tmp_path: Path) -> None:
    content = "00120240101  Jörg \r\n\r\n00220240102 Bob\r\n".encode("cp1252")
    landed = read(kind="fixed_width", path=put(tmp_path, content), layout=LAYOUT, encoding="cp1252")
    assert rows(landed) == [(1, "001", "20240101", "Jörg"), (3, "002", "20240102", "Bob")]


@pytest.mark.parametrize(
    ("content", "layout", "said"),
    [
        (b"00120240101  Anna\n002202401\n", LAYOUT, r"row 2: has 9 characters"),
        (b"00120240101  Annamaria\n", LAYOUT, r"row 1: has 22 characters"),
        (b"001\n", {"a": 3, "b": [2, 5]}, r"layout: b: \[2, 5\] does not begin at 3"),
    ],
)
def test_fixed_width_that_does_not_fit(
    read: Read, tmp_path: Path, content: bytes, layout: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        read(kind="fixed_width", path=put(tmp_path, content), layout=layout)


_value = st.text(
    st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), min_size=1, max_size=6
)


@settings(max_examples=60)
@given(
    table=st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(_value, min_size=width, max_size=width), min_size=1, max_size=6
        )
    ),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    table: list[list[str]],
    delimiter: str,
    encoding: str,
) -> None:
    folder = tmp_path_factory.mktemp("written")
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([[f"c{n}" for n in range(len(table[0]))], *table])
    (folder / "t.csv").write_bytes(text.getvalue().encode(encoding))
    source = Source(name="t", path="t.csv", delimiter=delimiter, header=True)
    frame = read_source(source, folder)
    assert [list(row[1:]) for row in frame.rows()] == table


def test_a_file_behind_a_url(read: Read, tmp_path: Path, endpoint: Endpoint) -> None:
    put(tmp_path, b"a,b\n1,2\n")
    assert rows(read(path=(tmp_path / "table.csv").as_uri())) == [(1, "1", "2")]
    with pytest.raises(BadInput, match=r"nosuch://x/a.csv: cannot be opened: Protocol not known"):
        read(path="nosuch://x/a.csv")
    pytest.importorskip("aiohttp")
    endpoint.pages = lambda path, query: (200 if path == "/a.csv" else 404, {}, b"a\nx\n")
    assert rows(read(path=endpoint.url + "/a.csv")) == [(1, "x")]
    with pytest.raises(BadInput, match=r"b.csv: no such file"):
        read(path=endpoint.url + "/b.csv")
    with pytest.raises(KeelError, match=r"http://127.0.0.1:1/a.csv: cannot be read"):
        read(path="http://127.0.0.1:1/a.csv")
