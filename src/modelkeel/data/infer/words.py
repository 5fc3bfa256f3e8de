"""What a column of text holds: numbers, dates, booleans or words, and how they are written."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Literal

from modelkeel.data.contract import Normalise
from modelkeel.data.infer.dates import read_dates
from modelkeel.data.infer.numbers import read_numbers
from modelkeel.data.infer.texts import STRAY_SHARE, Reading, Texts

MARKERS = ("na", "n/a", "n.a.", "#n/a", "<na>", "nan", "null", "(null)", "none", "nil", "-", "--")
MARKERS_MORE = ("?", "??", ".", "\\n", "missing", "#value!", "#ref!", "#div/0!", "#null!")
WORDS = ("na", "none", "nil", "missing")
"""Markers that are also words: among words they stay values, `NA` may be Namibia."""
_SIGNED = r"^(?:[($€£¥]|[A-Z]{3})\s?-?[\d.,' ]*\d\)?$"

TRUE = ("true", "t", "yes", "y", "on", "ja", "oui", "si", "sí", "sim", "wahr", "vrai", "1")
FALSE = ("false", "f", "no", "n", "off", "nein", "non", "não", "falsch", "faux", "0")


def read_texts(texts: Texts, *, comma: bool = False) -> Reading:
    """Conclude kind and normalisation of a column of text.

    Args:
        texts: the column.
        comma: whether other columns of the table have a decimal comma.
    """
    low = texts.text.str.to_lowercase()
    marked = low.is_in([*MARKERS, *MARKERS_MORE])
    known = texts.where(~marked)
    missing = tuple(texts.text.filter(marked).to_list())
    if known.text.is_empty():
        return Reading("string", Normalise(missing=missing))
    for attempt in (_booleans, partial(read_numbers, comma=comma), read_dates):
        found = attempt(known)
        if found is not None:
            return _with_missing(found, missing)
    return _words(texts, missing)


def _with_missing(found: Reading, missing: tuple[str, ...]) -> Reading:
    both = tuple(dict.fromkeys([*missing, *found.normalise.missing]))
    return replace(found, normalise=replace(found.normalise, missing=both))


def _booleans(known: Texts) -> Reading | None:
    if len(known.text) > 12:
        return None
    words = known.text.str.to_lowercase().unique().to_list()
    true = tuple(word for word in TRUE if word in words)
    false = tuple(word for word in FALSE if word in words)
    if len(true) + len(false) != len(words) or not true or not false:
        return None
    if set(words) == {"0", "1"}:
        return None  # an integer from 0 to 1
    usual = set(true) <= {"true", "yes", "1"} and set(false) <= {"false", "no", "0"}
    return Reading("boolean", Normalise() if usual else Normalise(true=true, false=false))


def as_words(texts: Texts) -> Reading:
    """The texts as classes: spellings of yes and of no are brought together too."""
    low = texts.text.str.to_lowercase()
    marked = low.is_in([*MARKERS, *MARKERS_MORE])
    found = _words(texts, tuple(texts.text.filter(marked).to_list()))
    known = texts.where(~texts.text.is_in(list(found.normalise.missing)))
    if len(known.text) <= 2 or _booleans(known) is None:
        return found
    synonyms = dict(found.normalise.synonyms)
    for words in (TRUE, FALSE):
        spelled = list(known.text.str.to_lowercase().unique(maintain_order=True))
        ours = [text for text in spelled if text in words]
        synonyms |= dict.fromkeys(ours[1:], ours[0])
    normalise = replace(found.normalise, case="lower", synonyms=synonyms)
    doubt = "spellings of yes and no were brought together"
    return replace(found, normalise=normalise, doubts=[doubt])


def _words(texts: Texts, missing: tuple[str, ...]) -> Reading:
    """Words, with spellings that differ only in case or punctuation brought together."""
    kept = tuple(text for text in missing if text.lower() not in WORDS)
    words = [text for text in missing if text.lower() in WORDS]
    doubts: list[str] = []
    na = [word for word in words if word.lower() == "na"]
    if na and not texts.text.str.contains(r"^[A-Z]{2}$").mean() > 0.8:  # type: ignore[operator]
        kept = (*kept, *na)
    elif na:
        doubts.append("'NA' is kept as a value, as the others are two letters too")
    if "missing" in (word.lower() for word in words):
        kept = (*kept, *(word for word in words if word.lower() == "missing"))
    known = texts.where(~texts.text.is_in(list(kept)) if kept else texts.text.is_not_null())
    if len(known.text) > 1 and known.text.str.contains(_SIGNED).mean() > 1 - STRAY_SHARE:  # type: ignore[operator]
        doubts.append(
            f"numbers with something in front ({known.text[0]!r}) stay text: export plain numbers"
        )
    case, synonyms = _spellings(known)
    if case or synonyms:
        shown = ", ".join(f"{old!r} → {new!r}" for old, new in list(synonyms.items())[:3])
        doubts.append(
            "spellings were brought together: "
            + "; ".join(filter(None, [f"{case} case" if case else "", shown]))
        )
    return Reading("string", Normalise(missing=kept, case=case, synonyms=synonyms), doubts)


def _spellings(known: Texts) -> tuple[Literal["lower"] | None, dict[str, str]]:
    """Case that brings texts together, and texts that stand for others after it."""
    if len(known.text) > 200:
        return None, {}
    low = known.text.str.to_lowercase()
    case: Literal["lower"] | None = "lower" if low.n_unique() < len(low) else None
    rows: dict[str, int] = {}
    for text, count in zip((low if case else known.text).to_list(), known.rows, strict=True):
        rows[text] = rows.get(text, 0) + count
    best: dict[str, str] = {}
    for text in sorted(rows, key=lambda each: -rows[each]):
        best.setdefault(_folded(text), text)
    return case, {text: best[_folded(text)] for text in rows if best[_folded(text)] != text}


def _folded(text: str) -> str:
    """A text without case, and with each run of space, hyphen, underscore and slash as one."""
    return re.sub(r"[\s_/-]+", " ", text.casefold()).strip()
