"""Tables of delimited text: what stands between, around and above the values, and ragged rows."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from modelkeel.data.sources.columns import check_names
from modelkeel.data.sources.scanned import Scanned
from modelkeel.data.sources.text import MAX_LINE, lines, open_text
from modelkeel.errors import BadInput
from modelkeel.records.sources import Source

_DELIMITERS = ",;\t|"
_SAMPLE_ROWS, _SAMPLE_CHARACTERS, _BLOCK = 200, 1 << 18, 4 << 20
_NUMBER = re.compile(r"[+-]?(\d{1,3}([., ]\d{3})+|\d+)?([.,]\d+)?([eE][+-]?\d+)?%?")
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}([T ][\d:.]+Z?)?")


@dataclass(frozen=True)
class Dialect:
    """How a table is written: `quote` is None where no value is quoted."""

    delimiter: str
    quote: str | None
    header: bool


def scan_delimited(source: Source, file: Path, copy: Path, shown: str) -> Scanned:
    """The rows of a CSV or TSV file as text, not read yet.

    Args:
        source: its settings; what they leave out is detected.
        file: the file on this machine.
        copy: where a copy in UTF-8 may be written.
        shown: the source, for messages.

    Raises:
        BadInput: the encoding, the header or a row is broken, with its place.
    """
    text = open_text(file, copy, encoding=source.encoding, shown=shown)
    dialect = detect(text.path, source)
    names = _names(text.path, dialect, shown)
    if not _even(text.path, dialect, len(names), shown) and (
        problem := _first_broken(text.path, dialect, len(names))
    ):
        raise BadInput(f"{shown}: {problem}", remedy="mend that row in the source")

    def explain(found: str) -> BadInput:
        problem = _first_broken(text.path, dialect, len(names))
        return BadInput(
            f"{shown}: {problem or found.splitlines()[0]}", remedy="mend that row in the source"
        )

    try:
        frame = pl.scan_csv(
            text.path,
            infer_schema=False,
            has_header=dialect.header,
            separator=dialect.delimiter,
            quote_char=dialect.quote,
            null_values=source.missing or None,
            new_columns=names,
            raise_if_empty=False,
            glob=False,
        )
        frame.collect_schema()
    except pl.exceptions.PolarsError as error:
        raise explain(str(error)) from None
    empty = "has a header and no rows" if dialect.header else "has no rows"
    return Scanned(frame, text.sha256, text.size, explain, empty)


def detect(path: Path, source: Source) -> Dialect:
    """Conclude the delimiter, the quote and the header from the first rows; settings win.

    The delimiter is the one that cuts most rows into the same number of values as the header; a
    header is missing only where its own row holds numbers or dates above a column of them.
    """
    sample = _sample(path)
    quote = '"' if source.quote is None else source.quote
    delimiter = source.delimiter or ("\t" if source.kind == "tsv" else None)
    if delimiter is None:
        delimiter = max(_DELIMITERS, key=lambda each: _evenness(sample, each, quote))
    used = quote if quote and _quoted(path, delimiter, quote) else None
    header = source.header
    if header is None:
        rows = list(_rows(iter(sample), Dialect(delimiter, used, True)))
        header = not _looks_like_data(rows)
    return Dialect(delimiter, used, header)


def _sample(path: Path) -> list[str]:
    found, size = [], 0
    for line in islice(lines(path), _SAMPLE_ROWS):
        size += len(line)
        found.append(line)
        if size > _SAMPLE_CHARACTERS:
            break
    return found


def _evenness(sample: list[str], delimiter: str, quote: str) -> tuple[bool, float, int]:
    rows = [row for row in _rows(iter(sample), Dialect(delimiter, quote or None, True)) if row]
    if not rows:
        return False, 0.0, 0
    width, often = Counter(len(row) for row in rows).most_common(1)[0]
    if len(rows[0]) == 1 and width > 1:
        return False, 0.0, 0
    return width > 1, often / len(rows), width


def _looks_like_data(rows: list[list[str]]) -> bool:
    rows = [row for row in rows if row]
    if len(rows) < 2:
        return False
    first, rest = rows[0], rows[1:]
    for place, value in enumerate(first):
        below = [row[place].strip() for row in rest if place < len(row) and row[place].strip()]
        if below and _is_value(value.strip()) and all(_is_value(each) for each in below):
            return True
    return False


def _is_value(text: str) -> bool:
    return bool(text) and bool(_NUMBER.fullmatch(text) or _DATE.fullmatch(text))


def _names(path: Path, dialect: Dialect, shown: str) -> list[str]:
    first = next(_rows(lines(path), dialect), [])
    if not dialect.header and first:
        return [f"column_{number}" for number in range(1, len(first) + 1)]
    # Exports with an index column, or with a delimiter at the end, leave a name empty.
    names = [name.strip() or f"column_{place}" for place, name in enumerate(first, 1)]
    names = names if any(name.strip() for name in first) else []
    check_names(names, shown)
    return names


def _rows(found: Iterator[str], dialect: Dialect) -> Iterator[list[str]]:
    if dialect.quote is None:
        yield from csv.reader(found, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE)
    else:
        yield from csv.reader(found, delimiter=dialect.delimiter, quotechar=dialect.quote)


def _quoted(path: Path, delimiter: str, quote: str) -> bool:
    """Whether any value begins with the quote; if none does, a quote is a mere character."""
    mark, between = quote.encode(), delimiter.encode()
    pattern = re.compile(b"(?:^|[\n" + re.escape(between) + b"])" + re.escape(mark))
    tail = b"\n"
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(_BLOCK), b""):
            if mark in chunk and pattern.search(tail + chunk.removeprefix(b"\xef\xbb\xbf")):
                return True
            tail = chunk[-1:]
    return False


def _even(path: Path, dialect: Dialect, width: int, shown: str) -> bool:
    """Whether there are as many delimiters as all rows together need: one quick pass.

    Polars refuses a row that is too long and fills one that is too short, so the sum tells.
    """
    if width == 1:
        return True
    between, mark = dialect.delimiter.encode(), (dialect.quote or "").encode()
    quoted = re.compile(mark + b"[^" + re.escape(mark) + b"]*" + mark) if mark else None
    delimiters = rows = 0
    for block in _blocks(path, mark, shown):
        outside = quoted.sub(b"x", block) if quoted and mark in block else block
        delimiters += outside.count(between)
        rows += outside.count(b"\n") + (not outside.endswith(b"\n"))
        if outside.startswith((b"\n", b"\r\n")) or b"\n\n" in outside or b"\n\r\n" in outside:
            rows -= len(re.findall(rb"(?m)^\r?\n", outside))
    return delimiters == rows * (width - 1)


def _blocks(path: Path, mark: bytes, shown: str) -> Iterator[bytes]:
    """The file cut after line ends that stand outside quotes."""
    rest = b""
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(_BLOCK), b""):
            rest += chunk
            cut = _last_line_end(rest, mark)
            if cut:
                yield rest[:cut]
                rest = rest[cut:]
            elif len(rest) > MAX_LINE + _BLOCK:
                raise BadInput(
                    f"{shown}: a value of more than {MAX_LINE >> 20} MiB: a quote is never closed",
                    remedy='mend the quotes, or write quote: "" if no value is quoted',
                )
    if rest:
        yield rest


def _last_line_end(block: bytes, mark: bytes) -> int:
    cut = block.rfind(b"\n") + 1
    if not mark:
        return cut
    before = block.count(mark, 0, cut)
    while cut and before % 2:
        earlier = block.rfind(b"\n", 0, cut - 1) + 1
        before -= block.count(mark, earlier, cut)
        cut = earlier
    return cut


def _first_broken(path: Path, dialect: Dialect, width: int) -> str:
    """The first row of the wrong width, or with a quote that is neither doubled nor closed."""
    number = 0 if dialect.header else 1
    reader = (
        csv.reader(lines(path), delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE)
        if dialect.quote is None
        else csv.reader(
            lines(path), delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True
        )
    )
    above = "the header has" if dialect.header else "the first has"
    limit = csv.field_size_limit(MAX_LINE)
    try:
        for row in reader:
            if row and len(row) != width:
                return f"row {number}: has {len(row)} values, {above} {width}"
            number += 1
    except csv.Error:
        return f"row {number}: has a quote that is not closed, or not doubled inside a value"
    finally:
        csv.field_size_limit(limit)
    return ""
