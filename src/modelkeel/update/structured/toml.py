"""TOML: tables by key, arrays by the identity of their items."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace

from modelkeel.update.structured.combine import Manner, merge_nodes
from modelkeel.update.structured.data import Data, Unclear, canonical
from modelkeel.update.structured.flow import HASH, scan
from modelkeel.update.structured.node import Node, checked
from modelkeel.update.structured.rules import list_rule

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*+"|'[^'\n]*')"""
_NAME = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*+"
_TRIVIA = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*+")
_HEADER = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_NAME})[ \t]*(\]\]?)[ \t]*(?:#[^\n]*)?\n")
_KEY = re.compile(rf"[ \t]*({_NAME})[ \t]*=[ \t]*")
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?\n")
_SCALAR = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{1,2}(?!"))?'
    r"|'''.*?'''(?:'{1,2}(?!'))?"
    r'|"(?:\\.|[^"\\\n])*+"'
    r"|'[^'\n]*'"
    r"|\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]+"
    r"|[^\s,\[\]{}#\"'=]+",
    re.DOTALL,
)


def load(text: str) -> Data:
    """Return the data of a document.

    Raises:
        ValueError: not TOML.
    """
    return canonical(tomllib.loads(text))


def merge(base: str, ours: str, theirs: str) -> str:
    """Return the merged document.

    Raises:
        Unclear: both sides' changes do not go together.
        ValueError: not TOML.
    """
    trees = _name_elements([parse(text) for text in (base, ours, theirs)])
    return merge_nodes(*trees, Manner()).text


def parse(text: str) -> Node:
    """Return the tree of a document: keys before any header, then one node a header."""
    tomllib.loads(text)
    blocks: list[Node] = []
    head = Node("map", value={})
    entries: list[Node] = []
    position = 0
    while True:
        match = _TRIVIA.match(text, position)
        start = match.end() if match else position
        lead = text[position:start]
        header = _HEADER.match(text, start)
        if header or start == len(text):
            blocks.append(_block(head, entries))
        if start == len(text):
            return checked(_root(blocks, lead), text)
        if header:
            steps = _parts(header[2])
            name = header[1] + ".".join(map(repr, steps))
            head, entries = Node("map", {}, name, steps, lead=lead, prefix=header[0]), []
            position = header.end()
        else:
            entry, position = _entry(text, start, "\n")
            entries.append(replace(entry, lead=lead))


def _block(head: Node, entries: list[Node]) -> Node:
    value: Data = {".".join(entry.steps): entry.value for entry in entries}
    return replace(head, value=value, items=tuple(entries))


def _root(blocks: list[Node], tail: str) -> Node:
    """Put the tables below an element of an array of tables into that element."""
    items: list[Node] = []
    for block in blocks:
        owner = items[-1] if items and items[-1].name.startswith("[[") else None
        depth = len(owner.steps) if owner else 0
        if owner and len(block.steps) > depth and block.steps[:depth] == owner.steps:
            if block.name.startswith("[["):
                raise Unclear("an array of tables within another")
            inner = replace(block, steps=block.steps[depth:])
            items[-1] = replace(owner, items=(*owner.items, inner))
        else:
            items.append(block)
    return Node("map", items=tuple(items), tail=tail)


def _name_elements(trees: Sequence[Node]) -> tuple[Node, Node, Node]:
    """Give the elements of each array of tables the names that identify them in all versions."""
    names = {item.name for tree in trees for item in tree.items if item.name.startswith("[[")}
    for name in sorted(names):
        lists = [[item for item in tree.items if item.name == name] for tree in trees]
        values = [[item.value for item in items] for items in lists]
        rule = list_rule(next(item.steps for items in lists for item in items), values)
        if rule and rule.mode == "any":
            keys = [iter(rule.keys(value)) for value in values]
        elif values[0] in values[1:]:
            keys = [iter(map(str, range(len(value)))) for value in values]
        else:
            raise Unclear(f"{name}: its tables have no identity")
        trees = [
            replace(
                tree,
                items=tuple(
                    replace(item, name=f"[{name}{next(own)}", steps=(*item.steps, "*"))
                    if item.name == name
                    else item
                    for item in tree.items
                ),
            )
            for tree, own in zip(trees, keys, strict=True)
        ]
    base, ours, theirs = trees
    return base, ours, theirs


def _parts(name: str) -> tuple[str, ...]:
    data = tomllib.loads(f"{name} = 0")
    parts: list[str] = []
    while isinstance(data, dict):
        key, data = next(iter(data.items()))
        parts.append(key)
    return tuple(parts)


def _entry(text: str, start: int, end: str) -> tuple[Node, int]:
    key = _KEY.match(text, start)
    if not key:
        raise Unclear("no key")
    node, position = _value(text, key.end())
    steps = _parts(key[1])
    node = replace(node, name=".".join(map(repr, steps)), steps=steps, prefix=key[0])
    rest = _REST.match(text, position) if end == "\n" else None
    if end == "\n" and not rest:
        raise Unclear("text behind a value")
    return (replace(node, trail=rest[0]), rest.end()) if rest else (node, position)


def _value(text: str, start: int) -> tuple[Node, int]:
    if text.startswith("[", start):
        items, tail, comma, end = scan(text, start + 1, "]", _value, HASH)
        value: Data = [item.value for item in items]
        return Node(
            "list", value, head="[", items=tuple(items), tail=tail, flow=True, comma=comma
        ), end
    if text.startswith("{", start):
        items, tail, comma, end = scan(text, start + 1, "}", _inline, HASH)
        pairs: Data = {".".join(item.steps): item.value for item in items}
        return Node(
            "map", pairs, head="{", items=tuple(items), tail=tail, flow=True, comma=comma
        ), end
    scalar = _SCALAR.match(text, start)
    if not scalar:
        raise Unclear("no value")
    return Node("scalar", load_scalar(scalar[0]), head=scalar[0]), scalar.end()


def _inline(text: str, start: int) -> tuple[Node, int]:
    return _entry(text, start, ",")


def load_scalar(text: str) -> Data:
    """Return the value of a scalar's text."""
    return canonical(tomllib.loads(f"x = {text}")["x"])
