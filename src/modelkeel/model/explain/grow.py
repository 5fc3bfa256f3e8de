"""The trees of a fitted model as branches over cells: what `shapley` takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelkeel.model.explain.cells import Cells, NumberCells, TextCells, bounds_of
from modelkeel.model.explain.fitted import Column, Fitted
from modelkeel.model.explain.shapley import Bools, Branch, Leaf

Thresholds = dict[int, NDArray[np.float64]]


def cells_of(fitted: Fitted) -> tuple[dict[int, Cells], Thresholds]:
    """The cells of each feature that the model looks at, and the thresholds of its numbers."""
    cells: dict[int, Cells] = {}
    thresholds = _thresholds(fitted)
    for feature in sorted({column.feature for column in fitted.columns}):
        levels = [c.level for c in fitted.columns if c.feature == feature and c.level is not None]
        if levels:
            cells[feature] = TextCells(list(dict.fromkeys(levels)))
        else:
            cells[feature] = NumberCells(bounds_of(thresholds.get(feature, ())).tolist())
    return cells, thresholds


def _thresholds(fitted: Fitted) -> Thresholds:
    """The thresholds of each number, in its own unit, ascending and once."""
    found: dict[int, list[float]] = {}
    for _, nodes in fitted.trees:
        inner = nodes[nodes["is_leaf"] == 0]
        for at, threshold in zip(
            inner["feature_idx"].tolist(), inner["num_threshold"].tolist(), strict=True
        ):
            column = fitted.columns[at]
            if column.level is None:
                found.setdefault(column.feature, []).append(_in_unit(column, threshold))
    return {feature: np.unique(np.array(values)) for feature, values in found.items()}


def _in_unit(column: Column, threshold: float) -> float:
    return threshold * column.scale + column.mean


def grow(
    nodes: NDArray[Any], columns: list[Column], cells: dict[int, Cells], thresholds: Thresholds
) -> Branch:
    """One tree; leaves that no value leads to are left out."""

    def below(at: int, holds: dict[int, Bools]) -> Branch:
        node = nodes[at]
        if node["is_leaf"]:
            reached = all(each.any() for each in holds.values())
            return Branch([Leaf(float(node["value"]), holds)] if reached else [])
        column = columns[int(node["feature_idx"])]
        left = _goes_left(node, column, cells[column.feature], thresholds)
        before = holds.get(column.feature, np.ones(len(left), dtype=np.bool_))
        parts = tuple(
            below(int(node[side]), {**holds, column.feature: before & goes})
            for side, goes in (("left", left), ("right", ~left))
        )
        return Branch([leaf for part in parts for leaf in part.leaves], parts)

    return below(0, {})


def _goes_left(node: Any, column: Column, cells: Cells, thresholds: Thresholds) -> Bools:
    """In which cells of its feature a condition holds."""
    threshold = float(node["num_threshold"])
    if isinstance(cells, TextCells):
        is_level = np.array([*(level == column.level for level in cells.levels), False])
        return is_level.astype(np.float64) <= threshold
    of_feature = thresholds[column.feature]
    last = int(np.searchsorted(of_feature, _in_unit(column, threshold)))
    left = np.arange(cells.count) <= last
    if column.fill is None:
        left[cells.missing] = bool(node["missing_go_to_left"])
    else:
        left[cells.missing] = left[cells.find([column.fill])[0]]
    return left
