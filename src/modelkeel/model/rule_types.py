"""The types of a rule's parts, and what becomes of them when they are put together.

Types are settled when a rule is read, so that evaluation needs none: whole numbers and literals
such as 2.5 stay exact, as in Polars, by being multiplied to a common power of ten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from modelkeel.model.rules import Tree

Sort = Literal["exact", "number", "text", "boolean", "moment", "instant", "duration", "null"]

_SCALE = 12
DAY = 86_400_000_000
"""Microseconds of a day."""


class Outside(Exception):
    """A rule means something that only Polars can say; the message is why."""


@dataclass(frozen=True)
class Typed:
    """A part of a rule.

    Attributes:
        sort: moments are days; instants and durations are microseconds.
        scale: an exact number stands for itself divided by 10 to that power.
        literal: whether it is one.
        whole_days: whether a moment is a date.
    """

    tree: Tree
    sort: Sort
    scale: int = 0
    literal: bool = False
    whole_days: bool = False


def numeric(value: Typed) -> Typed:
    """The part, if it is a number.

    Raises:
        Outside: it is none.
    """
    if value.sort not in ("exact", "number"):
        raise Outside(f"it computes with a {value.sort}")
    return value


def alike(parts: Sequence[Typed]) -> list[Typed]:
    """The parts brought to one type.

    Raises:
        Outside: they cannot be.
    """
    sorts = {part.sort for part in parts} - {"null"}
    scale = max(part.scale for part in parts)
    if sorts == {"exact"}:
        return [_scaled(part, scale) for part in parts]
    if sorts == {"exact", "number"}:
        return [_number(part) for part in parts]
    if sorts == {"moment", "instant"}:
        return [_instant(part) for part in parts]
    if len(sorts) != 1:
        raise Outside(f"it puts {' and '.join(sorted(sorts))} together")
    return list(parts)


def _scaled(part: Typed, scale: int) -> Typed:
    factor = 10 ** (scale - part.scale)
    if factor == 1 or part.sort == "null":
        return part
    tree: Tree = ["*", part.tree, ["value", factor]]
    if part.literal:
        tree = ["value", part.tree[1] * factor]
    return replace(part, tree=tree, scale=scale)


def _number(part: Typed) -> Typed:
    if part.sort != "exact":
        return part
    tree: Tree = part.tree
    if part.literal:
        tree = ["value", part.tree[1] / 10**part.scale]
    elif part.scale:
        tree = ["/", part.tree, ["value", 10**part.scale]]
    return replace(part, tree=tree, sort="number", scale=0)


def _instant(part: Typed) -> Typed:
    if part.sort != "moment":
        return part
    tree: Tree = ["micros", part.tree]
    if part.literal:
        tree = ["value", round(part.tree[1] * DAY)]
    return replace(part, tree=tree, sort="instant")


def computed(name: str, left: Typed, right: Typed) -> Typed:
    """The outcome of one of + - * /.

    Raises:
        Outside: Polars computes it in a way that is not known here.
    """
    if left.literal and right.literal:
        raise Outside("it computes with literals alone; write the result")
    if left.sort in ("moment", "instant"):
        return _shifted(name, left, right)
    left, right = numeric(left), numeric(right)
    if {left.sort, right.sort} == {"exact"} and name == "*":
        scale = left.scale + right.scale
        if scale > _SCALE:
            raise Outside(f"it has more than {_SCALE} decimals")
        return Typed(["*", left.tree, right.tree], "exact", scale)
    left, right = alike([left, right])
    if name == "/":
        if left.scale:
            raise Outside("it divides by or into a decimal; multiply instead")
        return Typed(["/", left.tree, right.tree], "number")
    return Typed([name, left.tree, right.tree], left.sort, left.scale)


def _shifted(name: str, left: Typed, right: Typed) -> Typed:
    """The time between two moments, or a moment moved by an interval."""
    if name == "-" and right.sort in ("moment", "instant"):
        return Typed(["-", _instant(left).tree, _instant(right).tree], "duration")
    if name not in "+-" or right.sort != "duration" or not right.literal:
        raise Outside(f"it computes with a {left.sort} and a {right.sort}")
    if left.whole_days and right.tree[1] % DAY:
        raise Outside("it moves a date by a part of a day")
    tree: Tree = [name, _instant(left).tree, right.tree]
    return Typed(tree, "instant", whole_days=left.whole_days)
