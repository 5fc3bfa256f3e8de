"""Numbers in text: decimal separator, marks of thousands, units."""

from __future__ import annotations

import re

import polars as pl

from modelkeel.data.contract import Kind, Normalise
from modelkeel.data.infer.dates import are_compact
from modelkeel.data.infer.texts import STRAY_SHARE, Reading, Texts, stray

_EXPONENT = r"(?:[eE][+-]?\d+)?"
_STYLES: tuple[tuple[str | None, str | None, str], ...] = (
    (None, None, rf"^[+-]?(?:\d+\.?\d*|\.\d+){_EXPONENT}$"),
    (None, ",", r"^[+-]?(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)(?:\.\d+)?$"),
    (",", None, r"^[+-]?\d+(?:,\d+)?$"),
    (",", ".", r"^[+-]?(?:[1-9]\d{0,2}(?:\.\d{3})+|\d+)(?:,\d+)?$"),
    (",", " ", r"^[+-]?(?:\d{1,3}(?:[ \x{a0}\x{202f}]\d{3})+|\d+)(?:,\d+)?$"),
    (None, "'", r"^[+-]?(?:\d{1,3}(?:'\d{3})+|\d+)(?:\.\d+)?$"),
    (None, " ", r"^[+-]?(?:\d{1,3}(?:[ \x{a0}\x{202f}]\d{3})+|\d+)(?:\.\d+)?$"),
)
_CONVERT = (
    {"kg": 1.0, "g": 0.001, "mg": 1e-6, "t": 1000.0},
    {"m": 1.0, "cm": 0.01, "mm": 0.001, "km": 1000.0},
    {"l": 1.0, "ml": 0.001, "cl": 0.01},
    {"h": 1.0, "min": 1 / 60, "s": 1 / 3600},
)


def read_numbers(known: Texts, *, comma: bool = False) -> Reading | None:
    """The texts as numbers; None where they are none. `comma`: prefer it as decimal mark."""
    if are_compact(known.text):
        return None  # 20260131
    best: tuple[int, str | None, str | None, pl.Series] | None = None
    styles = [_STYLES[0], *sorted(_STYLES[1:], key=lambda style: comma and style[0] != ",")]
    for decimal, thousands, pattern in styles:
        fits = known.text.str.contains(pattern)
        rows = known.where(fits).total
        if best is None or rows > best[0]:
            best = (rows, decimal, thousands, fits)
        if rows == known.total:
            break
    assert best is not None  # noqa: S101 - there is at least one style
    _, decimal, thousands, fits = best
    units: dict[str, float] = {}
    if known.where(fits).total < (1 - STRAY_SHARE) * known.total:
        measured = _measured(known)
        if measured is None:
            return None
        decimal, thousands, units, fits = measured
    strays = stray(known, fits)
    if strays is None:
        return None
    missing, doubts = strays
    held = known.text.filter(fits)
    codes = held.str.contains(r"^0\d+$")
    if codes.any() and thousands is None and decimal is None and not units:
        if held.str.contains(r"^\d+$").all():
            return None  # codes such as 00123, where the zeros matter
        doubts.append("some numbers begin with a zero; is it a code?")
    whole = held.str.contains(r"^[+-]?\d+(?:\.0*)?$").all()
    if thousands is not None and not units:
        whole = not held.str.contains(r",\d+$" if decimal else r"\.\d+$").any()
        three = held.filter(held.str.contains(re.escape(thousands)))
        if thousands == "," and whole and three.str.count_matches(",").max() == 1:
            doubts.append(
                f"in {three[0]!r} the comma is taken for a mark of thousands; "
                'for a decimal comma write decimal: "," in the contract'
            )
    if decimal == "," and thousands is None:
        whole = whole and not held.str.contains(",").any()
    digits = held.str.replace_all(r"[^\d]", "").str.len_chars().max()
    if whole and not units and isinstance(digits, int) and digits > 18:
        doubts.append("whole numbers too wide for 64 bits: kept as text")
        return Reading("string", Normalise(missing=missing), doubts)
    kind: Kind = "integer" if whole and not units else "number"
    normalise = Normalise(missing=missing, decimal=decimal, thousands=thousands, unit_factors=units)
    return Reading(kind, normalise, doubts)


def _measured(known: Texts) -> tuple[str | None, str | None, dict[str, float], pl.Series] | None:
    """Numbers with a unit behind: style, the factor of each unit, and which texts fit."""
    parts = known.text.str.extract_groups(r"^([+-]?[\d.,' ]*\d)\s*([^\d\s.,'+-][^\d\s]{0,9})?$")
    number, unit = (parts.struct.field(name) for name in ("1", "2"))
    used = [str(each) for each in unit.drop_nulls().unique().sort().to_list()]
    if not used:
        return None
    if len(used) == 1:
        factors = {used[0]: 1.0}
    else:
        table = next((each for each in _CONVERT if set(used) <= set(each)), None)
        if table is None:
            return None
        factors = {name: table[name] for name in used}
    for decimal, thousands, pattern in _STYLES:
        fits = number.str.contains(pattern).fill_null(value=False)
        if known.where(fits).total >= (1 - STRAY_SHARE) * known.total:
            return decimal, thousands, factors, fits
    return None
