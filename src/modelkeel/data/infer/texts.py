"""The distinct texts of a column, and how they are read."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from modelkeel.data.contract import Kind, Normalise

STRAY_SHARE, STRAY_TEXTS = 0.1, 20
"""Values that do not fit a column count as missing up to this share of rows, and so many texts."""


@dataclass(frozen=True)
class Texts:
    """The distinct trimmed texts of a column and the rows of each; empty ones left out."""

    text: pl.Series
    rows: pl.Series

    @property
    def total(self) -> int:
        """Rows that hold a text."""
        return int(self.rows.sum() or 0)

    def where(self, mask: pl.Series) -> Texts:
        """Those of a mask."""
        return Texts(self.text.filter(mask), self.rows.filter(mask))


@dataclass(frozen=True)
class Reading:
    """How a column of text is read; `doubts` say what was not certain."""

    kind: Kind
    normalise: Normalise = field(default_factory=Normalise)
    doubts: list[str] = field(default_factory=list)


def texts_of(column: pl.Series) -> Texts:
    """The distinct texts of a column, the most frequent first."""
    trimmed = column.cast(pl.String).str.strip_chars()
    counted = pl.DataFrame({"text": trimmed}).group_by("text").len("rows")
    counted = counted.filter(pl.col("text").is_not_null() & (pl.col("text") != ""))
    counted = counted.sort(["rows", "text"], descending=[True, False])
    return Texts(counted["text"], counted["rows"])


def stray(known: Texts, fits: pl.Series) -> tuple[tuple[str, ...], list[str]] | None:
    """What does not fit, as missing, with a doubt; None where it is too much."""
    rest = known.where(~fits)
    if rest.text.is_empty():
        return (), []
    if rest.total > STRAY_SHARE * known.total or len(rest.text) > STRAY_TEXTS:
        return None
    shown = ", ".join(repr(text) for text in rest.text.head(5).to_list())
    more = ", …" if len(rest.text) > 5 else ""
    return tuple(rest.text.to_list()), [
        (
            f"{rest.total} rows hold {shown}{more}, which does not fit the other values: "
            "read as missing"
        )
    ]
