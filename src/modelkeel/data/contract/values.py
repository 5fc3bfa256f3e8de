"""Reads one value in plain Python, exactly as `normalise` reads a column in Polars.

Serving uses it, and it needs no Polars. A property test holds the two together.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from functools import lru_cache

from modelkeel.data.contract.formats import ISO_DATE, jdk_to_strptime, parse, parse_iso
from modelkeel.data.contract.model import Kind, Normalise

Value = bool | int | float | str | dt.date

# White space as Rust and so Polars knows it; Python strips four control characters more.
SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no")
EXACT = 2**53
"""Whole numbers below it are exact as floats."""
SPACES = " \xa0\u202f"
"""All stand for a space that separates thousands."""
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DATE = re.compile(ISO_DATE, re.ASCII)
_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - all timestamps here are UTC without zone


def clean(text: str, how: Normalise) -> str | None:
    """The text that is read: trimmed, with its case and synonyms applied; None if missing."""
    if how.trim:
        text = text.strip(SPACE)
    if not text or text in how.missing:
        return None
    if how.case is not None:
        text = text.lower() if how.case == "lower" else text.upper()
    return how.synonyms.get(text, text) or None


def read_value(text: str, kind: Kind, how: Normalise, written: str | None = None) -> Value | None:
    """The value of a text; None if it is missing or cannot be read.

    Args:
        text: as it was given.
        kind: type of the column.
        how: its normalisation.
        written: its date format as ODCS writes it.
    """
    cleaned = clean(text, how)
    if cleaned is None or kind == "string":
        return cleaned
    if kind == "boolean":
        low = cleaned.lower()
        true, false = spellings(how)
        return True if low in true else False if low in false else None
    if kind in ("date", "timestamp"):
        moment = _moment(cleaned, kind, date_formats(how, written))
        return moment.date() if moment is not None and kind == "date" else moment
    plain, factor = _plain(cleaned, how)
    return None if plain is None else _number(plain, factor, kind)


def days(value: dt.date) -> float:
    """A date or timestamp as days since 1970-01-01, as a model sees it."""
    if isinstance(value, dt.datetime):
        # By way of whole microseconds and one division, as Polars does it.
        return float((value - _EPOCH) // dt.timedelta(microseconds=1)) / 86_400_000_000
    return float((value - _EPOCH.date()).days)


def from_days(value: float, whole: bool) -> str:
    """Days since 1970-01-01 as ISO text: a date, or a timestamp in UTC.

    Raises:
        OverflowError: the year has not four digits.
    """
    if whole:
        return (_EPOCH.date() + dt.timedelta(days=math.floor(value))).isoformat()
    moment = _EPOCH + dt.timedelta(seconds=round(value * 86400))
    return f"{moment.isoformat()}Z"


def spellings(how: Normalise) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The texts for true and for false, in lower case."""
    return (
        tuple(each.lower() for each in how.true) or TRUE,
        tuple(each.lower() for each in how.false) or FALSE,
    )


def date_formats(how: Normalise, written: str | None) -> tuple[str, ...]:
    """The strptime formats to try, in order; none stands for ISO."""
    first = (jdk_to_strptime(written),) if written else ()
    return first + how.date_formats


@lru_cache(maxsize=256)
def grouped(thousands: str, decimal: str) -> str:
    """A regular expression of a number whose separators of thousands stand where they may."""
    mark = f"[{SPACES}]" if thousands == " " else re.escape(thousands)
    point = re.escape(decimal)
    return rf"^[+-]?[0-9]{{1,3}}(?:{mark}[0-9]{{2,3}})*{mark}[0-9]{{3}}(?:{point}[0-9]*)?$"


@lru_cache(maxsize=256)
def with_unit(units: tuple[str, ...]) -> str:
    """A regular expression of a number and its unit, in two groups."""
    longest = sorted(units, key=lambda each: (-len(each), each))
    return rf"^(.*?[0-9.,])[{SPACES}]*({'|'.join(re.escape(each) for each in longest)})$"


def as_label(value: object) -> str:
    """How a class is written in the charter, the contract and the bundle: 1, not 1.0."""
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return str(value)


def _moment(text: str, kind: Kind, formats: tuple[str, ...]) -> dt.datetime | None:
    if not formats:
        if kind == "date" and (not _DATE.match(text) or text.endswith("\n")):
            return None
        return parse_iso(text)
    for each in formats:
        found = parse(text, each)
        if found is not None:
            return found
    return None


def _plain(text: str, how: Normalise) -> tuple[str | None, float | None]:
    """A number as Python writes it, and the factor of its unit."""
    factor = None
    if how.unit_factors:
        found = re.match(with_unit(tuple(how.unit_factors)), text)
        if found and not text.endswith("\n"):
            text, factor = found[1], how.unit_factors[found[2]]
    decimal, thousands = how.decimal or ".", how.thousands
    if thousands is not None:
        marks = SPACES if thousands == " " else thousands
        if any(each in text for each in marks):
            if not re.match(grouped(thousands, decimal), text) or text.endswith("\n"):
                return None, None
            text = "".join(each for each in text if each not in marks)
    if decimal != ".":
        text = text.replace(".", "x").replace(decimal, ".")
    return text, factor


def _number(text: str, factor: float | None, kind: Kind) -> int | float | None:
    if not _NUMBER.fullmatch(text):
        return None
    if kind == "integer" and factor is None and _INTEGER.fullmatch(text) and len(text) < 30:
        whole = int(text)
        return whole if -(2**63) <= whole < 2**63 else None
    value = float(text) if factor is None else float(text) * factor
    if not math.isfinite(value):
        return None
    if kind == "number":
        return value
    return int(value) if value == int(value) and abs(value) < EXACT else None
