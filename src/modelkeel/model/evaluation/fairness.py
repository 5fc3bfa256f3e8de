"""Whether groups of people get the same decisions, and the same chance of a right one.

Definitions as in Fairlearn (Bird et al. 2020, Microsoft MSR-TR-2020-32): the demographic parity
ratio, here of each action, and the equal opportunity difference (Hardt, Price and Srebro 2016).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from modelkeel.model.evaluation.case import Case, Choice
from modelkeel.model.evaluation.groups import Fairness, Gap, Measured, Share
from modelkeel.model.evaluation.resampling import (
    few_groups,
    group_numbers,
    percentile_interval,
    resample_weights,
)
from modelkeel.model.evaluation.result import Estimate
from modelkeel.model.evaluation.slices import SMALL_CLASS, SMALL_SLICE, Part
from modelkeel.model.evaluation.statistic import FloatArray, ratio


def fairness(
    case: Case,
    parts: Sequence[Part],
    *,
    times: int,
    seed: int,
    groups: npt.ArrayLike | None,
    confidence: float,
) -> list[Fairness]:
    """Compare the parts of each column with each other.

    Args:
        case: the held-out rows.
        parts: what they are split into; those of one column are its groups.
        times: number of resamples; without any, no value has an interval.
        seed: of the resamples.
        groups: (n,) rows with the same value are resampled together.
        confidence: of the intervals.
    """
    columns: dict[str, list[Part]] = {}
    for part in parts:
        columns.setdefault(part.column, []).append(part)
    if not columns or not len(case.truth):
        return []
    tally = _Tally()
    made = [_column(case, name, members, tally) for name, members in columns.items()]
    tally.resample(len(case.truth), times=times, seed=seed, groups=groups)
    return [_found(asked, tally, confidence) for asked in made]


_BLOCKS = 16


class _Tally:
    """Sums over some of the rows, on the rows as they are and on each resample, all at once."""

    def __init__(self) -> None:
        self._columns: list[FloatArray] = []
        self._whole: FloatArray = np.zeros(0)
        self._samples: FloatArray = np.zeros((0, 0))
        self._few: list[bool] = []

    def add(self, values: npt.NDArray[Any]) -> int:
        """A sum to work out, of `values` (n,); returns its number."""
        self._columns.append(values.astype(np.float64))
        return len(self._columns) - 1

    def resample(self, rows: int, *, times: int, seed: int, groups: npt.ArrayLike | None) -> None:
        """Work out all sums; one product of matrices a block of resamples."""
        table, numbers = np.column_stack(self._columns), group_numbers(groups)
        self._whole = table.sum(axis=0)
        self._few = [few_groups(numbers, each != 0.0) for each in self._columns]
        drawn = _batched(resample_weights(rows, times, seed, numbers), _BLOCKS)
        blocks = [np.vstack(weights) @ table for weights in drawn]
        self._samples = np.vstack(blocks) if blocks else np.zeros((0, table.shape[1]))

    def count(self, number: int) -> int:
        """A sum on the rows as they are."""
        return round(float(self._whole[number]))

    def few(self, number: int) -> bool:
        """Whether a sum is over too few groups of rows for an interval."""
        return self._few[number]

    def share(self, above: int, below: int) -> tuple[float, FloatArray]:
        """One sum over another: on the rows as they are, and on each resample (times,)."""
        whole = ratio(self._whole[above : above + 1], self._whole[below : below + 1])
        drawn = ratio(self._samples[:, above], self._samples[:, below])
        return float(whole[0]), np.full_like(drawn, np.nan) if self.few(below) else drawn


def _batched(blocks: Iterator[FloatArray], count: int) -> Iterator[list[FloatArray]]:
    """So many blocks at a time: each product reads the whole table, so fewer are faster."""
    while some := list(islice(blocks, count)):
        yield some


@dataclass(frozen=True)
class _Asked:
    """The sums behind one column: by measure and group, those above and below the line."""

    column: str
    n: dict[str, int]
    measures: dict[tuple[str, str], dict[str, tuple[int, int]]]


def _column(case: Case, column: str, members: list[Part], tally: _Tally) -> _Asked:
    measures: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    for part in members:
        rows = tally.add(part.mask)
        if case.choice is None:
            gap = case.predictions["model"] - case.truth
            scale = float(np.std(case.truth)) or 1.0
            sums = {("error", ""): abs(gap), ("lean", ""): gap / scale}
            for measure, values in sums.items():
                found = measures.setdefault(measure, {})
                found[part.label] = tally.add(values * part.mask), rows
            continue
        deserved = _deserved(case.choice, case.truth)
        for place, action in enumerate(case.choice.actions):
            taken = (case.choice.taken == place) & part.mask
            right = (deserved == place) & part.mask
            selection = measures.setdefault(("selection", action), {})
            selection[part.label] = tally.add(taken), rows
            opportunity = measures.setdefault(("opportunity", action), {})
            opportunity[part.label] = tally.add(taken & right), tally.add(right)
    return _Asked(column, {part.label: int(part.mask.sum()) for part in members}, measures)


def _deserved(choice: Choice, truth: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The action that pays most under what then happened, by row; of equal ones the first."""
    return np.asarray(choice.amounts.argmax(axis=0)[truth], dtype=np.int64)


