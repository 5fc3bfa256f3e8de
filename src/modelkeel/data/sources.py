"""Reads tables as they are: every value as text, with its row number in the file."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl

from modelkeel.errors import BadInput

ROW = "_row"
"""Name of the column that counts data rows from 1, the header not counted."""


def read_csv(path: Path) -> pl.DataFrame:
    """Read a CSV file with a header, values as text, empty ones as null, and a column `_row`.

    Raises:
        BadInput: the file is missing, is not UTF-8, repeats a header, has no rows, or has a row
            with more or fewer values than the header.
    """
    if not path.is_file():
        raise BadInput(f"{path}: no such file", remedy="set source.path in params.yaml")
    header = _header(path)
    try:
        frame = pl.read_csv(path, infer_schema=False, row_index_name=ROW, row_index_offset=1)
    except (pl.exceptions.ComputeError, pl.exceptions.NoDataError) as error:
        ragged = _first_ragged(path, len(header))
        found = ragged or str(error).splitlines()[0]
        raise BadInput(f"{path}: {found}", remedy="mend that row in the source") from None
    if frame.is_empty():
        raise BadInput(f"{path}: has a header and no rows", remedy="export the table again")
    if ragged := _first_ragged(path, len(header)):
        raise BadInput(f"{path}: {ragged}", remedy="mend that row in the source")
    return frame.with_columns(pl.col(ROW).cast(pl.Int64))


def require_columns(frame: pl.DataFrame, path: Path, columns: list[str], target: str) -> None:
    """Check that a table has the columns asked for.

    Raises:
        BadInput: naming the missing columns, the target first.
    """
    missing = [name for name in [target, *columns] if name not in frame.columns]
    if not missing:
        return
    role = "the target column" if missing[0] == target else "the column"
    others = f" (and {', '.join(missing[1:])})" if missing[1:] else ""
    present = ", ".join(name for name in frame.columns if name != ROW)
    raise BadInput(
        f"{path}: lacks {role} {missing[0]!r}{others}; it has: {present}",
        remedy="export the column, or name another in params.yaml and the contract",
    )


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
            for _ in iter(lambda: file.read(1 << 20), ""):
                pass
    except UnicodeDecodeError:
        raise BadInput(
            f"{path}: {_first_undecodable(path)}", remedy="save the table as UTF-8"
        ) from None
    if ROW in header:
        raise BadInput(
            f"{path}: row 0: has a header {ROW!r}, which is the name of the row number here",
            remedy="rename the column",
        )
    repeated = sorted({name for name in header if header.count(name) > 1})
    if not header or repeated:
        raise BadInput(
            f"{path}: row 0: " + (f"repeats the header {repeated}" if header else "is empty"),
            remedy="give each column a name of its own",
        )
    return header


def _first_ragged(path: Path, width: int) -> str:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.reader(file)):
            if row and len(row) != width:
                return f"row {number}: has {len(row)} values, the header has {width}"
    return ""


def _first_undecodable(path: Path) -> str:
    with path.open("rb") as file:
        for number, line in enumerate(file):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return f"row {number}: is not UTF-8: byte {line[error.start]:#04x}"
    return "is not UTF-8"
