"""What data looks like, column by column: small, and all that later comparisons need.

Rows are read once, in batches, so memory does not grow with them. Numbers become a sketch of at
most `GRID` + 1 points of their distribution function: merged batches move a point by less than
1 / 500 of the rows, one batch gives it exactly. Of categories the `TOP` most frequent are kept by
name; the rest is one share.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

BINS = 20
GRID = 100
TOP = 100
BATCH = 1_000_000
HIDDEN_GRID = 10
_POINTS = 4096
_HELD = 1 << 18
_CATEGORIES = 100_000
_DAY_MICROSECONDS = 86_400_000_000

Floats = NDArray[np.float64]


def profile(
    data: pl.DataFrame | pl.LazyFrame | Path, *, hidden: Collection[str] = ()
) -> dict[str, Any]:
    """Count, missing share and distribution of each column.

    Args:
        data: typed rows, or where they lie (a Parquet file), which are then streamed.
        hidden: columns whose single values must not be told: categories are counted and not
            named, of numbers only the deciles within the outermost ones are kept.

    Returns:
        {"rows": n, "columns": {name: entry}} with entries of these kinds. "numeric" and "date"
        (days since 1970-01-01): "quantiles" at 0, 1/20 … 1, "min", "max", "mean", "std", and
        "points", each [value, share below it, share up to it]. "categorical": "shares" by value,
        "other" (the share of those not named) and "distinct". All have "kind" and "missing".
    """
    source = pl.scan_parquet(data) if isinstance(data, Path) else data
    schema = source.collect_schema()
    columns = {name: _start(dtype) for name, dtype in schema.items()}
    rows = 0
    for batch in _batches(source):
        rows += batch.height
        for name, column in columns.items():
            column.add(batch[name])
    return {
        "rows": rows,
        "columns": {
            name: column.entry(rows, hidden=name in hidden) for name, column in columns.items()
        },
    }


def _batches(source: pl.DataFrame | pl.LazyFrame) -> Iterator[pl.DataFrame]:
    if isinstance(source, pl.DataFrame):
        yield from source.iter_slices(BATCH)
    else:
        yield from source.collect_batches(chunk_size=BATCH // 4, maintain_order=True)


def _start(dtype: pl.DataType) -> _Numbers | _Categories | _Opaque:
    if dtype.is_numeric():
        return _Numbers("numeric")
    if dtype.is_temporal():
        return _Numbers("date")
    return _Opaque() if dtype.is_nested() or dtype in (pl.Binary, pl.Object) else _Categories()


@dataclass
class _Numbers:
    """Weighted points of a distribution, compressed when there are many."""

    kind: str
    present: int = 0
    low: float = np.inf
    high: float = -np.inf
    mean: float = 0.0
    spread: float = 0.0
    values: list[Floats] = field(default_factory=list)
    weights: list[Floats] = field(default_factory=list)

    def add(self, series: pl.Series) -> None:
        """Take in a batch."""
        given = _as_numbers(series)
        given = np.sort(given)
        if not len(given):
            return
        self.low, self.high = min(self.low, given[0]), max(self.high, given[-1])
        # Chan et al.: means and squares of parts add up without cancelling.
        mean = float(given.mean())
        part, whole = len(given), self.present + len(given)
        apart = mean - self.mean
        self.spread += float(given.var()) * part + apart**2 * self.present * part / whole
        self.mean += apart * part / whole
        self.present = whole
        self.values.append(given)
        self.weights.append(np.ones(part))
        if len(self.values) > 1:
            self._shrink()

    def _shrink(self) -> None:
        self.values, self.weights = (
            list(parts)
            for parts in zip(
                *(_compressed(v, w) for v, w in zip(self.values, self.weights, strict=True)),
                strict=True,
            )
        )
        if sum(map(len, self.values)) > _HELD:
            value, weight = _merged(self.values, self.weights)
            value, weight = _compressed(value, weight)
            self.values, self.weights = [value], [weight]

    def entry(self, rows: int, *, hidden: bool) -> dict[str, Any]:
        """The profile of the column."""
        missing = (rows - self.present) / max(rows, 1)
        found: dict[str, Any] = {"kind": self.kind, "missing": missing}
        if not self.present:
            return found | {"quantiles": [None] * (BINS + 1), "points": []}
        value, weight = _merged(self.values, self.weights)
        upto = np.cumsum(weight)
        grid = HIDDEN_GRID if hidden else GRID
        steps = np.arange(1, grid) if hidden else np.arange(grid + 1)
        chosen = np.unique(value[_ranks(upto, steps / grid)])
        below = np.searchsorted(value, chosen, "left")
        until = np.searchsorted(value, chosen, "right")
        sums = np.concatenate([[0.0], upto]) / upto[-1]
        points = np.column_stack([chosen, sums[below].round(6), sums[until].round(6)])
        if hidden:
            return found | {"points": points.tolist(), "mean": self.mean}
        quantiles = value[_ranks(upto, np.arange(BINS + 1) / BINS)]
        return found | {
            "quantiles": quantiles.tolist(),
            "min": float(self.low),
            "max": float(self.high),
            "mean": self.mean,
            "std": float(np.sqrt(self.spread / self.present)),
            "points": points.tolist(),
        }


@dataclass
class _Categories:
    """Counts of values; the rarest are let go of when there are very many."""

    present: int = 0
    counts: pl.DataFrame | None = None
    lost: bool = False

    def add(self, series: pl.Series) -> None:
        """Take in a batch."""
        values = series.drop_nulls()
        self.present += values.len()
        new = values.value_counts(name="n").select(
            pl.col(series.name).cast(pl.String).alias("value"), pl.col("n").cast(pl.Int64)
        )
        if self.counts is None:
            self.counts = new
            return
        both = pl.concat([self.counts, new]).group_by("value").agg(pl.col("n").sum())
        if both.height > 2 * _CATEGORIES:
            both = both.sort("n", "value", descending=[True, False]).head(_CATEGORIES)
            self.lost = True
        self.counts = both

    def entry(self, rows: int, *, hidden: bool) -> dict[str, Any]:
        """The profile of the column."""
        found: dict[str, Any] = {
            "kind": "categorical",
            "missing": (rows - self.present) / max(rows, 1),
        }
        counts = self.counts
        distinct = 0 if counts is None else counts.height
        found["distinct"] = distinct
        if self.lost:
            found["distinct_at_least"] = True
        if hidden or counts is None:
            return found | ({"hidden": True} if hidden else {"shares": {}, "other": 0.0})
        top = counts.sort("n", "value", descending=[True, False]).head(TOP)
        whole = max(self.present, 1)
        shares = {value: n / whole for value, n in top.iter_rows()}
        other = (self.present - int(top["n"].sum())) / whole
        return found | {"shares": dict(sorted(shares.items())), "other": other}


@dataclass
class _Opaque:
    """Nested or binary values: only counted."""

    present: int = 0

    def add(self, series: pl.Series) -> None:
        """Take in a batch."""
        self.present += series.len() - series.null_count()

    def entry(self, rows: int, *, hidden: bool) -> dict[str, Any]:
        """The profile of the column."""
        return {"kind": "other", "missing": (rows - self.present) / max(rows, 1)}


def _as_numbers(series: pl.Series) -> Floats:
    """The finite values as floats; days since 1970-01-01 for dates."""
    kind = series.dtype
    if kind == pl.Date:
        series = series.cast(pl.Int32)
    elif isinstance(kind, pl.Datetime | pl.Duration | pl.Time):
        whole = pl.Duration("us") if isinstance(kind, pl.Duration | pl.Time) else pl.Datetime("us")
        series = series.cast(whole).cast(pl.Int64) / _DAY_MICROSECONDS
    found: Floats = series.drop_nulls().cast(pl.Float64).to_numpy()
    if series.dtype.is_float():
        finite = np.isfinite(found)
        return found if finite.all() else found[finite]
    return found


def _merged(values: list[Floats], weights: list[Floats]) -> tuple[Floats, Floats]:
    if len(values) == 1:
        return values[0], weights[0]
    value, weight = np.concatenate(values), np.concatenate(weights)
    order = np.argsort(value, kind="stable")
    return value[order], weight[order]


def _compressed(value: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """At most `_POINTS` of sorted points, of the same weight together."""
    if len(value) <= _POINTS:
        return value, weight
    upto = np.cumsum(weight)
    edges = np.linspace(0, upto[-1], _POINTS + 1)[1:]
    ends = np.unique(np.searchsorted(upto, edges - 1e-9 * upto[-1]))
    middle = np.concatenate([[0], ends[:-1] + 1]) + ends
    taken: Floats = np.diff(upto[ends], prepend=0.0)
    return value[middle // 2], taken


def _ranks(upto: Floats, shares: Floats) -> NDArray[np.int64]:
    """Index of the value nearest to each share of the weight."""
    at: NDArray[np.int64] = np.searchsorted(upto, np.round(shares * (upto[-1] - 1)) + 0.5)
    return np.minimum(at, len(upto) - 1)
