"""The order of the merged entries of a table, a list or a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from modelkeel.update.structured.data import Unclear


def merge_order(
    base: Sequence[str],
    ours: Sequence[str],
    theirs: Sequence[str],
    keep: Collection[str],
    *,
    fixed: Callable[[str], bool] = lambda _: False,
    by_name: bool = False,
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
        by_name: both sides' additions at one place may be mixed where the lists are sorted.

    Raises:
        Unclear: both sides moved entries, or added fixed ones at the same place.
    """
    common = set(base) & set(ours) & set(theirs)
    orders = [[key for key in keys if key in common] for keys in (base, ours, theirs)]
    ours_leads = orders[2] in (orders[0], orders[1])
    if not ours_leads and orders[1] != orders[0]:
        raise Unclear("both sides moved entries")
    first, second = (ours, theirs) if ours_leads else (theirs, ours)
    result = [key for key in first if key in keep]
    present, known = set(result), set(base) | set(second)
    sort_key = _sort_key(ours, theirs) if by_name and len(base) > 1 else None
    anchor: str | None = None
    for key in second:
        if key not in keep:
            continue
        if key not in present:
            place = 0 if anchor is None else result.index(anchor) + 1
            end = place
            while end < len(result) and result[end] not in known:
                end += 1
            if any(fixed(other) for other in result[place:end]) or (end > place and fixed(key)):
                raise Unclear("both sides added at one place where order counts")
            if sort_key is not None:
                while place < end and sort_key(result[place]) <= sort_key(key):
                    place += 1
            elif ours_leads:
                place = end
            result.insert(place, key)
            present.add(key)
        anchor = key
    return result


def natural(key: str) -> list[tuple[int, int, str]]:
    """Return a sort key in which 3.9 comes before 3.10 and capitals do not count."""
    parts = re.findall(r"\d{1,18}|\D+|\d+", key.casefold())
    return [(0, int(p), "") if p.isdecimal() and len(p) < 19 else (1, 0, p) for p in parts]


def _by_kind(key: str) -> tuple[int, list[tuple[int, int, str]]]:
    """Sort CONSTANTS, then Classes, then functions, as import sorters do."""
    return (0 if key.isupper() else 1 if key[:1].isupper() else 2, natural(key))


def _sort_key(ours: Sequence[str], theirs: Sequence[str]) -> Callable[[str], object] | None:
    for sort_key in (natural, _by_kind):
        if all(list(keys) == sorted(keys, key=sort_key) for keys in (ours, theirs)):
            return sort_key
    return None
