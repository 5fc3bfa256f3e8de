"""What is valid and yet unlike the training data: flagged, so that a person may look at it.

A feature of a row is unusual when it is

- a number or moment outside the training range widened on each side by the length of its tail:
  the distance of the extreme from the percentile that 1 % of the rows lie beyond, or 15 rows if
  they are more. A training row is never flagged, and of new rows of the same kind, with 30
  features, about one in a hundred from 700 training rows on (measured for normal, log-normal,
  Pareto, uniform and Poisson values). An extreme that stands far out lets more pass;
- a category that training did not have, where the profile names all of them;
- missing, where training had none missing.

What the profile hides or does not say is not judged: columns of personal values keep neither range
nor categories. Of fewer than `FEWEST` training rows nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelkeel.model.signature import Feature, Signature

FEWEST = 50
"""Training rows below which nothing counts as unusual."""
_TAIL, _TAIL_ROWS = 0.01, 15


Flags = tuple[str, ...]


@dataclass(frozen=True)
class _Limits:
    """What of one feature is usual: any value where `bounds` and `known` are None."""

    name: str
    at: int
    bounds: tuple[float, float] | None = None
    known: frozenset[Any] | None = None
    gaps: bool = True

    def usual(self, value: Any) -> bool:
        """Whether a value is like those of training."""
        if value is None:
            return self.gaps
        if self.bounds is not None:
            return bool(self.bounds[0] <= value <= self.bounds[1])
        return self.known is None or value in self.known

    def all_usual(self, column: list[Any]) -> bool:
        """Whether all values are, found without a loop in Python where that can be."""
        if self.known is not None and self.known.issuperset(column):
            return True
        if self.bounds is not None and None not in column:
            return bool(self.bounds[0] <= min(column) and max(column) <= self.bounds[1])
        return all(map(self.usual, column))


class Unusual:
    """Flags the features of rows that are unlike the training data."""

    def __init__(self, limits: list[_Limits]) -> None:
        self._limits = limits

    @classmethod
    def of(cls, profile: Mapping[str, Any], signature: Signature) -> Unusual:
        """Limits from the profile of the training data (`data.quality.profiles`).

        Args:
            profile: as the bundle has it; what it does not say is not judged.
            signature: the features, in the order of the columns to be judged.
        """
        columns, rows = profile.get("columns"), profile.get("rows")
        if not isinstance(columns, Mapping) or not isinstance(rows, int) or rows < FEWEST:
            return cls([])
        entries = [(each, columns.get(each.name)) for each in signature.features]
        found = [
            _limits_of(feature, at, entry, max(_TAIL, _TAIL_ROWS / rows))
            for at, (feature, entry) in enumerate(entries)
            if isinstance(entry, Mapping)
        ]
        return cls([each for each in found if each != _Limits(each.name, each.at)])

    def flags(self, columns: list[list[Any]]) -> list[Flags]:
        """For each row the names of its unusual features, in the order of the signature.

        Args:
            columns: one list of values a feature, as a decoded request has them.
        """
        count = len(columns[0])
        if count == 1:
            return [tuple([e.name for e in self._limits if not e.usual(columns[e.at][0])])]
        found: list[Flags] = [()] * count
        for each in self._limits:
            column = columns[each.at]
            if each.all_usual(column):
                continue
            for row, value in enumerate(column):
                if not each.usual(value):
                    found[row] += (each.name,)
        return found


def _limits_of(feature: Feature, at: int, entry: Mapping[str, Any], tail: float) -> _Limits:
    limits = _Limits(feature.name, at, gaps=entry.get("missing") != 0)
    if entry.get("kind") == "categorical":
        return replace(limits, known=_known(feature, entry))
    if feature.kind == "category" or entry.get("kind") not in ("numeric", "date"):
        return limits
    low, high = entry.get("min"), entry.get("max")
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return limits
    points = [each for each in entry.get("points") or [] if len(each) == 3]
    first = next((value for value, _, upto in points if upto >= tail), low)
    last = next((value for value, below, _ in reversed(points) if below <= 1 - tail), high)
    return replace(limits, bounds=(low - (first - low), high + (high - last)))


def _known(feature: Feature, entry: Mapping[str, Any]) -> frozenset[Any] | None:
    """The categories of training; None where the profile does not name them all."""
    shares = entry.get("shares")
    if not isinstance(shares, Mapping) or not shares or entry.get("other") != 0:
        return None
    if entry.get("distinct_at_least"):
        return None
    if feature.kind == "boolean":
        return frozenset({"true": True, "false": False}.get(each, each) for each in shares)
    return frozenset(shares)
