"""What a reader of files gives: rows that are not read yet, and what is known of the bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from modelkeel.errors import BadInput


@dataclass(frozen=True)
class Scanned:
    """A table to stream.

    Attributes:
        frame: the rows.
        sha256: digest of the file as it came.
        size: its bytes.
        explain: makes the error of what Polars says while it reads.
        empty: what to say if there are no rows.
    """

    frame: pl.LazyFrame
    sha256: str
    size: int
    explain: Callable[[str], BadInput]
    empty: str = "has no rows"
