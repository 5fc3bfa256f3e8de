"""Containers whose items stand between commas: read from text, and laid out anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from modelkeel.update.structured.data import Unclear
from modelkeel.update.structured.node import Node, merge_text, reindented

Read = Callable[[str, int], tuple[Node, int]]


@dataclass(frozen=True, slots=True)
class Comments:
    """The comments of a language: what may stand between items, what may end a line."""

    skip: re.Pattern[str]
    trail: re.Pattern[str]


HASH = Comments(re.compile(r"(?:\s+|#[^\n]*)*+"), re.compile(r"[ \t]*#[^\n]*"))
SLASH = Comments(
    re.compile(r"(?:\s+|//[^\n]*|/\*(?:[^*]|\*(?!/))*+\*/)*+"),
    re.compile(r"[ \t]*(?://[^\n]*|/\*(?:[^*\n]|\*(?!/))*+\*/(?=[ \t]*\n))"),
)


def scan(
    text: str, start: int, close: str, read: Read, comments: Comments
) -> tuple[list[Node], str, bool, int]:
    """Read the items after an opening bracket up to the closing one.

    Args:
        text: the whole text.
        start: where the first item's lead begins.
        close: the closing bracket.
        read: reads one item without its lead and trail, returns it and where it ends.
        comments: of the language.

    Returns:
        The items, the text from the last of them through the closing bracket, whether a comma
        ends the list, and where it ends.

    Raises:
        Unclear: not such a container.
    """
    items: list[Node] = []
    comma = True
    while True:
        end = _match(comments.skip, text, start)
        lead = text[start:end]
        if text.startswith(close, end):
            stop = end + len(close)
            return items, text[start:stop], comma and bool(items), stop
        if not comma or end >= len(text):
            raise Unclear("a list without end")
        item, end = read(text, end)
        after = _match(comments.skip, text, end)
        comma = text.startswith(",", after)
        if comma and after > end:
            if text[end:after].strip():
                raise Unclear("a comment between an item and its comma")
            item, end = replace(item, tail=item.tail + text[end:after]), after
        start = _match(comments.trail, text, end + comma)
        items.append(replace(item, lead=lead, trail=text[end + comma : start]))


def _match(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start


@dataclass(frozen=True, slots=True)
class _Layout:
    lines: bool
    indent: str
    first: str
    rest: str
    comma: bool


def _layout(node: Node) -> _Layout:
    leads = [item.lead for item in node.items]
    in_lines = [lead for lead in leads if "\n" in lead]
    lines = bool(in_lines) or "\n" in node.tail
    indent = in_lines[0].rpartition("\n")[2] if in_lines else ""
    plain = "\n" + indent if in_lines else " "
    first = leads[0] if leads and not leads[0].strip() else plain if lines else ""
    rest = leads[1] if len(leads) > 1 and not lines and not leads[1].strip() else plain
    return _Layout(lines, indent, first, rest, node.comma)


def lay_out(
    base: Node | None,
    ours: Node,
    theirs: Node,
    merged: Sequence[tuple[str, Node]],
    keyed: Sequence[Mapping[str, Node]],
) -> Node:
    """Return the container of the merged items in the layout of the side that chose one.

    Args:
        base: the container before; None: both sides added it.
        ours: ours.
        theirs: theirs.
        merged: the items of the result in order, with their keys.
        keyed: the items of base, ours and theirs by key.

    Raises:
        Unclear: a comment has no place in the layout.
    """
    frame, other = ours, theirs
    chose = base and base.items and _layout(ours) == _layout(base) != _layout(theirs)
    if theirs.items and (not ours.items or chose):
        frame, other = theirs, ours
    here, there = _layout(frame), _layout(other)
    if not here.lines and not there.lines and len(frame.items) == 1 and len(other.items) > 1:
        here = replace(here, rest=there.rest)
    frame_keys = list(keyed[1] if frame is ours else keyed[2])
    other_keys = list(keyed[2] if frame is ours else keyed[1])
    items: list[Node] = []
    for number, (key, item) in enumerate(merged):
        in_frame = key in frame_keys
        kept = in_frame or here == there
        was_first = (frame_keys if in_frame else other_keys)[0] == key
        if not in_frame and here.lines:
            item = _moved(item, there, here)
        if not kept or was_first != (number == 0):
            if not item.lead.strip():
                item = replace(item, lead=here.rest if number else here.first)
            elif not here.lines or not item.lead.startswith("\n"):
                raise Unclear("a comment has no place in a list of one line")
        items.append(item)
    tail = frame.tail
    if _comment(tail) != _comment(other.tail):
        tail = merge_text(base.tail if base else "", ours.tail, theirs.tail)
        if tail[-1:] != frame.tail[-1:]:
            raise Unclear("a comment has no place in a list without brackets")
    result = replace(frame, items=tuple(items), tail=tail, comma=bool(items) and here.comma)
    for item, following in zip(items, [*(i.lead for i in items[1:]), tail], strict=True):
        if item.trail.strip() and not following.lstrip(" \t").startswith("\n"):
            raise Unclear("a comment would end in the middle of a line")
    return result


def _comment(tail: str) -> str:
    return tail.rstrip(")]}").strip()


def _moved(item: Node, there: _Layout, here: _Layout) -> Node:
    item = reindented(item, there.indent, here.indent)
    if there.indent == here.indent:
        return item
    return replace(item, lead=item.lead.replace("\n" + there.indent, "\n" + here.indent))
