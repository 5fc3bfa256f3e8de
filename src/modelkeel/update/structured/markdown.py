"""Markdown by section; the lists of a changelog by entry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from modelkeel.update.structured.combine import Manner, merge_nodes
from modelkeel.update.structured.node import Node, checked

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)$")
_CHANGELOG = re.compile(r"(?:changelog|changes|history|release[-_ ]?notes|news)", re.IGNORECASE)
_BULLET = re.compile(r"[-*+] ")


def is_changelog(path: str) -> bool:
    """Tell whether a file is a list of changes by its name."""
    return bool(_CHANGELOG.fullmatch(PurePosixPath(path).stem))


def merge(path: str, base: str, ours: str, theirs: str) -> str:
    """Return the merged file.

    Raises:
        Unclear: both sides changed the same section.
    """
    changelog = is_changelog(path)
    old, our, their = (parse(text, changelog=changelog) for text in (base, ours, theirs))
    return merge_nodes(old, our, their, Manner()).text


@dataclass(slots=True)
class _Section:
    level: int
    heading: str
    title: str
    lead: str = ""
    lines: list[str] = field(default_factory=list)
    below: list[_Section] = field(default_factory=list)


def parse(text: str, *, changelog: bool = False) -> Node:
    """Return the tree of a file: each section has its own text and the sections below it."""
    root = _Section(0, "", "")
    path = [root]
    for line, level, title in _headings(text):
        if not level:
            path[-1].lines.append(line)
            continue
        blank = _blank_end(path[-1])
        while path[-1].level >= level:
            path.pop()
        section = _Section(level, line, title, lead=blank)
        path[-1].below.append(section)
        path.append(section)
    tail = _blank_end(path[-1])
    return checked(replace(_node(root, changelog=changelog), tail=tail), text)


def _headings(text: str) -> Iterator[tuple[str, int, str]]:
    """Yield each line with the level and title of its heading; level 0: no heading."""
    fence = ""
    comment = front = False
    for number, line in enumerate(text.splitlines(keepends=True)):
        plain = line.rstrip("\n")
        if number == 0 and plain == "---":
            front = True
        elif front:
            front = plain != "---"
        elif comment:
            comment = "-->" not in plain
        elif fence:
            closing = _FENCE.match(plain)
            if closing and closing[1].startswith(fence) and not closing[2].strip():
                fence = ""
        elif opening := _FENCE.match(plain):
            fence = opening[1]
        elif heading := _HEADING.match(plain):
            yield line, len(heading[1]), (heading[2] or "").strip()
            continue
        else:
            comment = "<!--" in plain and "-->" not in plain.rpartition("<!--")[2]
        yield line, 0, ""


def _blank_end(section: _Section) -> str:
    blank = ""
    while section.lines and not section.lines[-1].strip():
        blank = section.lines.pop() + blank
    return blank


def _node(section: _Section, *, changelog: bool) -> Node:
    own = _bullets(section.lines) if changelog and section.level else None
    text = own or Node("scalar", head="".join(section.lines))
    below = (_node(inner, changelog=changelog) for inner in section.below)
    return Node(
        "map",
        name=f"{'#' * section.level} {section.title}",
        lead=section.lead,
        head=section.heading,
        items=(replace(text, name="text"), *below),
    )


def _bullets(lines: list[str]) -> Node | None:
    """Return the entries of a section that ends with one list, None when it does not."""
    head = ""
    items: list[Node] = []
    blank = ""
    for line in lines:
        if _BULLET.match(line):
            entry = Node("scalar", lead=blank, head=line)
            items.append(entry)
            blank = ""
        elif not items:
            head += line
        elif not line.strip():
            blank += line
        elif line.startswith(("  ", "\t")):
            items[-1] = replace(items[-1], head=items[-1].head + blank + line)
            blank = ""
        else:
            return None
    if not items:
        return None
    named = tuple(replace(item, name=" ".join(item.head.split())) for item in items)
    return Node("map", head=head, items=named)
