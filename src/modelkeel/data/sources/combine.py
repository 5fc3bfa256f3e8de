"""Several sources as one table: rows stacked, lookups joined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from modelkeel.data.sources.columns import ROW, SOURCE, stack
from modelkeel.data.sources.landed import Landed
from modelkeel.data.sources.writing import write_parquet
from modelkeel.errors import BadInput

_KEY, _FOUND = "_key_{}", "_found"


@dataclass(frozen=True)
class Combined:
    """The one table.

    Attributes:
        path: its Parquet file.
        rows: how many it has.
        unmatched: rows without a partner, by the lookup's name.
    """

    path: Path
    rows: int
    unmatched: dict[str, int]


def combine(
    sources: list[Landed],
    out: Path,
    change: Callable[[pl.LazyFrame], pl.LazyFrame] = lambda frame: frame,
) -> Combined:
    """Stack the sources without `join`, and left-join the others to them.

    Args:
        sources: in the order of params.yaml.
        out: the file to write.
        change: a last step for the table, such as pseudonyms.

    Raises:
        BadInput: stacked sources have other columns, a lookup lacks a key or repeats one, or
            brings a column that is there already.
        KeelError: the disk is full.
    """
    table = _stacked([each for each in sources if each.source.join is None])
    unmatched = {}
    for lookup in (each for each in sources if each.source.join is not None):
        table, missing = _joined(table, lookup)
        unmatched[lookup.source.name] = missing

    def explain(found: str) -> BadInput:
        return BadInput(
            f"sources: cannot be combined: {found.splitlines()[0]}",
            remedy="look at the types of the columns that are stacked or joined",
        )

    rows = write_parquet(out, change(table), explain)
    return Combined(out, rows, unmatched)


def _scan(landed: Landed) -> pl.LazyFrame:
    return pl.scan_parquet(landed.path, glob=False)


def _stacked(parts: list[Landed]) -> pl.LazyFrame:
    frames = [_scan(part) for part in parts]
    if len(frames) == 1:
        return frames[0]
    names = frames[0].collect_schema().names()
    for part, frame in zip(parts[1:], frames[1:], strict=True):
        other = frame.collect_schema().names()
        lacks = [name for name in names if name not in other]
        extra = [name for name in other if name not in names]
        if lacks or extra:
            said = [f"lacks {name!r}" for name in lacks[:1]]
            said += [f"has {name!r} too" for name in extra[:1]]
            first = ", ".join(name for name in names if name != ROW)
            raise BadInput(
                f"{part.source.location}: {' and '.join(said)}; the columns of "
                f"{parts[0].source.location} are: {first}",
                remedy=f"use `rename` of {part.source.name}, or `join` if it is a lookup",
            )
    named = [
        frame.with_columns(pl.lit(part.source.name).alias(SOURCE))
        for part, frame in zip(parts, frames, strict=True)
    ]
    return stack(named)


def _joined(table: pl.LazyFrame, lookup: Landed) -> tuple[pl.LazyFrame, int]:
    keys = lookup.source.join.on if lookup.source.join else []
    right = _scan(lookup).drop(ROW)
    left_schema, right_schema = table.collect_schema(), right.collect_schema()
    where = lookup.source.location
    for key in keys:
        for schema, place in ((left_schema, "the rows"), (right_schema, where)):
            if key not in schema:
                raise BadInput(
                    f"{where}: join: {place} have no column {key!r}"
                    if place != where
                    else f"{where}: join: has no column {key!r}",
                    remedy=f"correct `join` or `rename` of {lookup.source.name} in params.yaml",
                )
    both = [name for name in right_schema if name in left_schema and name not in keys]
    if both:
        raise BadInput(
            f"{where}: brings a column {both[0]!r} that the rows have already",
            remedy=f"use `rename` of {lookup.source.name}, or add it to `join.on`",
        )
    _refuse_repeated(lookup, keys)
    return _left_join(table, right, keys)


def _left_join(
    table: pl.LazyFrame, right: pl.LazyFrame, keys: list[str]
) -> tuple[pl.LazyFrame, int]:
    """Keys of other types, such as 7 and "7", are compared as text."""
    left_schema, right_schema = table.collect_schema(), right.collect_schema()
    as_text = [key for key in keys if left_schema[key] != right_schema[key]]
    names = {key: _KEY.format(place) for place, key in enumerate(keys)}

    def key_of(key: str) -> pl.Expr:
        column = pl.col(key).cast(pl.String) if key in as_text else pl.col(key)
        return column.alias(names[key])

    left = table.with_columns(key_of(key) for key in keys)
    brought = [name for name in right_schema if name not in keys]
    right = right.select(*(key_of(key) for key in keys), *brought, pl.lit(True).alias(_FOUND))
    joined = left.join(right, on=list(names.values()), how="left", maintain_order="left")
    missing = joined.select(pl.col(_FOUND).is_null().sum()).collect(engine="streaming").item()
    return joined.drop(*names.values(), _FOUND), int(missing)


def _refuse_repeated(lookup: Landed, keys: list[str]) -> None:
    """Two partners would make two rows of one. Values stay out of the message."""
    rows = _scan(lookup).filter(pl.all_horizontal(pl.col(keys).is_not_null()))
    repeated = (
        rows.group_by(keys)
        .agg(pl.col(ROW).sort().head(2), pl.len().alias("_times"))
        .filter(pl.col("_times") > 1)
    )
    found = repeated.select(ROW, pl.col(ROW).list.first().alias("_first")).sort("_first")
    first = found.collect(engine="streaming")
    if first.is_empty():
        return
    one, other = first[ROW][0]
    raise BadInput(
        f"{lookup.source.location}: join: {', '.join(keys)} is not unique: rows {one} and {other} "
        f"have the same ({first.height} keys stand there more than once)",
        remedy="export one row a key, or add a key to `join.on`",
    )
