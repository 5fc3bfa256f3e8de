"""The contributions of a linear model: coefficient times distance from the mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Linear:
    """Coefficients, with the means over the background taken off.

    Attributes:
        numbers: positions of the features that are numbers.
        slopes: what one unit of each number adds to each output (outputs, numbers).
        means: the mean of each number in the background.
        fills: what a missing number is taken for.
        texts: positions of the features that are text.
        levels: what each cell of each text adds, less the mean (outputs, cells of all texts).
        shape: outputs and features.
    """

    numbers: NDArray[np.int64]
    slopes: Floats
    means: Floats
    fills: Floats
    texts: NDArray[np.int64]
    levels: Floats
    shape: tuple[int, int]

    def shares(self, values: Floats, cells: NDArray[np.int64]) -> Floats:
        """Contributions (n, outputs, features) of rows.

        Args:
            values: the numbers (n, numbers), NaN where missing.
            cells: the cells of the texts (n, texts).
        """
        outputs, features = self.shape
        found = np.zeros((len(values), outputs, features))
        known = np.where(np.isnan(values), self.fills, values) - self.means
        found[:, :, self.numbers] = known[:, None, :] * self.slopes
        found[:, :, self.texts] = self.levels[:, cells].transpose(1, 0, 2)
        return found

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What to write of it."""
        names = ("numbers", "slopes", "means", "fills", "texts", "levels")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], shape: tuple[int, int]) -> Linear:
        """What was written."""
        names = ("numbers", "slopes", "means", "fills", "texts", "levels")
        return cls(shape=shape, **{name: arrays[name] for name in names})
