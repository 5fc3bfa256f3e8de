"""Tables of fixed width, as old systems export them: the layout says where each column stands."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from modelkeel.data.sources.columns import check_names
from modelkeel.data.sources.scanned import Scanned
from modelkeel.data.sources.text import open_text
from modelkeel.errors import BadInput
from modelkeel.records.sources import Source

_LINE = "line"


def scan_fixed_width(source: Source, file: Path, copy: Path, shown: str) -> Scanned:
    """The rows of a file of fixed width as text without the padding, not read yet.

    Raises:
        BadInput: the layout overlaps or the encoding is broken; while it is read: a line ends
            before its last column begins, or goes on after it.
    """
    layout = _spans(source)
    check_names(list(layout), shown)
    text = open_text(file, copy, encoding=source.encoding, shown=shown)
    # No NUL is in a checked text, so nothing is ever cut by it.
    whole = pl.scan_csv(
        text.path,
        infer_schema=False,
        has_header=False,
        separator="\0",
        quote_char=None,
        new_columns=[_LINE],
        raise_if_empty=False,
        glob=False,
    )
    _refuse_uneven(whole, layout, shown)
    line = pl.col(_LINE)
    missing = ["", *source.missing]
    columns = [
        line.str.slice(start, end - start).str.strip_chars().replace(missing, None).alias(name)
        for name, (start, end) in layout.items()
    ]

    def explain(found: str) -> BadInput:
        return BadInput(f"{shown}: {found.splitlines()[0]}", remedy="export the file again")

    return Scanned(whole.select(columns), text.sha256, text.size, explain)


def _spans(source: Source) -> dict[str, tuple[int, int]]:
    spans, at = {}, 0
    for name, given in source.layout.items():
        start, end = (at, at + given) if isinstance(given, int) else given
        if not at <= start < end:
            raise BadInput(
                f"params.yaml: sources: {source.name}: layout: {name}: [{start}, {end}] does not "
                f"begin at {at} or later and end after that",
                remedy="list the columns from left to right, each as a width or [start, end)",
            )
        spans[name], at = (start, end), end
    return spans


def _refuse_uneven(whole: pl.LazyFrame, layout: dict[str, tuple[int, int]], shown: str) -> None:
    last, end = list(layout.values())[-1]
    line = pl.col(_LINE).str.strip_chars_end("\r")
    whole_length, length = line.str.len_chars(), line.str.strip_chars_end().str.len_chars()
    uneven = (
        whole.with_row_index("row", 1)
        .filter((length > 0) & ((whole_length <= last) | (length > end)))
        .select("row", whole_length)
    )
    found = uneven.head(1).collect(engine="streaming")
    if found.is_empty():
        return
    row, size = found.row(0)
    raise BadInput(
        f"{shown}: row {row}: has {size} characters, the layout has its last column at "
        f"{last} to {end}",
        remedy="mend that row, or correct `layout` of the source in params.yaml",
    )
