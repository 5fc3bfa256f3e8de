"""Files that appear under their final name only when they are whole."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from modelkeel.errors import KeelError

_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; renamed to it when the block ends well.

    Raises:
        KeelError: the disk is full.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        _sync(beside)
        beside.replace(path)
        _sync(path.parent)
    except (OSError, pl.exceptions.PolarsError) as error:
        if disk_full(error):
            raise full(path) from None
        raise
    finally:
        beside.unlink(missing_ok=True)


def full(path: Path) -> KeelError:
    """What to say when the disk is full."""
    return KeelError(
        f"{path}: the disk is full; nothing was replaced",
        remedy=f"make room on the disk of {path.parent}, then run the same command again",
    )


def write_text(path: Path, text: str) -> None:
    """Write a small file whole."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_parquet(path: Path, frame: pl.LazyFrame, explain: Callable[[str], Exception]) -> int:
    """Stream a table to Parquet.

    Args:
        path: the file.
        frame: the rows, not read yet.
        explain: makes the error to raise of what Polars says of the input.

    Returns:
        The number of rows.

    Raises:
        KeelError: the disk is full, or what `explain` makes.
    """
    with replacing(path) as beside:
        try:
            frame.sink_parquet(beside, compression="zstd", compression_level=1)
        except (pl.exceptions.PolarsError, OSError) as error:
            if disk_full(error):
                raise
            raise explain(str(error)) from None
        return parquet_rows(beside)


def parquet_rows(path: Path) -> int:
    """How many rows a Parquet file has, by its footer."""
    return int(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())


def disk_full(error: BaseException) -> bool:
    """Whether an error of Python or Polars says that no more can be written."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    found = re.search(r"os error (\d+)", str(error))
    return found is not None and int(found[1]) in _FULL


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
