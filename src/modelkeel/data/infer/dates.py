"""Dates and timestamps in text: which formats they are written in."""

from __future__ import annotations

import polars as pl

from modelkeel.data.contract import Column, Kind, Normalise
from modelkeel.data.contract.formats import ISO_DATE, ISO_TIMESTAMP, guard
from modelkeel.data.contract.normalise import TEXT, reading
from modelkeel.data.infer.texts import Reading, Texts, stray

_COMPACT = r"^(?:19|20)\d{2}(?:0[1-9]|1[0-2])[0-3]\d$"
_DAYS = (
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%d.%m.%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%Y%m%d",
)
_CLOCKS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f")
_FORMATS = (
    *_DAYS,
    *(f"{day} {clock}" for day in _DAYS for clock in _CLOCKS),
    *(f"%Y-%m-%dT{clock}{zone}" for clock in _CLOCKS for zone in ("", "%z")),
    *(f"%Y-%m-%d {clock}%z" for clock in _CLOCKS),
)
_ISO: tuple[tuple[Kind, str], ...] = (("date", ISO_DATE), ("timestamp", ISO_TIMESTAMP))
_SWAPPED = {
    "%d/%m/%Y": "%m/%d/%Y",
    "%d-%m-%Y": "%m-%d-%Y",
    "%d/%m/%y": "%m/%d/%y",
}


def are_compact(text: pl.Series) -> bool:
    """Whether whole numbers are dates such as 20260131."""
    return bool(text.str.contains(_COMPACT).all() and _reads(text, "%Y%m%d").all())


def read_dates(known: Texts) -> Reading | None:
    """The texts as dates or timestamps; None where they are none."""
    for kind, pattern in _ISO:
        if (
            known.text.str.contains(pattern).all()
            and _read_as(known.text, Column("text", kind, required=False)).all()
        ):
            return Reading(kind)
    formats: list[str] = []
    left = known.text.head(20_000)
    for given in _FORMATS:
        if left.is_empty():
            break
        read = _reads(left, given)
        if not read.any():
            continue
        if other := _swapped(given):
            turned = _reads(left, other)
            if turned.sum() > read.sum():
                given, read = other, turned
        formats.append(given)
        left = left.filter(~read)
    if not formats:
        return None
    fits = pl.Series([False] * len(known.text))
    for given in formats:
        fits = fits | _reads(known.text, given)
    strays = stray(known, fits)
    if strays is None:
        return None
    missing, doubts = strays
    clocks = ["%H" in given for given in formats]
    for given in formats:
        other = _swapped(given)
        held = known.text.filter(_reads(known.text, given))
        if other and len(held) and _reads(held, other).all():
            doubts.append(
                f"{held[0]!r} may be day/month or month/day: read as {given}; "
                f"for the other write {other} in date_formats of the contract"
            )
    if any(clocks) and not all(clocks):
        doubts.append("some values have a time of day and some have not")
    if len(formats) > 1:
        doubts.append(f"dates are written in {len(formats)} ways: {', '.join(formats)}")
    read_as: Kind = "timestamp" if any(clocks) else "date"
    return Reading(read_as, Normalise(missing=missing, date_formats=tuple(formats)), doubts)


def _swapped(given: str) -> str | None:
    """The format with day and month in the other order."""
    for day_first, month_first in _SWAPPED.items():
        if given.startswith(day_first):
            return given.replace(day_first, month_first)
        if given.startswith(month_first):
            return given.replace(month_first, day_first)
    return None


def _reads(text: pl.Series, given: str) -> pl.Series:
    """Which texts the contract would read by a format."""
    shaped = text.str.contains(guard(given))
    if not shaped.any():
        return shaped
    kind: Kind = "timestamp" if "%H" in given else "date"
    return shaped & _read_as(
        text, Column("text", kind, required=False, normalise=Normalise(date_formats=(given,)))
    )


def _read_as(text: pl.Series, column: Column) -> pl.Series:
    how = reading(column, pl.String())
    frame = text.alias("text").to_frame()
    if how.text is not None:
        frame = frame.with_columns(how.text.alias("text" + TEXT))
    return frame.select(how.value.is_not_null().alias("read"))["read"]
