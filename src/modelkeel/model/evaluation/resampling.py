"""Bootstrap resamples of the rows, and the intervals they give.

All statistics see the same resamples, so two models measured on them give paired differences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from modelkeel.model.evaluation.statistic import FloatArray, IntArray, Statistic

MAX_UNDEFINED = 0.05
"""Share of resamples that may be undefined before an interval is withheld."""
_CELLS = 200_000
"""Weights held at once. 1.6 MB stay in the processor's cache: ten times as many take thrice as
long at 100,000 rows."""


def block_sizes(times: int, rows: int) -> Iterator[int]:
    """``times`` resamples of ``rows`` rows, in parts that are held at once."""
    step = max(1, min(times, _CELLS // max(rows, 1)))
    for start in range(0, times, step):
        yield min(step, times - start)


def resample_weights(
    rows: int, times: int, seed: int, groups: npt.ArrayLike | None = None
) -> Iterator[FloatArray]:
    """How often each row was drawn, in blocks of shape (b, rows), ``times`` resamples in all.

    Rows are drawn with replacement (Efron 1979). With ``groups`` (rows,) whole groups are
    drawn (the cluster bootstrap of Davison and Hinkley 1997, section 3.8): use it when rows
    of one customer or day are alike, or the intervals come out too narrow.
    """
    generator = np.random.default_rng(seed)
    member: IntArray | None = None
    units = rows
    if groups is not None:
        names, inverse = np.unique(np.asarray(groups), return_inverse=True)
        member, units = inverse.astype(np.int64), len(names)
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
    """Every statistic on the same resamples: arrays of shape (times,), NaN where undefined."""
    parts: dict[str, list[FloatArray]] = {name: [] for name in statistics}
    for weights in resample_weights(rows, times, seed, groups):
        for name, statistic in statistics.items():
            parts[name].append(statistic(weights))
    return {name: np.concatenate(found) if found else np.zeros(0) for name, found in parts.items()}


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


def wilson_interval(hits: int, rows: int, z: float) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927); ``z`` is the normal quantile."""
    if not rows:
        return float("nan"), float("nan")
    share = hits / rows
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * np.sqrt(share * (1 - share) / rows + z * z / (4 * rows**2))
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))
