"""Texts that are no documents at all, and frames of files."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkeel.update.structured import merge_structured, proven

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "50"))
PATHS = [
    "pyproject.toml",
    "params.yaml",
    "settings.json",
    "README.md",
    "CHANGELOG.md",
    "main.py",
    ".gitignore",
    "CODEOWNERS",
    "requirements.txt",
    ".env.example",
]
WORDS = [
    *("a", "b", "1", "-", ":", "#", "[", "]", "{", "}", ",", "=", '"', "'", '"""', "'''", "//"),
    *("/*", "*/", "|", ">", "&a", "*a", "!", "```", "##", "(", ")", "\\", "---", "...", "@", "%"),
    *("?", "<<:", "[[", "x.y", "[a]", "(a,", "--", "-e", "==", ">=1", "import", "from", "def"),
    *("f():", "class", "return", "__all__", "true", "null"),
]
BLANKS = [
    *(" ", " ", "  ", "    ", "\n", "\n", "\n\n", "\r\n", "\t", "\f", "\x00", "\x85"),
    *("\u2028", "\ud800", "\ufeff"),
]
PIECES = st.lists(st.sampled_from(WORDS) | st.sampled_from(BLANKS), max_size=25).map("".join)


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=EXAMPLES, database=None)
@given(base=PIECES, ours=PIECES, theirs=PIECES)
def test_any_text_gives_an_answer(path: str, base: str, ours: str, theirs: str) -> None:
    for before in (base, None):
        result = merge_structured(path, before, ours, theirs)
        assert result is None or isinstance(result, str)
        assert proven(path, before, ours, theirs, base) in (True, False)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("opening", ["[", "{", "(", "- ", "not ", "x=[", '{"a":', "a: {"])
def test_deep_nesting_gives_an_answer(path: str, opening: str) -> None:
    deep = opening * 5_000
    result = merge_structured(path, "", deep, deep + "1")
    assert result is None or "1" in result


@pytest.mark.parametrize(
    "path", ["uv.lock", "package-lock.json", "data.csv", "notes.txt", "a.ipynb"]
)
def test_files_without_known_structure_are_refused(path: str) -> None:
    assert merge_structured(path, "a\n", "a\nb\n", "a\nc\n") is None


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "result"),
    [
        ("a\n", "a\nb\n", "a\nc\n", "a\nb\nc\n"),
        ("a\r\n", "a\r\nb\r\n", "a\r\nc\r\n", "a\r\nb\r\nc\r\n"),
        ("a\n", "a\r\nb\r\n", "a\nc\n", "a\r\nb\r\nc\r\n"),
        ("a\r\n", "a\r\nb\r\n", "a\nc\n", "a\nb\nc\n"),
        ("a", "a\nb", "a\nc", "a\nb\nc"),
        ("a", "a\nb", "a\nc\n", "a\nb\nc\n"),
        ("a\n", "a\nb", "a\nc\n", "a\nb\nc"),
        ("\ufeffa\n", "\ufeffa\nb\n", "\ufeffa\nc\n", "\ufeffa\nb\nc\n"),
        ("a\n", "\ufeffa\nb\n", "a\nc\n", "\ufeffa\nb\nc\n"),
        (None, "b\n", "c\n", "b\nc\n"),
        ("a\n", "a\r\nb\n", "a\nc\n", None),
        ("a\n", "a\nb\r", "a\nc\n", None),
        ("a\n", "a\nb\x00\n", "a\nc\n", None),
        ("a\n", "a\nb\udcff\n", "a\nc\n", None),
        ("a\n", "<<<<<<< yours\na\nb\n", "a\nc\n", None),
    ],
)
def test_line_ends_and_marks(base: str | None, ours: str, theirs: str, result: str | None) -> None:
    assert merge_structured(".gitignore", base, ours, theirs) == result
