"""Rows that stand on both sides of the split, and equal rows with different labels.

Few columns with few values make rows alike that have nothing to do with each other. Two estimates
of that chance are made, and the greater is taken off: how many held-out rows would meet one of the
training rows if the columns were independent, and how many different training rows (of other
groups) are alike. Copies raise neither: whole copies count once there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelkeel.data.quality.distance import noise_of_share

STEPS = 20  # of a standard deviation, within which numbers are almost the same
LEVELS = 20  # whole numbers with fewer values are kinds, and compared as they are
LISTED = 20

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Alike:
    """How many rows are alike.

    Attributes:
        rows: their number.
        share: of all rows looked at.
        chance: the share that chance alone explains.
        excess: what is left of the share after that, and after the noise of so few rows.
        listed: the first of them, counted from 1.
    """

    rows: int
    share: float
    chance: float
    excess: float
    listed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Overlap:
    """Held-out rows that stand in the training rows too.

    Attributes:
        exact: with equal features.
        near: with texts that differ in case or space only, and numbers that almost agree.
    """

    exact: Alike
    near: Alike


def overlap(
    train: pl.DataFrame, test: pl.DataFrame, features: Sequence[str], *, groups: Sequence[str] = ()
) -> Overlap:
    """Compare the two sides over the features.

    Args:
        train: rows that were trained on, with all their columns.
        test: rows held out.
        features: what the model sees.
        groups: columns that name rows which belong together, and are on one side.
    """
    names = list(features)
    apart = [name for name in train.columns if name not in groups or name in names]
    different = train.unique(apart, maintain_order=True)
    near = _rounding(train, names)
    return Overlap(
        exact=_alike(train, test, different, [_plain(names)], groups),
        near=_alike(train, test, different, near, groups),
    )


def conflicting(rows: pl.DataFrame, features: Sequence[str], labels: Sequence[str]) -> Alike:
    """Rows with equal features and another label than one of their equals.

    What labels that do not depend on the features would give is taken for chance, so that only
    labels that contradict each other more often than that count.
    """
    table = pl.DataFrame({"key": _key(rows, _plain(list(features))), "label": list(labels)})
    shares = table["label"].value_counts(normalize=True, name="share")
    table = table.join(shares, on="label", how="left", maintain_order="left").with_columns(
        size=pl.len().over("key"), kinds=pl.col("label").n_unique().over("key")
    )
    hit = table["kinds"].to_numpy() > 1
    size = table["size"].to_numpy()
    own = shares["share"].to_numpy()
    sizes, back = np.unique(size, return_inverse=True)
    expected = 1 - np.power(own[None, :], sizes[:, None]).sum(axis=1)  # not all of one label
    chance = float(expected[back].mean()) if len(size) else 0.0
    return _found(hit, chance, len(hit), len(hit))


def _alike(
    train: pl.DataFrame,
    test: pl.DataFrame,
    different: pl.DataFrame,
    ways: Sequence[Sequence[pl.Expr]],
    groups: Sequence[str],
) -> Alike:
    hit = np.zeros(test.height, dtype=bool)
    among = np.zeros(different.height, dtype=bool)
    group = _key(different, _plain(list(groups))) if groups else None
    for way in ways:
        known = _key(train, way).unique()
        hit |= _key(test, way).is_in(known.implode()).to_numpy()
        table = pl.DataFrame({"key": _key(different, way)})
        others = pl.len() if group is None else pl.col("group").n_unique()
        if group is not None:
            table = table.with_columns(group=group)
        among |= table.select((others.over("key") > 1).alias("more"))["more"].to_numpy()
    independent = _independent(train, test, ways[0], train.height * len(ways))
    chance = max(independent, float(among.mean()) if len(among) else 0.0)
    return _found(hit, chance, test.height, train.height)


def _found(hit: NDArray[np.bool_], chance: float, n: int, m: int) -> Alike:
    share = float(hit.mean()) if len(hit) else 0.0
    excess = max(0.0, share - chance - noise_of_share(chance, n, m))
    listed = tuple(int(at) + 1 for at in np.flatnonzero(hit)[:LISTED])
    return Alike(int(hit.sum()), share, chance, excess, listed)


def _independent(train: pl.DataFrame, test: pl.DataFrame, way: Sequence[pl.Expr], n: int) -> float:
    """The share of rows that would meet one of `n` rows if the columns were independent."""
    chance = np.zeros(test.height)
    for each in way:
        seen = train.select(each.alias("v"))["v"].value_counts(normalize=True, name="p")
        found = test.select(each.alias("v")).join(
            seen, on="v", how="left", nulls_equal=True, maintain_order="left"
        )
        with np.errstate(divide="ignore"):
            chance += np.log(found["p"].fill_null(0.0).to_numpy())
    one = np.minimum(np.exp(chance), 1 - 1e-12)
    return float(-np.expm1(n * np.log1p(-one)).mean()) if len(one) else 0.0


def _plain(names: Sequence[str]) -> list[pl.Expr]:
    return [pl.col(name) for name in names]


def _rounding(train: pl.DataFrame, names: Sequence[str]) -> list[list[pl.Expr]]:
    """Two ways to round, half a step apart: what one tears at an edge the other keeps."""
    return [[_rounded(train[name], shift) for name in names] for shift in (0.0, 0.5)]


def _rounded(values: pl.Series, shift: float) -> pl.Expr:
    column, kind = pl.col(values.name), values.dtype
    if kind == pl.String:
        return column.str.strip_chars().str.to_lowercase()
    if not (kind.is_numeric() or kind.is_temporal()):
        return column
    if kind.is_integer() and values.n_unique() < LEVELS:
        return column
    numbers = values.to_physical().cast(pl.Float64)
    step = float(numbers.filter(numbers.is_finite()).std() or 0.0) / STEPS  # type: ignore[arg-type]
    if not step:
        return column
    return (column.to_physical().cast(pl.Float64) / step + shift).floor()


def _key(rows: pl.DataFrame, way: Sequence[pl.Expr]) -> pl.Series:
    named = [each.alias(str(at)) for at, each in enumerate(way)]
    return rows.select(pl.struct(named).hash(seed=0).alias("key"))["key"]
