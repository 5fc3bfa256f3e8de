"""Text files as they come: encodings, NUL bytes, endless lines; read once, in bounded memory."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from modelkeel.data.sources.writing import replacing
from modelkeel.errors import BadInput

MAX_LINE = 16 << 20
"""The longest line that is read, in bytes: a longer one is a broken export, not a row."""

_CHUNK = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8 = ("utf-8", "utf-8-sig")


@dataclass(frozen=True)
class Text:
    """A text file that Polars can read: UTF-8, lines that end in a line feed, no NUL.

    Attributes:
        path: the file itself, or a copy of it in UTF-8.
        encoding: what it was written in.
        sha256: digest of the file as it came.
        size: its bytes.
    """

    path: Path
    encoding: str
    sha256: str
    size: int


@dataclass
class _Seen:
    """What one pass over the bytes finds."""

    sha256: str = ""
    size: int = 0
    nul: bool = False
    line_feed: bool = False
    carriage: bool = False
    utf8: bool = True


def open_text(path: Path, copy: Path, *, encoding: str | None, shown: str) -> Text:
    """Look through a file once, and copy it as UTF-8 where it is something else.

    The encoding is that of the byte order mark, else UTF-8 if every byte is, else the declared
    one. It is never guessed.

    Args:
        path: the file.
        copy: where a copy may be written.
        encoding: as declared in params.yaml.
        shown: the source, for messages.

    Raises:
        BadInput: a line is too long, a byte is not of the encoding, a NUL stands in it, or rows
            are of several encodings.
    """
    mark = _byte_order_mark(path)
    wide = mark in ("utf-16", "utf-32") or _is_wide(encoding)
    seen = _look(path, shown)
    found = mark or "utf-8"
    if (mark is None and encoding is not None) and (
        not seen.utf8 or (seen.nul and _is_wide(encoding))
    ):
        found = encoding
    elif not seen.utf8 and found in _UTF8:
        raise BadInput(
            f"{shown}: {_first_undecodable(path)}",
            remedy="save the table as UTF-8, or declare `encoding` of the source in params.yaml",
        )
    if seen.nul and not wide:
        raise BadInput(
            f"{shown}: row {_row_of_nul(path)}: holds a NUL byte",
            remedy="export the table again; if it is UTF-16, write encoding: utf-16-le",
        )
    old_mac = seen.carriage and not seen.line_feed
    if found in _UTF8 and not old_mac:
        return Text(path, found, seen.sha256, seen.size)
    _copy(path, copy, found, shown)
    return Text(copy, found, seen.sha256, seen.size)


def lines(path: Path) -> Iterator[str]:
    """The lines of a checked UTF-8 file, each with its end."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from file


def _look(path: Path, shown: str) -> _Seen:
    seen, digest = _Seen(), hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, number = 0, 0
    with path.open("rb") as file:
        for chunk in _chunks(file):
            digest.update(chunk)
            seen.size += len(chunk)
            seen.nul = seen.nul or b"\0" in chunk
            seen.carriage = seen.carriage or b"\r" in chunk
            first = chunk.find(b"\n")
            line += len(chunk) if first < 0 else first
            # A longer line than a chunk can only be the one carried over from chunks before.
            if line > MAX_LINE:
                raise BadInput(
                    f"{shown}: row {number}: is longer than {MAX_LINE >> 20} MiB",
                    remedy="export the table again: a line end or a closing quote is missing",
                )
            if first >= 0:
                seen.line_feed = True
                number += chunk.count(b"\n")
                line = len(chunk) - chunk.rfind(b"\n") - 1
            seen.utf8 = seen.utf8 and _decodes(decoder, chunk)
        seen.utf8 = seen.utf8 and _decodes(decoder, b"", final=True)
    seen.sha256 = digest.hexdigest()
    return seen


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    # ASCII is by far the most, and quicker to recognise than to decode.
    if chunk.isascii() and not decoder.getstate()[0] and not final:
        return True
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _copy(path: Path, copy: Path, encoding: str, shown: str) -> None:
    if _one_byte(encoding):
        _refuse_mixed(path, encoding, shown)
    row = 0
    try:
        with (
            replacing(copy) as beside,
            beside.open("w", encoding="utf-8", newline="") as out,
            path.open("rb") as file,
        ):
            for text in _decoded(file, encoding):
                row += text.count("\n")
                if "\0" in text:
                    raise BadInput(
                        f"{shown}: row {row} or before: holds a NUL character",
                        remedy="export the table again",
                    )
                out.write(text)
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{shown}: after row {row}: is not {encoding}: {error.reason}",
            remedy="correct `encoding` of the source in params.yaml",
        ) from None


def _decoded(file: BinaryIO, encoding: str) -> Iterator[str]:
    """The text in pieces, all lines ended by a line feed."""
    decoder = codecs.getincrementaldecoder(encoding)()
    carried = ""
    for chunk in _chunks_and_end(file):
        text = carried + decoder.decode(chunk, not chunk)
        # A carriage return may be the first half of a line end.
        carried = "\r" if text.endswith("\r") and chunk else ""
        text = text.removesuffix("\r") if carried else text
        yield text.replace("\r\n", "\n").replace("\r", "\n")


def _refuse_mixed(path: Path, encoding: str, shown: str) -> None:
    """A one-byte encoding reads anything, so rows of UTF-8 among its own must be told apart."""
    own = other = None
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if line.isascii():
                continue
            if _is_utf8(line):
                other = number if other is None else other
            else:
                own = number if own is None else own
            if own is not None and other is not None:
                raise BadInput(
                    f"{shown}: row {other} is UTF-8 and row {own} is not: two encodings in one "
                    "file",
                    remedy=f"export all rows in one encoding; {encoding} would garble row {other}",
                )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _one_byte(encoding: str) -> bool:
    return len(bytes(range(256)).decode(encoding, errors="replace")) == 256


def _is_wide(encoding: str | None) -> bool:
    return encoding is not None and b"\0" in "a".encode(encoding)


def _byte_order_mark(path: Path) -> str | None:
    with path.open("rb") as file:
        start = file.read(4)
    return next((name for mark, name in _MARKS if start.startswith(mark)), None)


def _first_undecodable(path: Path) -> str:
    with path.open("rb") as file:
        for number, line in enumerate(file):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return f"row {number}: is not UTF-8: byte {line[error.start]:#04x}"
    return "is not UTF-8"


def _row_of_nul(path: Path) -> int:
    with path.open("rb") as file:
        return next(number for number, line in enumerate(file) if b"\0" in line)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(_CHUNK), b"")


def _chunks_and_end(file: BinaryIO) -> Iterator[bytes]:
    yield from _chunks(file)
    yield b""
