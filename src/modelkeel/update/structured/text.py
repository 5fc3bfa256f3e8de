"""What surrounds the lines of a file: byte order mark, line ends, final newline."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

from modelkeel.update.structured.data import Unclear

_MARKERS = re.compile(r"^(?:<{7} |>{7} |\|{7} )", re.MULTILINE)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Frame:
    """How a file begins and ends its lines; None: the file has no line end."""

    mark: bool
    line_end: str | None
    final: bool | None


def unframe(text: str) -> tuple[Frame, str]:
    r"""Return the frame of a file and its text with `\n` after every line.

    Raises:
        Unclear: mixed line ends, characters that are not text, conflict markers.
    """
    mark = text.startswith("\ufeff")
    body = text.removeprefix("\ufeff")
    if any(0xD800 <= ord(character) <= 0xDFFF or character in "\0\f\v" for character in body):
        raise Unclear("not plain text")
    plain = body.replace("\r\n", "\n")
    if "\r" in plain or ("\r\n" in body and body.count("\r\n") != body.count("\n")):
        raise Unclear("mixed line ends")
    if _MARKERS.search(plain):
        raise Unclear("conflict markers")
    line_end = ("\r\n" if "\r\n" in body else "\n") if "\n" in plain else None
    final = plain.endswith("\n") if plain else None
    return Frame(mark, line_end, final), plain if final is not False else plain + "\n"


def merge_frames(base: Frame | None, ours: Frame, theirs: Frame) -> Frame:
    """Return the frame of the result: what one side changed, otherwise ours."""
    if base is None:
        base = theirs
    return Frame(
        _choose(base.mark, ours.mark, theirs.mark),
        _choose(base.line_end, ours.line_end, theirs.line_end),
        _choose(base.final, ours.final, theirs.final),
    )


def enframe(frame: Frame, text: str) -> str:
    """Return the file of a text that has a newline after every line."""
    if frame.final is False:
        text = text.removesuffix("\n")
    if frame.line_end == "\r\n":
        text = text.replace("\n", "\r\n")
    return "\ufeff" + text if frame.mark else text


def _choose(base: _T, ours: _T, theirs: _T) -> _T:
    if ours is None:
        return theirs
    return theirs if ours == base and theirs is not None else ours
