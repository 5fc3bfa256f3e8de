"""The three-way merge of trees of text pieces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from modelkeel.update.structured import flow
from modelkeel.update.structured.data import Unclear
from modelkeel.update.structured.node import Node, merge_text, same, squeezed
from modelkeel.update.structured.order import Rank, merge_order, rank_of
from modelkeel.update.structured.rules import list_rule

Keyed = Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class Manner:
    """How a format orders the entries of its tables.

    Attributes:
        fixed: the key of a table entry whose place counts.
        rank: sorts entries that both sides added at one place; None: ours first.
        by_name: this table is to stay sorted where it is.
    """

    fixed: Callable[[str], bool] = lambda _: False
    rank: Callable[[str], Rank | None] = lambda _: None
    by_name: Callable[[Node], bool] = lambda _: False


def merge_nodes(
    base: Node | None, ours: Node, theirs: Node, manner: Manner, steps: tuple[str, ...] = ()
) -> Node:
    """Return ours with what theirs changed since base; base None: both sides added it.

    Raises:
        Unclear: both sides changed the same thing, or may have.
    """
    lead = merge_text(base.lead if base else "", ours.lead, theirs.lead)
    if ours.bare == theirs.bare or (base and theirs.bare == base.bare):
        return replace(ours, lead=lead)
    if base and ours.bare == base.bare:
        return replace(theirs, lead=lead)
    if (ours.kind, ours.flow, ours.compact) != (theirs.kind, theirs.flow, theirs.compact):
        raise Unclear(f"{ours.name}: both sides changed it, one its form")
    if base and (base.kind, base.flow) != (ours.kind, ours.flow):
        if squeezed(base.core):
            raise Unclear(f"{ours.name}: both sides changed its form")
        base = replace(base, kind=ours.kind, flow=ours.flow, head="", items=(), tail="")
    prefix = merge_text(base.prefix if base else "", ours.prefix, theirs.prefix)
    trail = merge_text(base.trail if base else "", ours.trail, theirs.trail)
    if ours.core == theirs.core or (base and theirs.core == base.core):
        merged = ours
    elif base and ours.core == base.core:
        merged = theirs
    elif ours.kind == "scalar":
        raise Unclear(f"{ours.name}: both sides changed it")
    else:
        merged = _merge_container(base, ours, theirs, manner, steps)
    return replace(merged, lead=lead, prefix=prefix, trail=trail)


def _merge_container(
    base: Node | None, ours: Node, theirs: Node, manner: Manner, steps: tuple[str, ...]
) -> Node:
    empty = replace(ours, items=(), head="", tail="")
    old = base or empty
    by_name, fixed, grow = manner.by_name(ours), manner.fixed, False
    keyed: list[Keyed]
    if ours.kind == "map":
        keyed = [_by_key(node, [item.name for item in node.items]) for node in (old, ours, theirs)]
    else:
        lists = [[item.value for item in node.items] for node in (old, ours, theirs)]
        rule = list_rule(steps, lists)
        if rule is None:
            raise Unclear("a list whose items have no identity")
        keyed = [
            _by_key(node, rule.keys(values))
            for node, values in zip((old, ours, theirs), lists, strict=True)
        ]
        grow = rule.mode != "any"
        by_name = rule.mode != "ordered" and all(item.kind == "scalar" for item in ours.items)
        if rule.mode == "ordered":
            fixed = _always
            if set(keyed[1]) & set(keyed[2]) - set(keyed[0]):
                raise Unclear("both sides added the same item to a list whose order counts")
    if grow and set(keyed[0]) - (set(keyed[1]) & set(keyed[2])):
        raise Unclear("items removed from a list that the other side changed")
    merged = _merge_items(keyed, manner, steps)
    old_keys, our_keys, their_keys = (list(entries) for entries in keyed)
    rank = rank_of(old_keys, our_keys, their_keys) if by_name else manner.rank
    placed = ours.kind == "list" and any(item.kind == "map" for item in ours.items)
    keys = merge_order(
        old_keys, our_keys, their_keys, merged, fixed=fixed, rank=rank, placed=placed
    )
    if ours.flow:
        return flow.lay_out(base, ours, theirs, [(key, merged[key]) for key in keys], keyed)
    if ours.indent != theirs.indent:
        raise Unclear("both sides changed a block and one its indent")
    items = _spaced([(key, merged[key]) for key in keys], keyed[1], keyed[2])
    if ours.compact and items and items[0].lead.strip():
        raise Unclear("a comment has no place before the first key of an item")
    if ours.compact and items:
        items[0] = replace(items[0], lead="")
    return replace(
        ours,
        head=merge_text(old.head if base else "", ours.head, theirs.head),
        items=tuple(items),
        tail=merge_text(old.tail if base else "", ours.tail, theirs.tail),
    )


def _merge_items(keyed: Sequence[Keyed], manner: Manner, steps: tuple[str, ...]) -> dict[str, Node]:
    base, ours, theirs = keyed
    merged: dict[str, Node] = {}
    for key in dict.fromkeys([*ours, *theirs]):
        old, our, their = base.get(key), ours.get(key), theirs.get(key)
        if our and their:
            merged[key] = merge_nodes(old, our, their, manner, steps + (our.steps or ("*",)))
        elif old is None:
            merged[key] = _one(our, their)
        elif not same(old, _one(our, their)):
            raise Unclear(f"{key}: one side removed what the other changed")
    return merged


def _by_key(node: Node, keys: Sequence[str]) -> Keyed:
    keyed = dict(zip(keys, node.items, strict=True))
    if len(keyed) < len(node.items):
        raise Unclear("a key occurs twice")
    return keyed


def _one(ours: Node | None, theirs: Node | None) -> Node:
    node = ours or theirs
    if node is None:
        raise Unclear("an entry of neither side")
    return node


def _spaced(items: list[tuple[str, Node]], ours: Keyed, theirs: Keyed) -> list[Node]:
    """Give an entry that was the first of its block the blank lines its neighbours have."""
    spaced: list[Node] = []
    for number, (key, item) in enumerate(items):
        for side in (ours, theirs):
            entries = list(side)
            if number and key not in (ours if side is theirs else theirs) and entries[:1] == [key]:
                following = side[entries[1]].lead if len(entries) > 1 else ""
                blank = following[: len(following) - len(following.lstrip("\n"))]
                item = replace(item, lead=blank + item.lead.lstrip("\n"))
        spaced.append(item)
    return spaced


def _always(_: str) -> bool:
    return True
