"""Excel and OpenDocument sheets: one table with one header row, in a sheet or a range of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from modelkeel.data.digest import sha256_file
from modelkeel.data.sources.columns import check_names
from modelkeel.data.sources.scanned import Scanned
from modelkeel.errors import BadInput
from modelkeel.records.sources import Source

if TYPE_CHECKING:
    from fastexcel import ExcelReader


def scan_excel(source: Source, file: Path, shown: str) -> Scanned:
    """The rows of a sheet with the types that its cells have.

    Raises:
        BadInput: the file is no workbook, the sheet is missing, or a column has values and no
            header of its own, as under merged cells.
    """
    import fastexcel

    try:
        book = fastexcel.read_excel(file)
        sheet = source.sheet or book.sheet_names[0]
        frame = _table(book, sheet, source.range, f"{shown}: sheet {sheet!r}")
    except fastexcel.SheetNotFoundError:
        raise BadInput(
            f"{shown}: has no sheet {source.sheet!r}; it has: {', '.join(book.sheet_names)}",
            remedy="correct `sheet` of the source in params.yaml",
        ) from None
    except (fastexcel.FastExcelError, OSError) as error:
        raise BadInput(
            f"{shown}: cannot be read as a workbook: {str(error).splitlines()[0]}",
            remedy="save it again as .xlsx, without a password",
        ) from None

    def explain(found: str) -> BadInput:
        return BadInput(f"{shown}: {found.splitlines()[0]}", remedy="save the sheet again")

    return Scanned(frame.lazy(), sha256_file(file), file.stat().st_size, explain)


def _table(book: ExcelReader, sheet: str, cells: str | None, shown: str) -> pl.DataFrame:
    place = _place(cells)
    top = {**place, "header_row": None, "n_rows": 1}
    body = dict(place)
    if cells:
        body["header_row"] = body.pop("skip_rows")
        body["n_rows"] -= 1
    header = pl.DataFrame(book.load_sheet(sheet, **top, dtypes="string"))
    frame = pl.DataFrame(book.load_sheet(sheet, **body))
    if header.is_empty():
        raise BadInput(f"{shown}: is empty", remedy="correct `sheet` or `range` of the source")
    names = [str(name or "").strip() for name in header.row(0)]
    kept = [
        place
        for place, name in enumerate(names)
        if name or frame.to_series(place).null_count() < frame.height
    ]
    names = [names[place] for place in kept]
    if "" in names:
        raise BadInput(
            f"{shown}: column {kept[names.index('')] + 1} has values and no header; the header "
            f"row reads: {', '.join(repr(name) for name in names[:8])}",
            remedy="give each column one header of its own (unmerge cells), or say where the "
            "table stands: range: A3:F200",
        )
    check_names(names, shown)
    frame = frame.select(pl.nth(*kept)).rename(
        dict(zip([frame.columns[place] for place in kept], names, strict=True))
    )
    return frame.with_columns(_whole(frame[name]) for name in names)


def _place(cells: str | None) -> dict[str, Any]:
    """The range in the words of fastexcel."""
    if cells is None:
        return {}
    left, first, right, last = re.fullmatch(r"([A-Z]+)(\d+):([A-Z]+)(\d+)", cells).groups()  # type: ignore[union-attr]
    rows = int(last) - int(first) + 1
    return {"skip_rows": int(first) - 1, "n_rows": rows, "use_columns": f"{left}:{right}"}


def _whole(column: pl.Series) -> pl.Series:
    """Excel knows one kind of number: whole ones become integers again."""
    if column.dtype != pl.Float64 or column.null_count() == len(column):
        return column
    fits = column.is_finite() & (column.abs() < 2**53) & (column == column.floor())
    return column.cast(pl.Int64) if fits.all() else column
