"""The order of the merged entries of a table, a list or a file."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

from modelkeel.update.structured.data import Unclear

Natural: TypeAlias = list[tuple[int, int, str]]
Rank: TypeAlias = tuple[int, Natural]


def merge_order(
    base: Sequence[str],
    ours: Sequence[str],
    theirs: Sequence[str],
    keep: Collection[str],
    *,
    fixed: Callable[[str], bool] = lambda _: False,
    rank: Callable[[str], Rank | None] = lambda _: None,
    placed: bool = False,
) -> list[str]:
    """Return the keys to keep in the order of the side that moved them, otherwise ours.

    What the other side added comes after the same neighbour as there, behind our own additions.

    Args:
        base: keys of each version, each key once.
        ours: same.
        theirs: same.
        keep: keys that the result has.
        fixed: tells that a key means something by its place: it may not share one with additions
            of the other side.
        rank: sorts what both sides added at one place; None: ours first.
        placed: what stands before and behind an entry may count, as with steps.

    Raises:
        Unclear: both sides moved entries, or added fixed ones at the same place, or added placed
            ones where one of them removed some.
    """
    common = set(base) & set(ours) & set(theirs)
    orders = [[key for key in keys if key in common] for keys in (base, ours, theirs)]
    if orders[1] != orders[0] and orders[2] not in (orders[0], orders[1]):
        raise Unclear("both sides moved entries")
    moved = theirs if orders[1] == orders[0] else ours
    mine, yours = _additions(base, ours), _additions(base, theirs)
    if placed:
        _check_places(base, ours, theirs, mine, yours)
    result: list[str] = []
    for slot in [None, *_skeleton(base, moved)]:
        if slot is not None and slot in keep:
            result.append(slot)
        first, second = mine.get(slot, []), yours.get(slot, [])
        both_sides = set(first) - set(second) and set(second) - set(first)
        if both_sides and any(fixed(key) for key in {*first, *second}):
            raise Unclear("both sides added at one place where order counts")
        if slot is not None and slot not in ours and slot not in theirs and both_sides:
            raise Unclear("both sides replaced the same entry")
        if slot is not None and slot not in theirs:
            first, second = second, first  # what replaces an entry stands in its place
        result += _joined(first, second, rank)
    return list(dict.fromkeys(result))


def _skeleton(base: Sequence[str], side: Sequence[str]) -> list[str]:
    """Return the keys of base in a side's order, those it removed behind their neighbours."""
    old = set(base)
    keys = [key for key in side if key in old]
    for number, key in enumerate(base):
        if key not in side:
            keys.insert(keys.index(base[number - 1]) + 1 if number else 0, key)
    return keys


def _additions(base: Sequence[str], side: Sequence[str]) -> dict[str | None, list[str]]:
    """Return what a side added by the key of base behind which it belongs.

    Where it also removed keys, it belongs behind the last of those.
    """
    places = {key: number for number, key in enumerate(base)}
    present = set(side)
    added: dict[str | None, list[str]] = {}
    slot = -1
    for key in side:
        if key in places:
            slot = places[key]
            continue
        end = slot
        while end + 1 < len(base) and base[end + 1] not in present:
            end += 1
        added.setdefault(base[end] if end >= 0 else None, []).append(key)
    return added


def _joined(first: list[str], second: list[str], rank: Callable[[str], Rank | None]) -> list[str]:
    """Join what both sides added at one place: sorted if all have a rank, otherwise in turn."""
    joined = list(first)
    place = 0
    for key in second:
        if key in first:
            place = joined.index(key) + 1
            continue
        end = place
        while end < len(joined) and joined[end] not in second:
            end += 1
        ranks = [found for other in [*joined[place:end], key] if (found := rank(other))]
        mixed = len(ranks) == end - place + 1
        place = place + bisect(ranks[:-1], ranks[-1]) if mixed else end
        joined.insert(place, key)
        place += 1
    return joined


def _check_places(
    base: Sequence[str],
    ours: Sequence[str],
    theirs: Sequence[str],
    mine: Mapping[str | None, list[str]],
    yours: Mapping[str | None, list[str]],
) -> None:
    """Refuse additions among several entries that the other side replaced.

    Raises:
        Unclear: before or behind which of the new entries they belong is open.
    """
    for side, added, others in ((ours, mine, yours), (theirs, yours, mine)):
        for slot in added:
            end = base.index(slot) if slot is not None else -1
            start = end
            while start >= 0 and base[start] not in side:
                start -= 1
            if end - start > 1 and any(base[place] in others for place in range(start + 1, end)):
                raise Unclear("one side replaced entries where the other added some")


def natural(key: str) -> Natural:
    """Return a sort key in which 3.9 comes before 3.10 and capitals do not count."""
    parts = re.findall(r"\d{1,18}|\D+|\d+", key.casefold())
    return [(0, int(p), "") if p.isdecimal() and len(p) < 19 else (1, 0, p) for p in parts]


def _by_name(key: str) -> Rank:
    return (0, natural(key))


def _by_kind(key: str) -> Rank:
    """Sort CONSTANTS, then Classes, then functions, as import sorters do."""
    return (0 if key.isupper() else 1 if key[:1].isupper() else 2, natural(key))


def rank_of(
    base: Sequence[str], ours: Sequence[str], theirs: Sequence[str]
) -> Callable[[str], Rank | None]:
    """Return the rank of names in lists that are sorted, of none in others."""
    for sort_key in (_by_name, _by_kind):
        if len(base) > 1 and all(list(k) == sorted(k, key=sort_key) for k in (ours, theirs)):
            return sort_key
    return lambda _: None
