"""Measures of a model on rows it has not seen.

Shapes: n rows, k classes. Labels of a classification are positions in the class list; with two
classes, the second one is the positive class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from modelkeel.model.evaluation.calibration import expected_error
from modelkeel.model.evaluation.statistic import (
    BoolArray,
    FloatArray,
    Statistic,
    macro,
    mean,
    ones,
    ratio,
    shown_classes,
)

Labels = npt.NDArray[np.generic]
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Metric:
    """A measure: its name in records, its name for people, and how it is computed.

    ``on(labels, predictions)`` is the measure of these rows as a function of their weights; a
    case in which it has no value (one class only, no rows) is NaN.
    """

    name: str
    label: str
    better: str  # "higher" or "lower"
    on: Callable[[Labels, FloatArray], Statistic]
    meaning: str
    resampled: bool = True  # whether resamples give it an interval

    def __call__(self, labels: npt.ArrayLike, predictions: npt.ArrayLike) -> float:
        """The measure over all rows, each counting once; NaN where it is undefined."""
        truth = np.asarray(labels)
        given = np.asarray(predictions, dtype=np.float64)
        return float(self.on(truth, given)(ones(len(truth)))[0])


# --- classification: probabilities (n, k), labels (n,) -----------------------------------------


class _Ranking:
    """Positives and negatives of (n,) rows in order of their score, lowest first."""

    def __init__(self, score: FloatArray, positive: BoolArray) -> None:
        order = np.argsort(score, kind="stable")
        self.hits = order[positive[order]]
        self.misses = order[~positive[order]]
        at = score[self.hits]
        # of each positive: how many negatives, and positives, have a lower score, or the same
        self.misses_below = np.searchsorted(score[self.misses], at, side="left")
        self.misses_up_to = np.searchsorted(score[self.misses], at, side="right")
        self.hits_below = np.searchsorted(at, at, side="left")
        self.ties = bool((self.misses_below != self.misses_up_to).any())

    def auc(self, weights: FloatArray) -> FloatArray:
        hits = weights.take(self.hits, axis=1)
        misses = _running(weights.take(self.misses, axis=1))
        below = misses.take(self.misses_below, axis=1)
        if self.ties:  # a tie counts one half
            below += misses.take(self.misses_up_to, axis=1)
            below *= 0.5
        return ratio(np.einsum("bi,bi->b", below, hits), hits.sum(axis=1) * misses[:, -1])

    def average_precision(self, weights: FloatArray) -> FloatArray:
        hits = weights.take(self.hits, axis=1)
        found, called = _running(hits), _running(weights.take(self.misses, axis=1))
        right = found[:, -1:] - found.take(self.hits_below, axis=1)
        seen = called[:, -1:] - called.take(self.misses_below, axis=1)
        seen += right
        np.maximum(seen, _EPSILON, out=seen)  # none seen, none right: no precision to add
        right /= seen
        return ratio(np.einsum("bi,bi->b", right, hits), found[:, -1])


def _running(weights: FloatArray) -> FloatArray:
    """Running totals along the rows of (b, n), from zero: (b, n + 1)."""
    total = np.zeros((len(weights), weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=total[:, 1:])
    return total


def _each_class(
    binary: Callable[[_Ranking, FloatArray], FloatArray],
    labels: Labels,
    probabilities: FloatArray,
) -> Statistic:
    """The positive class of two, or the plain mean over one-against-the-rest of more."""
    rankings = [
        _Ranking(probabilities[:, k], labels == k) for k in shown_classes(probabilities.shape[1])
    ]
    return lambda weights: macro([binary(ranking, weights) for ranking in rankings])


def _roc_auc(labels: Labels, probabilities: FloatArray) -> Statistic:
    """Mann-Whitney form, a tie counting one half (Hanley and McNeil 1982).

    More than two classes: the plain mean of one-against-the-rest (Provost and Domingos 2000).
    """
    return _each_class(_Ranking.auc, labels, probabilities)


def _average_precision(labels: Labels, probabilities: FloatArray) -> Statistic:
    """Sum of precision times the step in recall, without interpolation (Zhu 2004)."""
    return _each_class(_Ranking.average_precision, labels, probabilities)


def _log_loss(labels: Labels, probabilities: FloatArray) -> Statistic:
    """Mean negative natural logarithm of the probability of what happened (Good 1952)."""
    share = np.clip(probabilities, _EPSILON, 1.0)
    share = share / share.sum(axis=1, keepdims=True)
    return partial(mean, -np.log(share[np.arange(len(share)), labels.astype(np.int64)]))


def _brier(labels: Labels, probabilities: FloatArray) -> Statistic:
    """Mean squared error of the probabilities (Brier 1950).

    Two classes: of the positive one. More: summed over the classes.
    """
    error = np.square(probabilities - np.eye(probabilities.shape[1])[labels.astype(np.int64)])
    return partial(mean, error[:, 1].copy() if error.shape[1] == 2 else error.sum(axis=1))


def _accuracy(labels: Labels, probabilities: FloatArray) -> Statistic:
    """Share of rows whose most probable class is the true one; the first of a tie is taken."""
    return partial(mean, (probabilities.argmax(axis=1) == labels).astype(np.float64))


# --- regression: predictions (n,), actual values (n,) ------------------------------------------


def _mae(actual: Labels, predicted: FloatArray) -> Statistic:
    """Mean absolute error, in units of the target."""
    return partial(mean, np.abs(actual.astype(np.float64) - predicted))


def _rmse(actual: Labels, predicted: FloatArray) -> Statistic:
    """Root of the mean squared error, in units of the target."""
    squared = np.square(actual.astype(np.float64) - predicted)
    return lambda weights: np.sqrt(mean(squared, weights))


def _r2(actual: Labels, predicted: FloatArray) -> Statistic:
    """One minus the squared error over that of the rows' own mean; undefined if all are equal."""
    truth = actual.astype(np.float64)
    squared = np.square(truth - predicted)
    centred = truth - (truth.mean() if len(truth) else 0.0)  # keeps the one-pass variance accurate
    least = 1e-12 * max(float(np.square(centred).max(initial=0.0)), _EPSILON)

    def found(weights: FloatArray) -> FloatArray:
        variance = mean(np.square(centred), weights) - np.square(mean(centred, weights))
        variance[variance <= least] = 0.0
        return 1.0 - ratio(mean(squared, weights), variance)

    return found


