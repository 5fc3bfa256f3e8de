"""Numbers as people read them: three figures, thousands apart, never an exponent of ten."""

from __future__ import annotations

import math


def figure(value: float, *, sign: bool = False) -> str:
    """A number with three figures; `sign` shows a plus."""
    plus = "+" if sign else ""
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= 1000:
        return f"{float(f'{value:.3g}'):{plus},.0f}"
    if 0 < abs(value) < 1e-4:
        places = 2 - math.floor(math.log10(abs(value)))
        return f"{value:{plus}.{places}f}"
    return f"{value:{plus}.3g}"


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """A value and its interval, with signs."""
    if value is None:
        return "unknown"
    if low is None or high is None:
        return f"{figure(value, sign=True)} (no interval)"
    ends = f"{figure(low, sign=True)}, {figure(high, sign=True)}"
    return f"{figure(value, sign=True)} [{ends}]"


def bounds(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """The same without signs, for shares and ratios."""
    if value is None:
        return "unknown"
    return figure(value) + (
        "" if low is None or high is None else f" [{figure(low)}, {figure(high)}]"
    )
