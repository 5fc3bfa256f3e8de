"""A statistic of weighted rows: what every measure is, and what a resample is a case of.

A resample of the rows is the same rows with whole-number weights, how often each was drawn. So a
statistic takes weights of shape (b, n), one resample in each of b rows, and gives b values. What
does not depend on the weights, such as the order of the scores, is worked out once before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Statistic = Callable[[FloatArray], FloatArray]
"""From weights of shape (b, n) to values of shape (b,), NaN where it is undefined."""


@dataclass(frozen=True)
class Within:
    """A statistic over some of the rows, given by their positions."""

    rows: IntArray
    statistic: Statistic

    def __call__(self, weights: FloatArray) -> FloatArray:
        """Its values, as of any statistic."""
        return self.statistic(weights.take(self.rows, axis=1))


def ones(rows: int) -> FloatArray:
    """Weights, shape (1, rows), under which every row counts once."""
    return np.ones((1, rows))


def mean(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted mean of ``values`` (n,) for each row of ``weights`` (b, n)."""
    return ratio(weights @ values, weights.sum(axis=1))


def ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """``above / below``; NaN where ``below`` is not positive."""
    result = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result


def macro(values: Sequence[FloatArray]) -> FloatArray:
    """Plain mean over the classes' values; NaN where one of them is."""
    return np.asarray(np.mean(values, axis=0), dtype=np.float64)


def shown_classes(size: int) -> Sequence[int]:
    """Of two classes the positive one, which says it all; of more, each against the rest."""
    return [1] if size == 2 else range(size)
