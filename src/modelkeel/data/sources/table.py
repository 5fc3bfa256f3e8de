"""A table read into memory: a file named by its path, or one source of params.yaml."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl

from modelkeel.data.sources.landed import land
from modelkeel.errors import BadInput
from modelkeel.records.sources import Source


def read_csv(path: Path) -> pl.DataFrame:
    """Read a CSV file, values as text, empty ones as null, and a column `_row`.

    Raises:
        BadInput: the file is missing, is not UTF-8, repeats a header, has no rows, or has a row
            with more or fewer values than the header.
    """
    if not path.is_file():
        raise BadInput(f"{path}: no such file", remedy="correct the path")
    return read_source(Source(name="table", kind="csv", path=path.name), path.parent)


def read_source(source: Source, root: Path) -> pl.DataFrame:
    """Read one source whole, with `_row`; nothing is kept for later runs.

    Args:
        source: its settings.
        root: the folder that its path is relative to.

    Raises:
        BadInput: it is missing or broken, with the place.
        KeelError: it does not answer.
    """
    with tempfile.TemporaryDirectory(prefix="keel-") as folder:
        landed = land(source, root, Path(folder) / "work", Path(folder) / "landing")
        return pl.read_parquet(landed.path)