def _found(asked: _Asked, tally: _Tally, confidence: float) -> Fairness:
    made: dict[str, dict[str, Measured]] = {}
    for (kind, action), sums in asked.measures.items():
        made.setdefault(kind, {})[action] = _measured(kind, sums, asked.n, tally, confidence)
    if "error" in made:
        return Fairness(asked.column, asked.n, error=made["error"][""], lean=made["lean"][""])
    return Fairness(
        asked.column, asked.n, selection=made["selection"], opportunity=made["opportunity"]
    )


def _measured(
    kind: str,
    sums: dict[str, tuple[int, int]],
    rows: dict[str, int],
    tally: _Tally,
    confidence: float,
) -> Measured:
    shares, drawn = {}, {}
    for name, (above, below) in sums.items():
        value, samples = tally.share(above, below)
        of = tally.count(below)
        enough = rows[name] >= SMALL_SLICE and of >= SMALL_CLASS and not tally.few(below)
        found = _estimate(value, samples, confidence)
        shares[name] = Share(of, found, assessed=enough and name != "missing")
        drawn[name] = value, samples
    fit = [name for name in shares if shares[name].assessed]
    if len(fit) < 2:
        return Measured(shares, None)
    lowest = min(fit, key=lambda name: drawn[name][0])
    highest = max(fit, key=lambda name: drawn[name][0])
    return Measured(shares, _gap(kind, lowest, highest, drawn, confidence))


def _gap(
    kind: str,
    lowest: str,
    highest: str,
    drawn: dict[str, tuple[float, FloatArray]],
    confidence: float,
) -> Gap:
    """Lowest against highest, the same two in each resample.

    To look for the outermost groups anew in each resample would take what chance does to them
    twice, and pull the interval away from equality.
    """
    (low, lows), (high, highs) = drawn[lowest], drawn[highest]
    if kind in ("opportunity", "lean"):
        return Gap(lowest, highest, _estimate(high - low, highs - lows, confidence))
    value = low / high if high > 0 else float("nan")
    found = _estimate(value, ratio(lows, highs), confidence)
    if found.high is not None:  # a ratio of the lower to the higher ends at equality
        found = Estimate(found.value, min(1.0, found.low or 0.0), min(1.0, found.high))
    return Gap(lowest, highest, found)


def _estimate(value: float, samples: FloatArray, confidence: float) -> Estimate:
    if np.isnan(value):
        return Estimate(None)
    interval = percentile_interval(samples, confidence)
    return Estimate(value, *interval) if interval else Estimate(value)
