"""Names and types of columns, so that tables from several places fit together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from modelkeel.errors import BadInput

ROW = "_row"
"""Name of the column that counts data rows from 1, the header not counted."""

SOURCE = "_source"
"""Name of the column with the source's name, where several are stacked."""

_AS_TEXT = (pl.Categorical, pl.Enum, pl.Duration, pl.Time, pl.Null)
_RESERVED = {ROW: "the row number", SOURCE: "the source's name", "_reason": "what a row breaks"}


def require_columns(
    frame: pl.DataFrame | pl.LazyFrame | Sequence[str],
    path: Path | str,
    columns: list[str],
    target: str,
) -> None:
    """Check that a table has the columns asked for.

    Raises:
        BadInput: naming the missing columns, the target first.
    """
    if isinstance(frame, pl.LazyFrame):
        found = frame.collect_schema().names()
    else:
        found = list(frame.columns if isinstance(frame, pl.DataFrame) else frame)
    missing = [name for name in [target, *columns] if name not in found]
    if not missing:
        return
    role = "the target column" if missing[0] == target else "the column"
    others = f" (and {', '.join(missing[1:])})" if missing[1:] else ""
    present = ", ".join(name for name in found if name not in _RESERVED)
    raise BadInput(
        f"{path}: lacks {role} {missing[0]!r}{others}; it has: {present}",
        remedy="export the column, or name another in params.yaml and the contract",
    )


def check_names(names: Sequence[str], where: str, row: int = 0) -> None:
    """Refuse names that are missing, doubled or used here for something else.

    Args:
        names: as the source gives them.
        where: the source, for the message.
        row: the row they stand in.

    Raises:
        BadInput: naming the column.
    """
    if not names:
        raise BadInput(
            f"{where}: row {row}: is empty", remedy="export the table again, with a header"
        )
    for name in names:
        if name in _RESERVED:
            raise BadInput(
                f"{where}: row {row}: has a header {name!r}, which is the name of "
                f"{_RESERVED[name]} here",
                remedy="rename the column",
            )
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(
            f"{where}: row {row}: repeats the header {repeated}",
            remedy="give each column a name of its own",
        )
    if "" in names:
        raise BadInput(
            f"{where}: row {row}: column {names.index('') + 1} has no header",
            remedy="give each column a name of its own, or write `header: false`",
        )


def stack(frames: Sequence[pl.LazyFrame]) -> pl.LazyFrame:
    """Tables one under the other; a column missing in one is null there.

    A column whose types differ becomes the wider number, otherwise text.
    """
    schemas = [frame.collect_schema() for frame in frames]
    wide: dict[str, pl.DataType] = {}
    for schema in schemas:
        for name, dtype in schema.items():
            wide[name] = _wider(wide[name], dtype) if name in wide else dtype
    fitted = [
        frame.select(
            pl.col(name).cast(dtype) if name in schema else pl.lit(None, dtype).alias(name)
            for name, dtype in wide.items()
        )
        for frame, schema in zip(frames, schemas, strict=True)
    ]
    return fitted[0] if len(fitted) == 1 else pl.concat(fitted)


def _wider(one: pl.DataType, other: pl.DataType) -> pl.DataType:
    if one == other or other == pl.Null:
        return one
    if one == pl.Null:
        return other
    if one.is_integer() and other.is_integer():
        return pl.Int64()
    if one.is_numeric() and other.is_numeric():
        return pl.Float64()
    if one.is_temporal() and type(one) is type(other):
        return one
    return pl.String()


def plain(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Nested columns as JSON text, binary as hexadecimal, categories and durations as text."""
    changes = []
    for name, dtype in frame.collect_schema().items():
        column = pl.col(name)
        if isinstance(dtype, pl.Struct):
            text = column.struct.json_encode()
            changes.append(pl.when(column.is_not_null()).then(text).alias(name))
        elif isinstance(dtype, pl.List | pl.Array):
            boxed = pl.struct(column.alias("v")).struct.json_encode()
            boxed = boxed.str.strip_prefix('{"v":').str.strip_suffix("}")
            changes.append(pl.when(column.is_not_null()).then(boxed).alias(name))
        elif dtype == pl.Binary:
            changes.append(column.bin.encode("hex"))
        elif (
            isinstance(dtype, pl.Categorical | pl.Enum)
            or dtype in (pl.Duration, pl.Time)
            or dtype == pl.Null
        ):
            changes.append(column.cast(pl.String))
    return frame.with_columns(changes)
