"""Writes a lazy table to Parquet so that the file appears only when it is whole."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl


def written_whole(table: pl.LazyFrame, path: Path) -> None:
    """Stream a table to a file beside `path`, and rename it when it is on the disk.

    Raises:
        OSError: there is no room, or the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        table.sink_parquet(part, maintain_order=True, engine="streaming")
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
