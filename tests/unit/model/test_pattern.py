"""Patterns match what Rust's regex crate matches, in time linear in the text."""

from __future__ import annotations

import time
import unicodedata

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkeel.model.pattern import matcher

TEXTS = [
    *("", "a", "b", "ab", "ba", "aab", "abab", "AB", "AB12", "ab\n", "\n", " ", "a b", "a-b", "-"),
    *(
        "x.y",
        "x\ny",
        "xzy",
        "123-4",
        "٣٤٥-1",
        "٣",
        "ß",
        "é",
        "e\u0301",
        "日本",
        "\U0001f600",
        "\x1c",
    ),
    *("\xa0", "[", "]", "^", "\\", "a{2}", "c", "d", "\t"),
]
PATTERNS = [
    *("", "^", "$", "^$", "a", "^a", "a$", "^a$", "a|^b$", "^(?:a|b)$", "(a|b)*b", "^(a|b){2,3}$"),
    *("^(a?){3}$", "^(?:ab?c?)*$", "^(a*)*$", "^a{2}$", "^a{1,}b$", "^a{0}$", "a+?b", "(|a)b"),
    *(r"^\d{3}-\d+$", r"\s$", r"^\S+$", r"^\D$", r"^[\d.]+$", r"^[^\d]$", "^.$", "x.y", r"x\.y"),
    *("^[A-Z]{2}[0-9]{2}$", "^[^a-c]$", r"^[a\-z]+$", "^[a-]$", "^[-a]$", "^[a^]$", r"^[\]\\]$"),
    *(r"^[\s]$", "é", "^日", r"\^", r"^\[\]?$", "^[ä-ü]$", "()", "(?:)", r"\t", "^[^^]$"),
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_it_matches_what_rust_matches(pattern: str) -> None:
    expected = pl.Series(TEXTS).str.contains(pattern).to_list()
    found = matcher(pattern)
    assert [found(text) for text in TEXTS] == expected


atoms = st.sampled_from(["a", "b", ".", r"\d", r"\s", "[ab]", "[^a]", "[a-c1]", r"\.", "1", "-"])
pieces = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda each: f"({'|'.join(each)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "*?"])).map(
            lambda each: f"(?:{each[0]}){each[1]}"
        ),
    ),
    max_leaves=6,
)
patterns = st.tuples(st.sampled_from(["", "^"]), pieces, st.sampled_from(["", "$"])).map("".join)


@given(patterns, st.lists(st.text("abc1. -\né", max_size=8), min_size=1, max_size=20))
@settings(max_examples=200)
def test_made_up_patterns_match_what_rust_matches(pattern: str, texts: list[str]) -> None:
    try:
        found = matcher(pattern)
    except ValueError as error:
        assert "too many" in str(error)  # noqa: PT017 - some are too large, the others are judged
        return
    assert [found(text) for text in texts] == pl.Series(texts).str.contains(pattern).to_list()


@pytest.mark.parametrize("pattern", [r"^\d$", r"^\s$", r"^[^\d\s]$", "^.$"])
def test_each_character_is_of_the_same_kind(pattern: str) -> None:
    chars = [chr(code) for code in range(0x3000) if unicodedata.category(chr(code)) != "Cn"]
    expected = pl.Series(chars).str.contains(pattern).to_list()
    found = matcher(pattern)
    assert [char for char, said in zip(chars, expected, strict=True) if found(char) != said] == []


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        (r"\w+", r"\\w"),
        (r"\bx", r"\\b"),
        (r"\p{L}", r"\\p"),
        ("(?i)a", "begins with"),
        ("(?P<n>a)", "begins with"),
        ("a**", "repetition of a repetition"),
        ("a*+", "repetition of a repetition"),
        ("[a&&b]", "set operation"),
        ("[a--b]", "set operation"),
        ("[[:alpha:]]", "class within"),
        (r"[a\D]", "negated class"),
        ("a{,3}", "braces"),
        ("a{3,1}", "wrong way round"),
        ("(a|b)*a(a|b){20}", "too many ways"),
        ("((a{20}){20}){20}", "too many repetitions"),
        ("a$b", "at character"),
        ("(^a)", "anchor within"),
        ("(" * 400 + ")" * 400, "too many"),
        ("a" * 301, "too many"),
        ("[b-a]", "range"),
        ("[", "end"),
        ("a)", "at character"),
        ("*", "where a character"),
        ("[]", "empty class"),
    ],
)
def test_what_is_not_known_is_said(pattern: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        matcher(pattern)


def test_no_text_takes_long() -> None:
    text = "a" * 200_000 + "b"
    started = time.process_time()
    assert not matcher("^(a+)+$")(text)
    assert not matcher(r"a*a*a*a*c")(text)
    assert time.process_time() - started < 2
