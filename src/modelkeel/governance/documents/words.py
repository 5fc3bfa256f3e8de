"""Numbers, names and texts in Markdown, for people."""

from __future__ import annotations

import math
import re
from typing import Any

DASH = "\u2013"
MINUS = "\u2212"
_CODE = re.compile(r"(`[^`]*`)")


def text(value: object) -> str:
    """A text on one line; what would become HTML stays text, code stays code."""
    line = " ".join(str(value).split())
    parts = _CODE.split(line)
    return "".join(part if at % 2 else _escaped(part) for at, part in enumerate(parts))


def _escaped(part: str) -> str:
    return part.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cell(value: object) -> str:
    """The same, inside a table."""
    return text(value).replace("|", "\\|")


def number(value: Any, *, sign: bool = False) -> str:
    """Three figures: measurements of another machine may differ in the seventh."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return DASH
    plus = "+" if sign else ""
    if isinstance(value, int) or (abs(value) >= 1000 and float(value).is_integer()):
        return f"{value:{plus},.0f}".replace("-", MINUS)
    if abs(value) < 1e-9:  # what is left of a difference of equal numbers
        return "0"
    shown = f"{float(f'{value:.3g}'):{plus},.10f}".rstrip("0").rstrip(".")
    return shown.replace("-", MINUS)


def bound(value: Any) -> str:
    """A bound of a range: a number, or a date."""
    return number(value) if isinstance(value, int | float) else str(value)


def count(value: Any) -> str:
    """How many."""
    return f"{value:,}" if isinstance(value, int) else DASH


def percent(share: Any) -> str:
    """A share as per cent, to a tenth."""
    if not isinstance(share, int | float) or not math.isfinite(share):
        return DASH
    return f"{share * 100:.1f} %".replace("-", MINUS).replace(".0 %", " %")


def interval(low: Any, high: Any, *, sign: bool = False) -> str:
    """Both bounds, or nothing where one is unknown."""
    if low is None or high is None:
        return ""
    return f"{number(low, sign=sign)} to {number(high, sign=sign)}"


def estimate(found: Any, *, sign: bool = False) -> str:
    """A value with its interval."""
    if not isinstance(found, dict):
        return DASH
    bounds = interval(found.get("low"), found.get("high"), sign=sign)
    value = number(found.get("value"), sign=sign)
    return f"{value} ({bounds})" if bounds else value


def words(name: str) -> str:
    """A name of code as words."""
    return name.replace("_", " ")


def plain_value(value: Any) -> str:
    """A value of a record or a file."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list | tuple):
        return "; ".join(plain_value(each) for each in value)
    return text(value)
