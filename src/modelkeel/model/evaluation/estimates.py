"""Everything that gets an interval, measured on one set of resamples so that differences pair."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from modelkeel.model.evaluation.calibration import equal_mass_bins
from modelkeel.model.evaluation.case import Case, calibration_pairs
from modelkeel.model.evaluation.resampling import percentile_interval, resample
from modelkeel.model.evaluation.result import VALUE, Estimate
from modelkeel.model.evaluation.slices import Part
from modelkeel.model.evaluation.statistic import FloatArray, Statistic, Within, mean, ones


class Estimates:
    """The values of statistics, and of their differences, with intervals.

    Args:
        statistics: by name; the names are those of the functions below.
        whole: by name; measured on the rows as they are, and given no interval.
        rows: how many the statistics are of.
        times: number of resamples; without any, no value has an interval.
        seed: of the resamples.
        groups: (rows,) rows with the same value are resampled together; what is of fewer than
            `FEWEST_GROUPS` of them has no interval.
        confidence: of the intervals, unless another is asked for.
    """

    def __init__(
        self,
        statistics: Mapping[str, Statistic],
        whole: Mapping[str, Statistic],
        rows: int,
        *,
        times: int,
        seed: int,
        groups: npt.ArrayLike | None,
        confidence: float,
    ) -> None:
        self._samples = resample(statistics, rows, times=times, seed=seed, groups=groups)
        self._values = {
            name: float(statistic(ones(rows))[0])
            for name, statistic in {**statistics, **whole}.items()
        }
        self._confidence = confidence

    def of(self, name: str) -> Estimate:
        """The value of a statistic; without one where it is undefined."""
        return self._estimate(self._values[name], self._samples.get(name), self._confidence)

    def difference(self, one: str, other: str, confidence: float | None = None) -> Estimate:
        """``one`` minus ``other``, paired: both measured on the same resamples."""
        return self._estimate(
            self._values[one] - self._values[other],
            self._samples[one] - self._samples[other],
            confidence or self._confidence,
        )

    def _estimate(self, value: float, samples: FloatArray | None, confidence: float) -> Estimate:
        if math.isnan(value):
            return Estimate(None)
        interval = None if samples is None else percentile_interval(samples, confidence)
        return Estimate(value, *interval) if interval else Estimate(value)


def measures(case: Case, *, resampled: bool) -> dict[str, Statistic]:
    """``model roc_auc`` and so on: the measures that are resampled, or those that are not."""
    return {
        f"{who} {metric.name}": metric.on(case.truth, predicted)
        for who, predicted in case.predictions.items()
        for metric in case.metrics
        if metric.resampled == resampled
    }


def values(case: Case) -> dict[str, Statistic]:
    """``model value_per_decision`` and so on, of every predictor and the best fixed action."""
    return {f"{who} {VALUE}": partial(mean, paid) for who, paid in case.values.items()}


def by_slice(case: Case, parts: Sequence[Part]) -> dict[str, Statistic]:
    """``slice 0 metric``, ``slice 0 value``, ``slice 0 baseline`` and so on."""
    found: dict[str, Statistic] = {}
    for index, part in enumerate(parts):
        rows = np.flatnonzero(part.mask)
        primary = case.metrics[0].on(case.truth[rows], case.predictions["model"][rows])
        found[f"slice {index} metric"] = Within(rows, primary)
        for name, who in (("value", "model"), ("baseline", "baseline")):
            found[f"slice {index} {name}"] = Within(rows, partial(mean, case.values[who][rows]))
    return found


def by_bin(case: Case) -> dict[str, Statistic]:
    """``bin 0`` and so on: the mean of what was observed in each calibration bin of the model."""
    predicted, observed, rows = calibration_pairs(case, "model")
    member = equal_mass_bins(predicted)
    found: dict[str, Statistic] = {}
    for number in range(int(member.max(initial=-1)) + 1):
        inside = member == number
        found[f"bin {number}"] = Within(rows[inside], partial(mean, observed[inside]))
    return found
