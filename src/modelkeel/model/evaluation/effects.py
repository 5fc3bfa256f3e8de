"""How the prediction moves with each feature."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Predict = Callable[[pl.DataFrame], npt.NDArray[Any]]
"""The model as a function of a frame of features."""

ROWS = 200
POINTS = 12
CATEGORIES = 24  # the hours of a day fit


def effects(
    predict: Predict, features: pl.DataFrame, classes: Sequence[str], seed: int
) -> pl.DataFrame:
    """Partial dependence (Friedman 2001): the mean prediction with one feature set to a value.

    Up to 200 rows stand for all; of two classes the positive one is shown, of more each one.

    Returns:
        A row for each feature, value and class shown: feature, kind (number, ordered or
        category), value as text, class (empty for a regression), prediction.
    """
    rows = features.sample(min(ROWS, features.height), seed=seed)
    shown = list(classes[1:]) if len(classes) == 2 else list(classes)
    found: list[dict[str, Any]] = []
    for name in features.columns:
        kind, values = _grid(features[name])
        if len(values) < 2:
            continue
        trials = pl.concat(
            [
                rows.with_columns(pl.lit(value).cast(features.schema[name]).alias(name))
                for value in values
            ]
        )
        answer = np.asarray(predict(trials), dtype=np.float64)
        means = answer.reshape(len(values), rows.height, -1).mean(axis=1)
        if len(classes) == 2:
            means = means[:, 1:]
        for value, at in zip(values, means, strict=True):
            found += [
                {
                    "feature": name,
                    "kind": kind,
                    "value": f"{value:g}" if isinstance(value, float) else str(value),
                    "class": label,
                    "prediction": float(mean),
                }
                for label, mean in zip(shown or [""], at, strict=True)
            ]
    schema = {
        "feature": pl.String,
        "kind": pl.String,
        "value": pl.String,
        "class": pl.String,
        "prediction": pl.Float64,
    }
    return pl.DataFrame(found, schema=schema)


def _grid(column: pl.Series) -> tuple[str, list[Any]]:
    """How to draw a feature, and the values to try it at."""
    present = column.drop_nulls()
    if column.dtype == pl.Boolean:
        return "category", present.unique().sort().to_list()
    if column.dtype.is_numeric():
        distinct = present.unique().sort()
        if len(distinct) <= POINTS:
            return "number", distinct.to_list()
        cuts = [
            present.quantile(share, interpolation="nearest")
            for share in np.linspace(0.02, 0.98, POINTS)
        ]
        return "number", sorted(set(cuts))  # values that occur, so integers stay integers
    counts = present.value_counts(name="rows").sort(["rows", column.name], descending=[True, False])
    common = counts[column.name].to_list()[:CATEGORIES]
    try:
        return "ordered", sorted(common, key=lambda value: float(value))
    except (TypeError, ValueError):
        if isinstance(column.dtype, pl.Enum):
            return "category", sorted(common, key=column.dtype.categories.to_list().index)
        return "category", sorted(common, key=str)
