"""Whether predicted probabilities come true as often as they say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from modelkeel.model.evaluation.resampling import block_sizes
from modelkeel.model.evaluation.statistic import (
    FloatArray,
    IntArray,
    Statistic,
    macro,
    ones,
    ratio,
    shown_classes,
)

BINS = 10
_ROWS_A_BIN = 20


def equal_mass_bins(values: FloatArray) -> IntArray:
    """Bin of each value, cut at quantiles; equal values share a bin, so there may be fewer.

    Few rows give fewer bins, at least twenty rows each.
    """
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    count = int(np.clip(len(values) // _ROWS_A_BIN, 1, BINS))
    edges = np.unique(np.quantile(values, np.linspace(0, 1, count + 1)[1:-1]))
    found = np.searchsorted(edges, values, side="right")
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def expected_error(labels: npt.NDArray[np.generic], probabilities: FloatArray) -> Statistic:
    """Expected calibration error over bins of equal mass (Nguyen and O'Connor 2015).

    Two classes: of the positive one. More: the mean over classes.
    """
    classes = shown_classes(probabilities.shape[1])
    members = [_membership(probabilities[:, k]) for k in classes]
    gaps = [(labels == k) - probabilities[:, k] for k in classes]
    return lambda weights: macro(
        [
            _bin_gap(weights * gap, member, weights)
            for gap, member in zip(gaps, members, strict=True)
        ]
    )


def calibration_noise(
    probabilities: FloatArray, *, quantile: float, times: int = 500, seed: int = 0
) -> float:
    """The calibration error that chance alone exceeds in ``1 - quantile`` of samples this size.

    Outcomes are drawn from the probabilities (n, k) themselves, so the model is right by
    construction (consistency resampling, Bröcker and Smith 2007). The error cannot be
    negative, so resampling the rows would overstate it; this is what to hold it against.
    """
    rows, size = probabilities.shape
    if not rows:
        return float("nan")
    generator = np.random.default_rng(seed)
    upper = np.cumsum(probabilities, axis=1)
    upper[:, -1] = np.inf
    classes = shown_classes(size)
    members = [_membership(probabilities[:, k]) for k in classes]
    found: list[FloatArray] = []
    for count in block_sizes(times, rows):
        draw = generator.random((count, rows))
        drawn = sum((draw >= upper[:, k]).astype(np.int64) for k in range(size - 1))
        found.append(
            macro(
                [
                    _bin_gap((drawn == k) - probabilities[:, k], member, ones(rows))
                    for k, member in zip(classes, members, strict=True)
                ]
            )
        )
    return float(np.quantile(np.concatenate(found), quantile))


def _membership(values: FloatArray) -> FloatArray:
    """One column a bin, (n, bins): 1.0 where the row is in it."""
    member = equal_mass_bins(values)
    return np.eye(int(member.max(initial=0)) + 1)[member]


def _bin_gap(gap: FloatArray, member: FloatArray, weights: FloatArray) -> FloatArray:
    """Sum over bins of the weighted |gap| (b, n), over the weight."""
    return ratio(np.abs(gap @ member).sum(axis=1), weights.sum(axis=1))
