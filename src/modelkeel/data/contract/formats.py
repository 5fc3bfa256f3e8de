"""Formats of dates and timestamps, read the same way in Python and in Polars.

Each format becomes a regular expression that both engines know. Only text that it matches is
parsed, so that neither is more lenient than the other.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_YEAR = r"[1-9][0-9]{3}"
_ZONE = r"Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9]"
# Width left open (`?`) only where a separator follows.
_PARTS = {
    "Y": _YEAR,
    "y": r"[0-9]{2}",
    "m": r"(?:0[1-9]|1[0-2]|[1-9])",
    "d": r"(?:0[1-9]|[12][0-9]|3[01]|[1-9])",
    "H": r"(?:[01][0-9]|2[0-3]|[0-9])",
    "M": r"[0-5][0-9]",
    "S": r"[0-5][0-9]",
    "f": r"[0-9]{1,9}",
    "b": "(?i:" + "|".join(name[:3] for name in _MONTHS) + ")",
    "B": "(?i:" + "|".join(_MONTHS) + ")",
    "z": f"(?i:{_ZONE})",
}
_TWO_DIGITS = {"m": r"(?:0[1-9]|1[0-2])", "d": r"(?:0[1-9]|[12][0-9]|3[01])"}
_TWO_DIGITS["H"] = r"(?:[01][0-9]|2[0-3])"
_JDK = {
    "yyyy": "%Y", "uuuu": "%Y", "yy": "%y", "MM": "%m", "M": "%m", "MMM": "%b", "MMMM": "%B",
    "dd": "%d", "d": "%d", "HH": "%H", "H": "%H", "mm": "%M", "ss": "%S", "XXX": "%z", "Z": "%z",
}  # fmt: skip
ISO_TIMESTAMP = (
    rf"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}"
    rf"(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{{1,9}})?)?(?:{_ZONE})?)?$"
)
"""An ISO 8601 timestamp: a date, and a time to the minute or finer, with or without a zone."""
ISO_DATE = rf"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}$"
_ISO = re.compile(ISO_TIMESTAMP, re.ASCII)


def directives_of(written: str) -> list[str]:
    """The directives of a strptime format.

    Raises:
        ValueError: one is not understood, stands twice, or no whole date is described.
    """
    found = re.findall(r"%(.)", written)
    for each in found:
        if each not in _PARTS:
            raise ValueError(f"{written!r} has %{each}")
        if found.count(each) > 1:
            raise ValueError(f"{written!r} has %{each} twice")
    if re.search(r"%$", written):
        raise ValueError(f"{written!r} ends in %")
    whole = {"Y", "y"} & set(found) and {"m", "b", "B"} & set(found) and "d" in found
    if (
        not whole
        or sum(each in found for each in "Yy") > 1
        or sum(each in found for each in "mbB") > 1
    ):
        raise ValueError(f"{written!r} needs one year, one month and one day")
    if "z" in found and "z" in re.sub("%z", "", written).lower():
        raise ValueError(f"{written!r} has a letter Z beside %z")
    if "f" in found and "%S.%f" not in written:
        raise ValueError(f"{written!r} needs %f behind %S and a point")
    return found


@lru_cache(maxsize=256)
def guard(written: str) -> str:
    """A regular expression for what a format reads, with one group a directive."""
    pattern, parts = "", re.split(r"%(.)", written)
    for at, part in enumerate(parts):
        if at % 2 == 0:
            pattern += re.escape(part)
            continue
        follows = parts[at + 1] == "" and at + 2 < len(parts)
        follows = follows or (at > 1 and parts[at - 1] == "")
        shape = _TWO_DIGITS.get(part, _PARTS[part]) if follows else _PARTS[part]
        pattern += f"(?P<{part}>{shape})"
    return f"^{pattern}$"


def chrono(written: str) -> str:
    """The same format as Polars writes it."""
    return written.replace(".%f", "%.f")


@lru_cache(maxsize=256)
def jdk_to_strptime(written: str) -> str:
    """A format as ODCS writes it (`dd.MM.yyyy`) as one of strptime.

    Raises:
        ValueError: a letter is not understood.
    """
    if "%" in written:
        raise ValueError(f"{written!r} is no format of ODCS")
    made = ""
    for quoted, fraction, letters, other in _tokens(written):
        if quoted or other:
            made += quoted or other
        elif fraction:
            made += ".%f"
        elif letters in _JDK:
            made += _JDK[letters]
        elif letters == "T":
            made += "T"
        else:
            raise ValueError(f"{written!r} has {letters}")
    directives_of(made)
    return made


def _tokens(written: str) -> list[tuple[str, str, str, str]]:
    found = re.finditer(
        r"'(?P<q>[^']*)'|\.(?P<f>S+)|(?P<l>(?P<one>[A-Za-z])(?P=one)*)|(?P<o>.)", written
    )
    return [(m["q"] or "", m["f"] or "", m["l"] or "", m["o"] or "") for m in found]


@lru_cache(maxsize=256)
def _compiled(written: str) -> re.Pattern[str]:
    return re.compile(guard(written), re.ASCII)


def parse(text: str, written: str) -> dt.datetime | None:
    """What a format reads in a text, in UTC and without zone; None where it does not fit."""
    found = _compiled(written).match(text)
    if found is None or text.endswith("\n"):
        return None
    part = found.groupdict()
    if "Y" in part:
        year = int(part["Y"])
    else:
        year = int(part["y"])
        year += 2000 if year < 70 else 1900  # as chrono, which Polars uses
    name = (part.get("b") or part.get("B") or "").lower()
    month = next(
        (at for at, each in enumerate(_MONTHS, 1) if name and each.lower().startswith(name)), 0
    )
    hour, minute, second = (int(part.get(each) or 0) for each in "HMS")
    return _moment(
        year, month or int(part["m"]), int(part["d"]), hour, minute, second,
        part.get("f"), part.get("z"),
    )  # fmt: skip


def parse_iso(text: str) -> dt.datetime | None:
    """An ISO 8601 timestamp in UTC and without zone; None where it is none."""
    if not _ISO.match(text) or text.endswith("\n"):
        return None
    zone = re.search(f"(?:{_ZONE})$", text[10:], re.ASCII)
    clock = text[11 : 10 + zone.start()] if zone else text[11:]
    hms, _, fraction = clock.partition(".")
    hour, minute, second = [*(int(each) for each in hms.split(":") if each), 0, 0, 0][:3]
    return _moment(
        int(text[:4]), int(text[5:7]), int(text[8:10]), hour, minute, second, fraction,
        zone[0] if zone else None,
    )  # fmt: skip


def _moment(
    year: int, month: int, day: int, hour: int, minute: int, second: int,
    fraction: str | None, zone: str | None,
) -> dt.datetime | None:  # fmt: skip
    micro = int(((fraction or "") + "000000")[:6])
    offset = dt.timedelta()
    if zone and zone.upper() != "Z":
        digits = zone[1:].replace(":", "")
        offset = dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        offset = -offset if zone[0] == "-" else offset
    try:
        return dt.datetime(year, month, day, hour, minute, second, micro) - offset  # noqa: DTZ001
    except (ValueError, OverflowError):
        return None
