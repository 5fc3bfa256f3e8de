"""Values of a feature as cells: within one, no condition of a model tells two values apart."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class NumberCells:
    """Cells of a number: those between the bounds, in order, and the last for a missing value.

    Args:
        bounds: the greatest value of each cell but the highest, ascending; see `bounds_of`.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = list(bounds)
        self.missing = len(self.bounds) + 1
        self.count = len(self.bounds) + 2

    def find(self, values: Iterable[Any], first: int = 0) -> list[int]:
        """The cell of each value, counted from `first`; None and NaN are missing."""
        bounds, missing = self.bounds, self.missing
        return [
            first + (missing if v is None or v != v else bisect_left(bounds, v)) for v in values
        ]


class TextCells:
    """Cells of a text: one for each level, and the last for any other; None is the text "".

    Args:
        levels: texts that a model tells apart.
    """

    def __init__(self, levels: Sequence[str]) -> None:
        self.levels = list(levels)
        self.count = len(self.levels) + 1
        self._cells: dict[str | None, int] = {level: at for at, level in enumerate(self.levels)}
        self._cells[None] = self._cells.get("", len(self.levels))

    def find(self, values: Iterable[Any], first: int = 0) -> list[int]:
        """The cell of each value, counted from `first`."""
        cells, other = self._cells, len(self.levels)
        return [first + cells.get(value, other) for value in values]


Cells = NumberCells | TextCells


def bounds_of(thresholds: Iterable[float]) -> NDArray[np.float64]:
    """The bound of each threshold, ascending and once.

    A model sees a number rounded to 32 bits. `x <= bound` holds for a number of 64 bits just where
    `rounded(x) <= threshold` holds, so values need not be rounded to be compared.
    """
    exact = np.unique(np.asarray(list(thresholds), dtype=np.float64))
    with np.errstate(over="ignore"):  # a threshold beyond 32 bits parts the missing from the rest
        below = exact.astype(np.float32)
    above = below.astype(np.float64) > exact
    below[above] = np.nextafter(below[above], np.float32(-np.inf))
    after = np.nextafter(below, np.float32(np.inf)).astype(np.float64)
    middle = below.astype(np.float64) / 2 + after / 2
    with np.errstate(over="ignore"):
        rounds_up = middle.astype(np.float32) > below
    middle[rounds_up] = np.nextafter(middle[rounds_up], -np.inf)
    return middle
