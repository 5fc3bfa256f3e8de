"""A document as a tree of pieces of its text: all pieces together are the text again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from modelkeel.update.structured.comments import merge_lines
from modelkeel.update.structured.data import Data, Unclear

Kind = Literal["scalar", "map", "list"]


@dataclass(frozen=True, slots=True)
class Node:
    """One entry of a document: a key with its value, an item of a list, a line, a definition.

    Its text is lead (comments and blank lines before), prefix (`key = `), head, items and tail
    (the value), trail (a comment behind it, the line end). A scalar has its whole value in head.
    In a flow container (`[a, b]`) commas stand between the items and belong to no item; in a block
    container every item but the first of a compact one (`- key: value`) starts with the indent.
    """

    kind: Kind
    value: Data = ("str", "")
    name: str = ""
    steps: tuple[str, ...] = ()
    lead: str = ""
    prefix: str = ""
    head: str = ""
    items: tuple[Node, ...] = ()
    tail: str = ""
    trail: str = ""
    flow: bool = False
    comma: bool = False
    indent: str = ""
    compact: bool = False

    @property
    def core(self) -> str:
        """The text of the value."""
        parts = [self.head]
        for number, item in enumerate(self.items):
            if self.flow:
                comma = "," if self.comma or number < len(self.items) - 1 else ""
                parts += [item.lead, item.prefix, item.core, comma, item.trail]
            else:
                indent = "" if self.compact and number == 0 else self.indent
                parts += [item.lead, indent, item.prefix, item.core, item.trail]
        parts.append(self.tail)
        return "".join(parts)

    @property
    def bare(self) -> str:
        """The text without what stands before."""
        return self.prefix + self.core + self.trail

    @property
    def text(self) -> str:
        """The whole text."""
        return self.lead + self.bare


def same(one: Node, other: Node) -> bool:
    """Tell whether two nodes differ in no more than blank space."""
    return squeezed(one.text) == squeezed(other.text)


def squeezed(text: str) -> str:
    """Return text without its blank space."""
    return "".join(text.split())


def checked(node: Node, text: str) -> Node:
    """Return node when its pieces are the text.

    Raises:
        Unclear: they are not.
    """
    if node.text != text:
        raise Unclear("the pieces are not the text")
    return node


def reindented(node: Node, old: str, new: str) -> Node:
    """Return node with every line after its first moved from the indent old to new."""
    if old == new:
        return node

    def move(text: str) -> str:
        return text.replace("\n" + old, "\n" + new)

    return replace(
        node,
        prefix=move(node.prefix),
        head=move(node.head),
        tail=move(node.tail),
        trail=move(node.trail),
        indent=new + node.indent.removeprefix(old),
        items=tuple(
            replace(reindented(item, old, new), lead=move(item.lead)) for item in node.items
        ),
    )


def merge_text(base: str, ours: str, theirs: str) -> str:
    """Merge the text between values; where both changed it, one in blank space only gives way.

    Raises:
        Unclear: both sides changed the same lines, or neighbouring ones.
    """
    if ours == theirs or theirs == base:
        return ours
    if ours == base:
        return theirs
    try:
        return merge_lines(base, ours, theirs)
    except Unclear:
        if squeezed(ours) == squeezed(theirs) or squeezed(theirs) == squeezed(base):
            return ours
        if squeezed(ours) == squeezed(base):
            return theirs
        raise