roc_auc = Metric(
    "roc_auc",
    "Ranking (ROC AUC)",
    "higher",
    _roc_auc,
    "Chance that a random case of the class is ranked above a random other one; 0.5 is a coin.",
)
average_precision = Metric(
    "average_precision",
    "Average precision",
    "higher",
    _average_precision,
    "Precision averaged over recall; a model without skill scores the share of the class.",
)
log_loss = Metric(
    "log_loss",
    "Log loss",
    "lower",
    _log_loss,
    "How surprised the probabilities were by what happened; confident mistakes cost most.",
)
brier = Metric(
    "brier", "Brier score", "lower", _brier, "Mean squared error of the probabilities; 0 is best."
)
calibration_error = Metric(
    "calibration_error",
    "Calibration error",
    "lower",
    expected_error,
    "Mean gap between predicted probability and observed share.",
    resampled=False,  # resampling overstates it: see calibration_noise
)
accuracy = Metric(
    "accuracy", "Accuracy", "higher", _accuracy, "Share of rows whose likeliest class is right."
)
mae = Metric(
    "mae", "Mean absolute error", "lower", _mae, "Average miss, in units of what is forecast."
)
rmse = Metric(
    "rmse",
    "Root mean squared error",
    "lower",
    _rmse,
    "As the mean absolute error, with large misses weighing more.",
)
r2 = Metric(
    "r2",
    "Variance explained (R²)",
    "higher",
    _r2,
    "1 is a perfect forecast; 0 is no better than these rows' own mean.",
)

CLASSIFICATION: tuple[Metric, ...] = (
    roc_auc,
    average_precision,
    log_loss,
    brier,
    calibration_error,
    accuracy,
)
REGRESSION: tuple[Metric, ...] = (mae, rmse, r2)
METRICS: dict[str, Metric] = {metric.name: metric for metric in CLASSIFICATION + REGRESSION}
