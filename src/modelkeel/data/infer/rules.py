"""What may occur in a column, concluded from what did: ranges with slack, closed lists."""

from __future__ import annotations

import math
from dataclasses import replace

import polars as pl

from modelkeel.data.contract import Column
from modelkeel.data.infer.roles import Concluded

MAX_ENUM = 30
_ROWS_A_VALUE = 20
_CODES = 20
_SLACK = 1.0  # as many spans as were seen, on either side
_SENTINELS = (-9.0, -99.0, -999.0, -9999.0, 99.0, 999.0, 9999.0, 99999.0)


def with_rules(given: Concluded, values: pl.Series, classes: list[str]) -> Concluded:
    """The column with its range, categories, nullability and a description.

    The range is wider than what was seen by one span on either side, rounded outwards to two
    figures; what was never negative stays so, and 0 and 1 are a closed pair. A list of categories
    is written where it looks closed: every value was seen often, and there are few.
    """
    column = given.column
    known = values.drop_nulls()
    made = replace(
        column,
        required=given.role == "target" or not given.missing,
        description=_description(given, values),
    )
    if given.role == "target" and classes:
        if made.kind != "boolean":
            made = replace(made, categories=tuple(classes))
        return replace(given, column=made)
    if given.role in ("group", "left out") or known.is_empty():
        return replace(given, column=made)
    if column.kind in ("integer", "number"):
        low, high = float(known.min()), float(known.max())  # type: ignore[arg-type]
        if sentinel := _sentinel(known, low, high):
            given.doubts.append(sentinel)
        minimum, maximum = bounds(low, high, whole=column.kind == "integer")
        return replace(given, column=replace(made, minimum=minimum, maximum=maximum))
    if column.kind == "string" and (closed := _closed(known)):
        return replace(given, column=replace(made, categories=closed))
    return replace(given, column=made)


def bounds(low: float, high: float, *, whole: bool) -> tuple[float, float]:
    """A range with slack around the least and the greatest value seen."""
    if whole and low in (0.0, 1.0) and high - low <= 1.0 and high <= 1.0:
        return 0, 1
    span = max(high - low, abs(high), 1e-9) if high == low else high - low
    wide_low = _outward(low - _SLACK * span, down=True)
    wide_high = _outward(high + _SLACK * span, down=False)
    if low >= 0:
        wide_low = max(wide_low, 0.0)
    if high <= 0:
        wide_high = min(wide_high, 0.0)
    if whole:
        return math.floor(wide_low), math.ceil(wide_high)
    return wide_low, wide_high


def _outward(value: float, *, down: bool) -> float:
    """Rounded to two figures, away from what was seen."""
    if not value or not math.isfinite(value):
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    rounded = math.floor(value / step) if down else math.ceil(value / step)
    return float(f"{rounded * step:.6g}")


def _sentinel(known: pl.Series, low: float, high: float) -> str:
    """A number such as -999 that stands apart from the others and repeats."""
    for end in (low, high):
        if end not in _SENTINELS:
            continue
        rest = known.filter(known != end)
        times = known.len() - rest.len()
        if times < 2 or rest.len() < _CODES:
            continue
        least, most = float(rest.min()), float(rest.max())  # type: ignore[arg-type]
        gap = least - end if end == low else end - most
        if gap > max(most - least, 1.0):
            return f"{end:g} occurs {times} times far from the others: does it stand for missing?"
    return ""


def _closed(known: pl.Series) -> tuple[str, ...] | None:
    counts = known.alias("value").value_counts()
    different = counts.height
    often = int(counts["count"].min() or 0) >= 5  # type: ignore[arg-type]
    if different > MAX_ENUM or known.len() < _ROWS_A_VALUE * different or not often:
        return None
    return tuple(sorted(known.cast(pl.String).unique().to_list()))


def _description(given: Concluded, values: pl.Series) -> str:
    """What was seen, for a person to put the meaning in its place; no personal values."""
    name, missing = given.column.name, given.missing / max(values.len(), 1)
    seen = [f"{given.distinct} different values"]
    if missing:
        seen.append(f"{missing:.1%} missing")
    why = f" ({given.why})" if given.why else ""
    return f"{name}: to be described. Inferred from {values.len()} rows: {', '.join(seen)}{why}"


def column_names(found: list[Concluded], *roles: str) -> list[str]:
    """Names of the columns in one of the roles."""
    return [each.column.name for each in found if each.role in roles]


def reading_only(column: Column) -> Column:
    """The column with nothing but how it is read, to type the rows by."""
    return Column(column.name, column.kind, required=False, normalise=column.normalise)
