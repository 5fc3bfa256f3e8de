"""The rules of a contract as Polars expressions that say of each row whether it breaks them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from modelkeel.data.contract.keys import text, words
from modelkeel.data.contract.model import Bound, Column, Contract, Normalise, Rule
from modelkeel.data.contract.normalise import DTYPES
from modelkeel.data.contract.values import read_value
from modelkeel.errors import BadInput

_SHOWN = 8
# Of the SQL that Polars reads, what looks at one row only and cannot fail on a value of the type.
_FUNCTIONS = words(
    "abs ceil ceiling floor round sign sqrt pow power mod exp ln log10 least greatest coalesce "
    "nullif ifnull if lower upper length char_length octet_length trim ltrim rtrim left right "
    "substr substring starts_with ends_with replace concat strpos position regexp_like "
    "date_part extract try_cast in and or not when then else case between"
)
_BARRED = words("select over exists cast any all union from_unixtime unnest")


@dataclass(frozen=True)
class RowRule:
    """One rule over the typed columns.

    Attributes:
        columns: what it looks at.
        said: what is said of a row that breaks it ("is below 0").
        broken: true where a row breaks it, never null.
        holds: one value over the whole table, true if no row breaks it; cheaper than `broken`.
    """

    columns: tuple[str, ...]
    said: str
    broken: pl.Expr
    holds: pl.Expr

    @property
    def name(self) -> str:
        """How it is counted: "age: is below 0"."""
        return f"{', '.join(self.columns)}: {self.said}"


def column_rules(column: Column, given: pl.Expr) -> list[RowRule]:
    """The rules of one column, in the order in which they are reported.

    Args:
        column: what the contract says.
        given: whether a value stands there, readable or not.
    """
    name, value = column.name, pl.col(column.name)
    rules: list[RowRule] = []

    def add(said: str, broken: pl.Expr, holds: pl.Expr) -> None:
        rules.append(RowRule((name,), said, broken.fill_null(False), holds))

    if column.required:
        add("is missing", ~given, value.null_count() == 0)
    add(f"is no {column.kind}", given & value.is_null(), given.sum() == value.count())
    least, most = value.min(), value.max()
    if (low := column.minimum) is not None:
        add(f"is below {shown(low)}", value < low, (least >= low).fill_null(True))
    if (low := column.above) is not None:
        add(f"is not above {shown(low)}", value <= low, (least > low).fill_null(True))
    if (high := column.maximum) is not None:
        add(f"is above {shown(high)}", value > high, (most <= high).fill_null(True))
    if (high := column.below) is not None:
        add(f"is not below {shown(high)}", value >= high, (most < high).fill_null(True))
    length = value.str.len_chars()
    if column.min_length is not None:
        said = f"is shorter than {column.min_length} characters"
        holds = (length.min() >= column.min_length).fill_null(True)
        add(said, length < column.min_length, holds)
    if column.max_length is not None:
        said = f"is longer than {column.max_length} characters"
        holds = (length.max() <= column.max_length).fill_null(True)
        add(said, length > column.max_length, holds)
    if column.pattern is not None:
        fits = value.str.contains(column.pattern)
        add(f"does not match {column.pattern}", ~fits, fits.all())
    if column.categories is not None:
        listed = ", ".join(column.categories[:_SHOWN])
        listed += ", …" if len(column.categories) > _SHOWN else ""
        allowed = [read_value(c, column.kind, Normalise(trim=False)) for c in column.categories]
        known = value.is_in(pl.Series(allowed, dtype=DTYPES[column.kind]).implode())
        add(f"is none of {listed}", ~known, known.all())
    return rules


def shown(bound: Bound | None) -> str:
    """A bound in a message."""
    return f"{bound:g}" if isinstance(bound, int | float) else str(bound)


def row_rules(contract: Contract) -> list[RowRule]:
    """The conditions across columns."""
    compiled = []
    for rule in contract.rules:
        condition = pl.sql_expr(rule.condition)
        broken = (~condition).fill_null(False)
        said = f"breaks {rule.name} ({rule.condition})"
        compiled.append(RowRule(rule.columns, said, broken, condition.all()))
    return compiled


def unique_keys(contract: Contract) -> list[tuple[str, ...]]:
    """Columns, alone or together, whose values may not be repeated."""
    keys = [(column.name,) for column in contract.columns if column.unique]
    return keys + ([contract.key] if len(contract.key) > 1 else [])


def read_rule(path: Path, columns: list[Column], entry: dict[str, Any]) -> Rule:
    """A condition across columns, compiled once to see whether it can be.

    Raises:
        BadInput: it is no condition on single rows over the columns of the contract.
    """
    condition = entry.get("implementation")
    name = text(path, "schema: quality: name", entry.get("name"))
    where = f"{path}: schema: quality: rule {name or condition!r}"
    if not name or not isinstance(condition, str) or not condition.strip():
        raise BadInput(f"{where}: needs a name and an implementation", remedy="write both")
    known = {column.name: DTYPES[column.kind] for column in columns}
    if barred := _not_row_wise(condition):
        raise BadInput(
            f"{where}: is no condition on single rows: {barred}",
            remedy=f"no subqueries, windows or CAST; functions are {', '.join(sorted(_FUNCTIONS))}",
        )
    try:
        compiled = pl.sql_expr(condition)
        read = tuple(dict.fromkeys(compiled.meta.root_names()))
    except (pl.exceptions.PolarsError, ValueError, TypeError) as error:
        raise BadInput(
            f"{where}: is no condition: {_first_line(error)}",
            remedy="write it in SQL, `ends >= starts`",
        ) from None
    if unknown := [each for each in read if each not in known]:
        raise BadInput(
            f"{where}: reads {unknown[0]!r}, which is no column of the contract",
            remedy=f"use {', '.join(list(known)[:20])}; write text in single quotes",
        )
    if not read:
        raise BadInput(f"{where}: reads no column", remedy="compare columns of one row")
    try:
        one_row = pl.DataFrame(schema=known).clear(1)
        dtype = one_row.select(compiled.alias("_"))["_"].dtype
    except pl.exceptions.PolarsError as error:
        raise BadInput(
            f"{where}: compares what cannot be compared: {_first_line(error)}",
            remedy="write dates as DATE '2024-01-31' and text in single quotes",
        ) from None
    if dtype != pl.Boolean:
        raise BadInput(f"{where}: gives {dtype}, not true or false", remedy="write a comparison")
    return Rule(name, condition.strip(), read, text(path, where, entry.get("description")))


def check_patterns(path: Path, columns: list[Column]) -> None:
    """Compile the patterns of a contract.

    Raises:
        BadInput: one is no regular expression of Rust's regex crate.
    """
    nothing = pl.Series([""])
    for column in columns:
        if column.pattern is None:
            continue
        try:
            nothing.str.contains(column.pattern)
        except pl.exceptions.PolarsError as error:
            raise BadInput(
                f"{path}: property {column.name!r}: pattern {column.pattern!r} cannot be read: "
                f"{_regex_error(error)}",
                remedy="write it for Rust's regex: no look-around and no back-references",
            ) from None


def _not_row_wise(condition: str) -> str:
    """What in a condition looks beyond its row or may fail on a value, or ""."""
    bare = re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", " _ ", condition)
    for word, bracket in re.findall(r"([A-Za-z_][A-Za-z_0-9]*)(\s*\()?", bare):
        low = word.lower()
        if low in _BARRED or (bracket and low not in _FUNCTIONS):
            return str(word)
    return ";" if ";" in bare else ""


def _regex_error(error: Exception) -> str:
    said = [line for line in str(error).splitlines() if line.startswith("error: ")]
    return said[0].removeprefix("error: ") if said else _first_line(error)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
