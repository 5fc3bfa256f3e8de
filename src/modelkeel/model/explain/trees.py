"""The contributions of trees, read from tables that were computed when the model was trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_ROOM = 1 << 17
"""Numbers in flight: more rows than fit are taken in turns, so that all stays in the cache."""


@dataclass(frozen=True)
class Trees:
    """Tables of blocks of leaves: for each combination of parts of a block's features, a row.

    Entries are the features of all blocks, sorted by group. A group is a feature of an output.

    Attributes:
        steps: what each cell of each feature adds to the row of each block (cells, blocks).
        table: the rows of all blocks, one number for each feature of the block.
        first: where the rows of each block begin.
        width: how many numbers a row of each block has.
        block: the block of each entry.
        place: its place in the row.
        starts: the first entry of each group.
        groups: output * features + feature of each group.
        shape: outputs and features.
    """

    steps: NDArray[np.uint16]
    table: NDArray[np.float32]
    first: NDArray[np.int64]
    width: NDArray[np.int64]
    block: NDArray[np.int64]
    place: NDArray[np.int64]
    starts: NDArray[np.int64]
    groups: NDArray[np.int64]
    shape: tuple[int, int]

    def shares(self, cells: NDArray[np.int64]) -> Floats:
        """Contributions (n, outputs, features) of rows given as cells (n, features)."""
        count = len(cells)
        turn = max(1, _ROOM // max(1, len(self.block) * 2, cells.shape[1] * len(self.width) // 4))
        if count > turn:
            parts = [self.shares(cells[at : at + turn]) for at in range(0, count, turn)]
            return np.concatenate(parts)
        rows = np.add.reduce(self.steps.take(cells, axis=0), axis=1, dtype=np.uint16)
        at = rows * self.width
        at += self.first
        entries = at.take(self.block, axis=1)
        entries += self.place
        sums = np.add.reduceat(self.table.take(entries), self.starts, axis=1, dtype=np.float64)
        outputs, features = self.shape
        if len(self.groups) < outputs * features:
            found = np.zeros((count, outputs * features))
            found[:, self.groups] = sums
        else:
            found = sums
        return found.reshape(count, outputs, features)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What to write of it."""
        return {
            "steps": self.steps,
            "table": self.table,
            "first": self.first,
            "width": self.width.astype(np.uint16),
            "block": self.block.astype(np.int32),
            "place": self.place.astype(np.uint16),
            "starts": self.starts.astype(np.int32),
            "groups": self.groups.astype(np.int32),
        }

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], shape: tuple[int, int]) -> Trees:
        """What was written."""
        wide = ("first", "width", "block", "place", "starts", "groups")
        return cls(
            steps=np.ascontiguousarray(arrays["steps"], dtype=np.uint16),
            table=np.ascontiguousarray(arrays["table"], dtype=np.float32),
            shape=shape,
            **{name: arrays[name].astype(np.int64) for name in wide},
        )
