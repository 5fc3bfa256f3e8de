"""Merging the contents of one file that both sides changed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelkeel.update import git
from modelkeel.update.git import Entries, Entry
from modelkeel.update.parsing import is_data, parser_of, parses, read

YOURS = "yours"
_LFS = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class Sides:
    """The three trees of a merge.

    Attributes:
        base: old template with old answers.
        ours: the user's.
        theirs: new template with new answers.
        label: of the template in what git wrote.
        shown: of the template as a person reads it.
    """

    base: Entries
    ours: Entries
    theirs: Entries
    label: str
    shown: str

    def stages(self, path: str) -> dict[int, Entry]:
        """Entries of the three sides at one path, as far as they exist."""
        found = {1: self.base.get(path), 2: self.ours.get(path), 3: self.theirs.get(path)}
        return {number: entry for number, entry in found.items() if entry}


@dataclass(frozen=True)
class Content:
    """A merged file: its bytes, the kind of conflict that is left, how it was settled."""

    data: bytes
    kind: str = ""
    structured: bool = False


def merge_contents(path: str, texts: Mapping[int, bytes], merged: bytes, sides: Sides) -> Content:
    """Settle a file that git left in conflict, if meaning or line ends can.

    Args:
        path: below the project, for its format.
        texts: contents of base (1, if any), yours (2) and the template's (3).
        merged: what git made of them, with markers.
        sides: for the labels.
    """
    if any(b"\0" in data[:8000] for data in texts.values()):
        return Content(texts[2], "binary")
    if any(data.startswith(_LFS) for data in texts.values()):
        return Content(texts[2], "large file")  # markers would make it no pointer
    done = by_structure(path, texts)
    if done is not None:
        return Content(done, structured=True)
    # Git makes longer markers where both sides also renamed the file.
    longer = b"<<<<<<<< " + YOURS.encode() in merged
    if longer or len({b"\r\n" in data for data in texts.values()}) > 1:
        again, clean = by_lines(texts, sides.shown)
        if clean or again is None:
            return Content(again or merged, "" if again else "content")
        return Content(again, "content")
    return Content(relabel(merged, sides), "content")


def recheck_contents(path: str, texts: Mapping[int, bytes], merged: bytes) -> bytes | None:
    """Look at what git merged by lines: as it is, better by structure, or None for a conflict."""
    parser = parser_of(path)
    decoded = _decode({**texts, 0: merged})
    if decoded is None:
        return merged
    if parser is None:
        return by_structure(path, texts) if _clash(path, decoded) else merged
    sane = parses(path, decoded[2]) and parses(path, decoded[3])
    found = read(parser, decoded[0])
    if not sane or (found is not None and not is_data(path) and not _clash(path, decoded)):
        return merged
    done = by_structure(path, texts)
    if done is None:
        from modelkeel.update.structured.proof import words_kept

        # It parses; but where one side only moved what the other removed, lines bring it back.
        whole = words_kept(decoded.get(1), decoded[2], decoded[3], decoded[0])
        return merged if found is not None and whole and not _clash(path, decoded) else None
    meant = read(parser, done.decode("utf-8"))
    return merged if meant is None or meant == found else done


def _clash(path: str, decoded: Mapping[int, str]) -> bool:
    from modelkeel.update.structured import clashes

    return clashes(path, decoded.get(1), decoded[2], decoded[3], decoded[0])


def mark_whole(ours: bytes, theirs: bytes, shown: str) -> bytes:
    """Both versions between markers, without the lines that they begin and end with alike."""
    left, right = ours.splitlines(keepends=True), theirs.splitlines(keepends=True)
    head = 0
    while head < min(len(left), len(right)) and left[head] == right[head]:
        head += 1
    tail = 0
    while tail < min(len(left), len(right)) - head and left[-1 - tail] == right[-1 - tail]:
        tail += 1
    end = b"\r\n" if b"\r\n" in ours else b"\n"

    def part(lines: list[bytes]) -> list[bytes]:
        kept = lines[head : len(lines) - tail]
        if kept and not kept[-1].endswith(b"\n"):
            kept[-1] += end
        return kept

    marked = [b"<<<<<<< " + YOURS.encode() + end, *part(left), b"=======" + end]
    marked += [*part(right), b">>>>>>> " + shown.encode() + end]
    return b"".join([*left[:head], *marked, *left[len(left) - tail :]])


def by_structure(path: str, texts: Mapping[int, bytes]) -> bytes | None:
    """The merge by meaning, None where that is in doubt."""
    from modelkeel.update.structured import merge_structured

    decoded = _decode(texts)
    if decoded is None:
        return None
    # Line ends are the user's; structure is compared without them.
    crlf = "\r\n" in decoded[2]
    plain = {number: text.replace("\r\n", "\n") for number, text in decoded.items()}
    done = merge_structured(path, plain.get(1), plain[2], plain[3])
    if done is None:
        return None
    return (done.replace("\n", "\r\n") if crlf else done).encode("utf-8")


def by_lines(texts: Mapping[int, bytes], shown: str) -> tuple[bytes | None, bool]:
    """Git's merge of lines with the user's line ends on all sides; is it clean?"""
    crlf = b"\r\n" in texts[2]
    plain = [texts.get(number, b"").replace(b"\r\n", b"\n") for number in (2, 1, 3)]
    with tempfile.TemporaryDirectory(prefix="keel-") as folder:
        names = ["ours", "base", "theirs"]
        for name, data in zip(names, plain, strict=True):
            Path(folder, name).write_bytes(data)
        labels = [part for label in (YOURS, "base", shown) for part in ("-L", label)]
        try:
            data = git.raw(Path(folder), "merge-file", "-p", "-q", *labels, *names,
                           allowed=range(128))  # fmt: skip
        except git.GitFailed:
            return None, False
    clean = b"<<<<<<< " + YOURS.encode() not in data
    return (data.replace(b"\n", b"\r\n") if crlf else data), clean


def relabel(merged: bytes, sides: Sides) -> bytes:
    """Git's markers, with labels that a person reads."""
    written = re.escape(sides.label.encode())
    return re.sub(
        rb"^>{7} " + written + rb"(?=(:.*)?\r?$)",
        lambda _: b">>>>>>> " + sides.shown.encode(),
        merged,
        flags=re.MULTILINE,
    )


def has_markers(data: bytes, sides: Sides) -> bool:
    """Did git leave a conflict between these sides in a file?"""
    end = rb"^>{7,} " + re.escape(sides.label.encode()) + rb"(:.*)?\r?$"
    return re.search(end, data, re.MULTILINE) is not None


def _decode(texts: Mapping[int, bytes]) -> dict[int, str] | None:
    try:
        return {number: data.decode("utf-8") for number, data in texts.items()}
    except UnicodeDecodeError:
        return None
