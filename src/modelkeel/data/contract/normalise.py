"""Reads columns in Polars as the contract declares; `values` does the same for one value."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from modelkeel.data.contract.formats import ISO_DATE, ISO_TIMESTAMP, chrono, guard
from modelkeel.data.contract.model import Column, Kind, Normalise
from modelkeel.data.contract.values import (
    EXACT,
    SPACES,
    clean,
    date_formats,
    grouped,
    read_value,
    spellings,
    with_unit,
)

DTYPES: dict[Kind, pl.DataType] = {
    "string": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
}
TEXT, GIVEN = "\0text", "\0given"
"""Suffixes of the columns that hold the cleaned text, and of what stands in the table."""


@dataclass(frozen=True)
class Reading:
    """How one column is read, in two steps that follow each other.

    Attributes:
        text: the cleaned text, from the column as given; None if the table holds the type.
        value: the typed value, from the column as given or from `NAME` with `text` behind it.
        given: whether there is a value, from the same.
        changed: whether normalisation changed it; None where it cannot.
    """

    text: pl.Expr | None
    value: pl.Expr
    given: pl.Expr
    changed: pl.Expr | None


def reading(column: Column, dtype: pl.DataType) -> Reading:
    """How a column of a table is read, whatever it holds."""
    raw = pl.col(column.name)
    if dtype == pl.String or (isinstance(dtype, pl.Categorical | pl.Enum)):
        return _from_text(column, raw if dtype == pl.String else raw.cast(pl.String))
    if column.kind == "string" and column.normalise != Normalise():
        return _from_text(column, raw.cast(pl.String, strict=False))
    return Reading(None, _from_typed(column, raw, dtype), raw.is_not_null(), None)


def optimistic(column: Column, dtype: pl.DataType) -> pl.Expr | None:
    """A cheaper reading of text that needs no normalisation; None where there is none.

    It is right if it reads every value that is given, and if the values are then in range or
    among the categories: a text that would be normalised is not read by it.
    """
    how, raw = column.normalise, pl.col(column.name)
    if dtype != pl.String:
        return None
    if column.kind in ("number", "integer"):
        plain = how.decimal is None and how.thousands is None and not how.synonyms
        marked = any(read_value(each, "number", Normalise()) is not None for each in how.missing)
        if not plain or marked:
            return None
        read = raw.cast(DTYPES[column.kind], strict=False)
        return pl.when(read.is_finite()).then(read) if column.kind == "number" else read
    if column.kind == "string" and column.categories:
        fixed = all(clean(each, how) == each for each in column.categories)
        return raw if fixed else None
    return None


def _from_text(column: Column, raw: pl.Expr) -> Reading:
    how, text = column.normalise, pl.col(column.name + TEXT)
    cleaned = _cleaned(raw, how)
    # Lengths say it cheaper where only white space is stripped and "" becomes missing.
    if how.case is None and not how.synonyms:
        changed = text.str.len_bytes() != raw.str.len_bytes()
        gone = text.is_null() & (raw.str.len_bytes() > 0)
    else:
        changed, gone = text != raw, text.is_null() & (raw != "")
    changed = changed.fill_null(False) | gone.fill_null(False)
    value = text
    if column.kind in ("number", "integer"):
        value, rewritten = _number(column.kind, text, how)
        if rewritten is not None:
            changed = changed | rewritten
    elif column.kind == "boolean":
        low = text.str.to_lowercase()
        true, false = spellings(how)
        value = pl.when(low.is_in(true)).then(True).when(low.is_in(false)).then(False)
        if how.true or how.false:
            written = pl.when(value).then(pl.lit("true")).otherwise(pl.lit("false"))
            changed = changed | (value.is_not_null() & (written != text))
    elif column.kind in ("date", "timestamp"):
        formats = date_formats(how, column.format)
        value = pl.coalesce(_moment(text, column.kind, each) for each in formats or ("",))
        if formats:
            iso = value.dt.to_string("iso").str.slice(0, 10)
            changed = changed | (value.is_not_null() & ~text.str.starts_with(iso))
    return Reading(cleaned, value, text.is_not_null(), changed)


def _cleaned(raw: pl.Expr, how: Normalise) -> pl.Expr:
    text = raw.str.strip_chars() if how.trim else raw
    gone = text.str.len_bytes() == 0
    if how.missing:
        gone = gone | text.is_in(how.missing)
    text = pl.when(~gone).then(text).otherwise(None)
    if how.case is not None:
        text = text.str.to_lowercase() if how.case == "lower" else text.str.to_uppercase()
    if how.synonyms:
        new = [each or None for each in how.synonyms.values()]
        text = text.replace(list(how.synonyms), new)
    return text


def _number(kind: Kind, text: pl.Expr, how: Normalise) -> tuple[pl.Expr, pl.Expr | None]:
    """The number, and whether the text had to be rewritten to read it."""
    given, factor = text, None
    if how.unit_factors:
        shape = with_unit(tuple(how.unit_factors))
        units = text.str.extract(shape, 2)
        factor = units.replace_strict(
            list(how.unit_factors), list(how.unit_factors.values()), return_dtype=pl.Float64
        )
        text = pl.coalesce(text.str.extract(shape, 1), text)
    decimal = how.decimal or "."
    if how.thousands is not None:
        marks = f"[{SPACES}]" if how.thousands == " " else re.escape(how.thousands)
        marked = text.str.contains(marks)
        joined = pl.when(text.str.contains(grouped(how.thousands, decimal))).then(
            text.str.replace_all(marks, "")
        )
        text = pl.when(marked).then(joined).otherwise(text)
    if decimal != ".":
        text = text.str.replace_all(".", "x", literal=True)
        text = text.str.replace_all(decimal, ".", literal=True)
    number: pl.Expr = text.cast(pl.Float64, strict=False)
    plain = how.decimal is None and how.thousands is None and factor is None
    rewritten = None if plain else (given != text).fill_null(False)
    whole = text.cast(pl.Int64, strict=False)
    if factor is not None:
        number = number * factor.fill_null(1.0)
        whole = pl.when(factor.is_null()).then(whole).otherwise(None)
    if kind == "number":
        return pl.when(number.is_finite()).then(number), rewritten
    return whole.fill_null(_whole(number)), rewritten


def _whole(number: pl.Expr) -> pl.Expr:
    exact = (number == number.round()) & (number.abs() < EXACT)
    return pl.when(exact).then(number).cast(pl.Int64, strict=False)


def _moment(text: pl.Expr, kind: Kind, written: str) -> pl.Expr:
    """Dates or timestamps in one format ("" is ISO); null where the text does not fit it."""
    if not written:
        if kind == "date":
            day = pl.when(text.str.contains(ISO_DATE)).then(text)
            return day.str.to_date("%Y-%m-%d", strict=False)
        return _iso(pl.when(text.str.contains(ISO_TIMESTAMP)).then(text))
    fits: pl.Expr = pl.when(text.str.contains(guard(written))).then(text)
    if "%z" in written:
        fits = fits.str.replace("(?i)Z", "+0000")
        read = fits.str.to_datetime(chrono(written), time_unit="us", time_zone="UTC", strict=False)
        moment = read.dt.replace_time_zone(None)
    elif set("HMSf") & set(re.findall("%(.)", written)):
        moment = fits.str.to_datetime(chrono(written), time_unit="us", strict=False)
    else:
        read = fits.str.to_date(written, strict=False)
        return read if kind == "date" else read.cast(pl.Datetime("us"))
    return moment.dt.date() if kind == "date" else moment


def _iso(fits: pl.Expr) -> pl.Expr:
    tail = fits.str.slice(10)
    zone = tail.str.extract(r"(Z|[+-][0-9]{2}:?[0-9]{2})$")
    clock = tail.str.extract(r"^[T ]([0-9:.]+)").fill_null("00:00")
    clock = pl.when(clock.str.len_bytes() == 5).then(clock + ":00").otherwise(clock)
    moment = (fits.str.slice(0, 10) + " " + clock).str.to_datetime(
        "%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False
    )
    hours = zone.str.slice(0, 3).cast(pl.Int64, strict=False)
    minutes = (zone.str.slice(0, 1) + zone.str.slice(-2)).cast(pl.Int64, strict=False)
    return moment - pl.duration(minutes=(hours * 60 + minutes).fill_null(0), time_unit="us")


def _from_typed(column: Column, raw: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    kind = column.kind
    if dtype == DTYPES[kind] and kind != "number":
        return raw
    if kind == "string":
        return raw.cast(pl.String, strict=False)
    numeric = dtype.is_numeric() or dtype.is_decimal()
    if kind == "number" and numeric:
        number = raw.cast(pl.Float64, strict=False)
        return pl.when(number.is_finite()).then(number) if dtype.is_float() else number
    if kind == "integer" and (numeric or dtype == pl.Boolean):
        if dtype.is_integer() or dtype == pl.Boolean:
            return raw.cast(pl.Int64, strict=False)
        return _whole(raw.cast(pl.Float64, strict=False))
    if kind == "boolean" and numeric:
        return pl.when(raw == 1).then(True).when(raw == 0).then(False)
    if isinstance(dtype, pl.Datetime):
        utc = raw.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if dtype.time_zone else raw
        if kind == "timestamp":
            return utc.cast(pl.Datetime("us"))
        if kind == "date":
            return pl.when(utc.dt.time() == pl.time(0)).then(utc.dt.date())
    if kind == "timestamp" and dtype == pl.Date:
        return raw.cast(pl.Datetime("us"))
    return pl.lit(None, dtype=DTYPES[kind])
