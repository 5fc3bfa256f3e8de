"""Curves of a ranking, read off at a fixed grid: those of several models share their axis."""

from __future__ import annotations

import numpy as np

from modelkeel.model.evaluation.statistic import BoolArray, FloatArray


def roc_curve(score: FloatArray, positive: BoolArray, grid: FloatArray) -> FloatArray:
    """True positive rate at each false positive rate of ``grid``; NaN with one class only."""
    if not positive.any() or positive.all():
        return np.full(len(grid), np.nan)
    hits, misses = _by_score(score, positive)
    true_rate = np.r_[0.0, np.cumsum(hits) / hits.sum()]
    false_rate = np.r_[0.0, np.cumsum(misses) / misses.sum()]
    # where the curve rises straight up, interp takes the last of the equal points: the upper end
    return np.asarray(np.interp(grid, false_rate, true_rate), dtype=np.float64)


def precision_curve(score: FloatArray, positive: BoolArray, grid: FloatArray) -> FloatArray:
    """Precision at the first threshold that reaches each recall of ``grid``; NaN without hits."""
    if not positive.any():
        return np.full(len(grid), np.nan)
    hits, misses = _by_score(score, positive)
    found = np.cumsum(hits)
    precision = found / (found + np.cumsum(misses))
    recall = found / found[-1]
    at = np.searchsorted(recall, np.maximum(grid, recall[hits > 0][0]) - 1e-12)
    return np.asarray(precision[np.minimum(at, len(precision) - 1)], dtype=np.float64)


def _by_score(score: FloatArray, positive: BoolArray) -> tuple[FloatArray, FloatArray]:
    """How many positives and negatives there are at each distinct score, the highest first."""
    place = np.unique(-score, return_inverse=True)[1]
    hits = np.bincount(place, weights=positive).astype(np.float64)
    every = np.bincount(place).astype(np.float64)
    return hits, every - hits
