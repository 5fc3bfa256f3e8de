"""Bootstrap resamples of the rows, and the intervals they give.

All statistics see the same resamples, so two models measured on them give paired differences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from modelkeel.model.evaluation.statistic import (
    BoolArray,
    FloatArray,
    IntArray,
    Statistic,
    Within,
)

MAX_UNDEFINED = 0.05
"""Share of resamples that may be undefined before an interval is withheld."""
FEWEST_GROUPS = 10
"""Groups below which an interval is withheld: resamples of fewer are too alike. Of one they are all
equal, and of two an interval of 90 % excluded the truth in a quarter of the trials."""
_CELLS = 200_000
"""Weights held at once. 1.6 MB stay in the processor's cache: ten times as many take thrice as
long at 100,000 rows."""


def block_sizes(times: int, rows: int) -> Iterator[int]:
    """``times`` resamples of ``rows`` rows, in parts that are held at once."""
    step = max(1, min(times, _CELLS // max(rows, 1)))
    for start in range(0, times, step):
        yield min(step, times - start)


def group_numbers(groups: npt.ArrayLike | None) -> IntArray | None:
    """The group of each row as a number from 0; None where rows are drawn one by one."""
    if groups is None:
        return None
    return np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)


def few_groups(numbers: IntArray | None, rows: IntArray | BoolArray | slice = slice(None)) -> bool:
    """Whether rows belong to too few groups for an interval; never where there are no groups."""
    if numbers is None:
        return False
    return int(np.count_nonzero(np.bincount(numbers[rows]))) < FEWEST_GROUPS


def resample_weights(
    rows: int, times: int, seed: int, groups: npt.ArrayLike | None = None
) -> Iterator[FloatArray]:
    """How often each row was drawn, in blocks of shape (b, rows), ``times`` resamples in all.

    Rows are drawn with replacement (Efron 1979). With ``groups`` (rows,) whole groups are
    drawn (the cluster bootstrap of Davison and Hinkley 1997, section 3.8): use it when rows
    of one customer or day are alike, or the intervals come out too narrow.
    """
    generator = np.random.default_rng(seed)
    member = group_numbers(groups)
    units = rows if member is None else int(member.max(initial=-1)) + 1
    if not units:
        return
    for count in block_sizes(times, rows):
        drawn = generator.integers(0, units, size=(count, units))
        drawn += np.arange(count)[:, None] * units
        counts = np.bincount(drawn.ravel(), minlength=count * units).reshape(count, units)
        weights = counts.astype(np.float64)
        yield weights if member is None else weights.take(member, axis=1)


def resample(
    statistics: Mapping[str, Statistic],
    rows: int,
    *,
    times: int,
    seed: int,
    groups: npt.ArrayLike | None = None,
) -> dict[str, FloatArray]:
    """Every statistic on the same resamples: arrays of shape (times,), NaN where undefined.

    One of fewer than `FEWEST_GROUPS` groups is undefined throughout.
    """
    numbers = group_numbers(groups)
    parts: dict[str, list[FloatArray]] = {name: [] for name in statistics}
    measured = {
        name: statistic
        for name, statistic in statistics.items()
        if not few_groups(numbers, statistic.rows if isinstance(statistic, Within) else slice(None))
    }
    for weights in resample_weights(rows, times, seed, numbers):
        for name, statistic in measured.items():
            parts[name].append(statistic(weights))
    return {
        name: np.concatenate(found) if found else np.full(times, np.nan)
        for name, found in parts.items()
    }


def percentile_interval(samples: FloatArray, confidence: float) -> tuple[float, float] | None:
    """Percentile interval (Efron and Tibshirani 1993, chapter 13), or None when it has no meaning.

    None when there are no resamples or more than ``MAX_UNDEFINED`` of them had no value.
    """
    defined = samples[~np.isnan(samples)]
    if not len(defined) or len(defined) < (1 - MAX_UNDEFINED) * len(samples):
        return None
    tail = (1 - confidence) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def wilson_interval(hits: float, rows: float, z: float) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927); ``z`` is the normal quantile."""
    if not rows:
        return float("nan"), float("nan")
    share = hits / rows
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * np.sqrt(share * (1 - share) / rows + z * z / (4 * rows**2))
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))
