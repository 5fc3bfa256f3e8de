"""Numbers, names and comparisons in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from modelkeel.model.evaluation import Estimate, SliceResult


@dataclass(frozen=True)
class Words:
    """What the report calls things."""

    unit: str
    meanings: Mapping[str, str]  # class to what it means
    slices: Mapping[str, str]  # "sex=0" to what to call it

    def outcome(self, name: str) -> str:
        """A class in words."""
        return plain(self.meanings.get(name, name))

    def slice(self, part: SliceResult) -> str:
        """A slice within its column."""
        return plain(self.slices.get(part.key, part.label))

    def full(self, part: SliceResult) -> str:
        """A slice with its column."""
        return f"{plain(part.column)} {self.slice(part)}"


def plain(text: object) -> str:
    """Text on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def short(text: str, size: int) -> str:
    """At most ``size`` characters, an ellipsis standing for the rest."""
    return text if len(text) <= size else text[: size - 1].rstrip() + "…"


def number(value: float | None, *, sign: bool = False, share: bool = False) -> str:
    """A number for people: three figures, thin spaces between thousands, a true minus."""
    if value is None or not math.isfinite(value):
        return "\u2013"
    size = abs(value)
    places = 3 if share or size < 0.995 else 0 if size >= 99.95 else 1 if size >= 9.995 else 2
    if not share and 0 < size < 0.0995:
        places = min(9, 2 - math.floor(math.log10(size)))
    text = f"{value:{'+' if sign else ''},.{places}f}".replace(",", "\u202f")
    if places and not share and (text.endswith("00") or float(value).is_integer()):
        text = text.rstrip("0").rstrip(".")
    if not text.strip("+-0."):
        text = text.strip("+-")
    return text.replace("-", "\u2212")


def percent(share: float) -> str:
    """A share as per cent, three figures."""
    return f"{share * 100:.3g}\u202f%"


def rounded(value: float) -> float:
    """Three significant digits: a projection is no more exact than that."""
    return float(f"{value:.3g}")


def low_to_high(found: Estimate, *, sign: bool = False, share: bool = False) -> str:
    """The interval of an estimate, or nothing without one."""
    if found.low is None or found.high is None:
        return ""
    low, high = (number(v, sign=sign, share=share) for v in (found.low, found.high))
    return f"{low} to {high}"


def compare(difference: Estimate, better: str) -> str:
    """``better``, ``worse``, ``alike``, or nothing without an interval."""
    if difference.low is None or difference.high is None:
        return ""
    if difference.low <= 0 <= difference.high:
        return "alike"
    return "better" if (difference.low > 0) == (better == "higher") else "worse"
