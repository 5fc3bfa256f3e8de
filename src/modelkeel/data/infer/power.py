"""How much one column alone says about the target, and which columns say the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

SAMPLE = 20_000
LEVELS = 50
_LEAST_ROWS = 5  # of a level, to learn from it

Floats = NDArray[np.float64]


def power(column: pl.Series, target: pl.Series, *, classes: bool) -> float:
    """From 0 (says nothing) to 1 (gives the target away), on rows where the target is known.

    With classes: the mean over them of |2 AUC - 1|, the class against the rest. Numbers: the
    greater of the squared correlations of values and of ranks, or the variance that the levels
    explain. Levels are learned on every other row and judged on those between.
    """
    found = [_by_level(column.is_null(), target, classes=classes)]
    numeric = column.dtype.is_numeric() or column.dtype.is_temporal()
    if numeric:
        known = column.is_not_null()
        if known.sum() > _LEAST_ROWS:
            value = _numbers(column.filter(known))
            found.append(_by_value(value, target.filter(known), classes=classes))
    if not numeric or column.n_unique() <= LEVELS:
        found.append(_by_level(column, target, classes=classes))
    return max(found)


def same(columns: dict[str, pl.Series]) -> list[tuple[str, str]]:
    """Pairs of columns that say the same, the earlier one first.

    Numbers by correlation; others where each value of one goes with one value of the other.
    """
    pairs = _correlated({n: c for n, c in columns.items() if c.dtype.is_numeric()})
    few = {n: (c.n_unique(), c) for n, c in columns.items() if c.n_unique() * 5 <= c.len()}
    names = list(few)
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            size = few[first][0]
            if size != few[second][0] or size < 3 or (first, second) in pairs:
                continue
            both = pl.DataFrame({"a": few[first][1], "b": few[second][1]})
            if both.n_unique() == size:
                pairs.append((first, second))
    return pairs


def parts_of(target: pl.Series, columns: dict[str, pl.Series]) -> list[str]:
    """Numeric columns whose plain sum or difference is a numeric target; none where it is not."""
    numeric = {n: c for n, c in columns.items() if c.dtype.is_numeric() and not c.null_count()}
    y = _numbers(target)
    if len(numeric) < 2 or len(y) <= 2 * len(numeric) or not y.std():
        return []
    x = np.column_stack([_numbers(column) for column in numeric.values()])
    scale = x.std(axis=0)
    scale[scale == 0] = 1.0
    x = (x - x.mean(axis=0)) / scale
    weights = np.linalg.lstsq(x, y - y.mean(), rcond=None)[0]
    rest = (y - y.mean()) - x @ weights
    if 1 - rest.var() / y.var() < 0.9999:
        return []
    parts = [
        (name, abs(weight / size))
        for name, weight, size in zip(numeric, weights, scale, strict=True)
        if abs(weight) > 0.02 * y.std()
    ]
    plain = all(abs(factor - 1) < 1e-3 for _, factor in parts)
    return [name for name, _ in parts] if plain else []


def _numbers(column: pl.Series) -> Floats:
    physical = column.to_physical() if column.dtype.is_temporal() else column
    return np.asarray(physical.cast(pl.Float64).fill_nan(0.0).fill_null(0.0).to_numpy())


def _by_value(value: Floats, target: pl.Series, *, classes: bool) -> float:
    if not classes:
        y = _numbers(target)
        ranks = (_ranks(value), _ranks(y))
        return max(_correlation(value, y) ** 2, _correlation(*ranks) ** 2)
    ranked = _ranks(value)
    return _mean_over_classes([ranked] * target.n_unique(), target)


def _by_level(column: pl.Series, target: pl.Series, *, classes: bool) -> float:
    """Levels take the mean of the target that they have on every other row."""
    codes = column.cast(pl.String).fill_null("\0").rank("dense").to_numpy().astype(np.int64) - 1
    learn = np.arange(len(codes)) % 2 == 0
    size = int(codes.max(initial=0)) + 1
    seen = np.bincount(codes[learn], minlength=size)
    if size < 2:
        return 0.0

    def learned(y: Floats) -> Floats:
        sums = np.bincount(codes[learn], weights=y[learn], minlength=size)
        means = np.where(seen >= _LEAST_ROWS, sums / np.maximum(seen, 1), y[learn].mean())
        return np.asarray(means[codes][~learn])

    if not classes:
        y = _numbers(target)
        held = y[~learn]
        if not held.var():
            return 0.0
        return max(0.0, float(1 - np.square(held - learned(y)).mean() / held.var()))
    names = target.unique().sort()
    given = [learned((target == name).to_numpy().astype(np.float64)) for name in names]
    return _mean_over_classes([_ranks(each) for each in given], target.filter(pl.Series(~learn)))


def _mean_over_classes(ranks: Sequence[Floats], target: pl.Series) -> float:
    names = target.unique().sort().to_list()
    found = []
    for rank, name in zip(ranks, names, strict=False):
        hits = (target == name).to_numpy()
        positive, negative = int(hits.sum()), int((~hits).sum())
        if positive and negative:
            area = (rank[hits].sum() - positive * (positive + 1) / 2) / (positive * negative)
            found.append(abs(2 * area - 1))
    return float(np.mean(found)) if found else 0.0


def _ranks(value: Floats) -> Floats:
    return np.asarray(pl.Series(value).rank("average").to_numpy(), dtype=np.float64)


def _correlation(a: Floats, b: Floats) -> float:
    if not a.std() or not b.std():
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _correlated(columns: dict[str, pl.Series]) -> list[tuple[str, str]]:
    names = [name for name, column in columns.items() if column.n_unique() > 2]
    if len(names) < 2:
        return []
    filled = [columns[n].cast(pl.Float64).fill_nan(None).fill_null(strategy="mean") for n in names]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.abs(np.corrcoef(np.vstack([each.to_numpy() for each in filled])))
    empty = [columns[name].is_null() for name in names]
    return [
        (names[a], names[b])
        for a in range(len(names))
        for b in range(a + 1, len(names))
        if found[a, b] >= 0.9995 and empty[a].equals(empty[b])
    ]
