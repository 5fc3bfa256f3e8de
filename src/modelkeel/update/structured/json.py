"""JSON, with comments and trailing commas too: keys, and lists by the identity of their items."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from modelkeel.update.structured.combine import Manner, merge_nodes
from modelkeel.update.structured.data import Data, Unclear, canonical
from modelkeel.update.structured.flow import SLASH, scan
from modelkeel.update.structured.node import Node, checked

_SCALAR = re.compile(r'"(?:\\.|[^"\\\n])*+"|[^\s,\[\]{}:"/]+')
_COLON = re.compile(r"[ \t]*:\s*")
_TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*+"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_COMMA = re.compile(r'("(?:\\.|[^"\\\n])*+")|,(?=\s*[\]}])')


def load(text: str, *, strict: bool = False) -> Data:
    """Return the data of a document.

    Args:
        text: the document.
        strict: neither comments nor trailing commas.

    Raises:
        ValueError: not JSON, or a key occurs twice.
    """
    if not strict:
        text = _TOKEN.sub(lambda found: found[0] if found[0][0] == '"' else " ", text)
        text = _COMMA.sub(lambda found: found[1] or "", text)
    return canonical(json.loads(text, object_pairs_hook=_unique, parse_float=_Number))


def is_strict(text: str) -> bool:
    """Tell whether a document has neither comments nor trailing commas."""
    try:
        load(text, strict=True)
    except ValueError:
        return False
    return True


def merge(base: str, ours: str, theirs: str) -> str:
    """Return the merged document.

    Raises:
        Unclear: both sides' changes do not go together.
        ValueError: not JSON.
    """
    old = parse(base) if base.strip() else None
    return merge_nodes(old, parse(ours), parse(theirs), Manner()).text


def parse(text: str) -> Node:
    """Return the tree of a document."""
    load(text)
    found = SLASH.skip.match(text)
    start = found.end() if found else 0
    node, end = _value(text, start)
    return checked(replace(node, lead=text[:start], trail=text[end:]), text)


class _Number(str):
    """A number with a fraction as it is written."""

    __slots__ = ()


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a key occurs twice")
    return table


def _value(text: str, start: int) -> tuple[Node, int]:
    if text.startswith("[", start):
        items, tail, comma, end = scan(text, start + 1, "]", _value, SLASH)
        value: Data = [item.value for item in items]
        return Node(
            "list", value, head="[", items=tuple(items), tail=tail, flow=True, comma=comma
        ), end
    if text.startswith("{", start):
        items, tail, comma, end = scan(text, start + 1, "}", _entry, SLASH)
        pairs: Data = {item.name: item.value for item in items}
        return Node(
            "map", pairs, head="{", items=tuple(items), tail=tail, flow=True, comma=comma
        ), end
    scalar = _SCALAR.match(text, start)
    if not scalar:
        raise Unclear("no value")
    return Node("scalar", load(scalar[0], strict=True), head=scalar[0]), scalar.end()


def _entry(text: str, start: int) -> tuple[Node, int]:
    key = _SCALAR.match(text, start)
    colon = _COLON.match(text, key.end()) if key else None
    if not key or not colon:
        raise Unclear("no key")
    name = json.loads(key[0])
    node, end = _value(text, colon.end())
    return replace(node, name=name, steps=(name,), prefix=text[start : colon.end()]), end
