"""The uplift per decision of decisions already made, with its interval.

    control_arm   difference of the arms' means; rows weighted by one over the probability of the
                  arm they got where that is given (Hajek 1971), which with equal probabilities is
                  the plain difference
    disagreement  the same among the decisions on which model and baseline differ, times their share
    replay        the mean paired difference among those whose outcome is known, times their share

Intervals are two-sided with the normal quantile. Variances are those of `power`, written as the sum
of what each decision moves the estimate by (linearisation: Lunceford and Davidian 2004); decisions
of one group move it together (cluster-robust: Liang and Zeger 1986). Each is for one look at the
data, not for looking until it pleases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from modelkeel.governance.designs import LEAST
from modelkeel.governance.spread import normal
from modelkeel.governance.valuing.decisions import Decisions, Flags, Floats
from modelkeel.records.charter import Design

Method = Literal["replay", "control_arm", "disagreement"]
SELDOM = 5
"""Of the outcomes that a mean hangs on, those other than the most frequent one. A loss that is rare
may be in none of thirty rows; the interval of the others would be far too narrow."""
MAX_UNKNOWN = 0.5
"""Share of the compared values that may be unknown."""


@dataclass(frozen=True)
class Effect:
    """An uplift per decision in the charter's unit.

    Attributes:
        value: the uplift; None where it cannot be told.
        low, high: its interval; None where there is too little evidence for one.
        decisions: that were looked at.
        compared: of these, how many the comparison rests on.
        known: of those compared, how many have a known value.
        baseline: of those known, how many followed the baseline; None for a replay.
        why: why there is no interval; empty where there is one.
    """

    value: float | None
    low: float | None
    high: float | None
    decisions: int
    compared: int
    known: int
    baseline: int | None
    why: str = ""

    @property
    def unknown_share(self) -> float:
        """Share of the compared decisions whose value is not known."""
        return 1 - self.known / self.compared if self.compared else 0.0

    @property
    def half(self) -> float | None:
        """Half the width of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def effect(found: Decisions, method: Method, confidence: float) -> Effect:
    """The uplift per decision.

    Args:
        found: decisions whose outcome is due.
        method: how model and baseline are compared; the randomised ones need an arm.
        confidence: of the interval.
    """
    if not len(found):
        return Effect(None, None, None, 0, 0, 0, None, "no outcome is due yet")
    if method == "replay":
        return _replay(found, confidence)
    inside = found.differs if method == "disagreement" else np.ones(len(found), dtype=np.bool_)
    return _arms(found, inside, confidence)


def design_method(design: Design, found: Decisions) -> Method:
    """How these decisions can be compared: a randomised design only where arms were drawn."""
    return "replay" if found.model_arm is None else design


def followed_model(found: Decisions, method: Method) -> Decisions:
    """Those that followed the model, weighted so that they stand for all.

    Where arms are drawn among differing decisions only, the others followed it too.
    """
    arm = found.model_arm
    if arm is None:
        return found
    if method != "disagreement":
        return found.where(arm)
    weight = np.ones(len(found))
    if found.weighted:
        weight[found.differs] = found.weight[found.differs]
    elif (model := found.differs & arm).any():
        weight[found.differs] = found.differs.sum() / model.sum()
    return replace(found, weight=weight).where(arm | ~found.differs)


def _replay(found: Decisions, confidence: float) -> Effect:
    inside = found.differs
    known = inside & ~np.isnan(found.difference)
    counts = (len(found), int(inside.sum()), int(known.sum()), None)
    if not inside.any():
        return Effect(0.0, None, None, *counts, "model and baseline did the same on each decision")
    mean, parts = weighted_mean(found.difference, known, np.ones(len(found)))
    hangs = found.difference_hangs
    return _interval(
        found, hangs, inside, mean, parts, counts, "differing decisions", confidence, [known]
    )


def _arms(found: Decisions, inside: Flags, confidence: float) -> Effect:
    assert found.model_arm is not None  # noqa: S101
    known = inside & ~np.isnan(found.value)
    model, baseline = known & found.model_arm, known & ~found.model_arm
    counts = (len(found), int(inside.sum()), int(known.sum()), int(baseline.sum()))
    one, ones = weighted_mean(found.value, model, found.weight)
    other, others = weighted_mean(found.value, baseline, found.weight)
    return _interval(
        found,
        found.hangs,
        inside,
        one - other,
        ones - others,
        counts,
        "decisions in each arm",
        confidence,
        [model, baseline],
    )


def weighted_mean(values: Floats, of: Flags, weight: Floats) -> tuple[float, Floats]:
    """The weighted mean of some rows, and by how much each row moves it; all are (n,)."""
    parts = np.zeros(len(values))
    total = weight[of].sum()
    if not total:
        return 0.0, parts
    mean = float((weight[of] * values[of]).sum() / total)
    parts[of] = weight[of] * (values[of] - mean) / total
    return mean, parts


def _interval(
    found: Decisions,
    hangs: Flags,
    inside: Flags,
    mean: float,
    parts: Floats,
    counts: tuple[int, int, int, int | None],
    what: str,
    confidence: float,
    means: Sequence[Flags],
) -> Effect:
    """From the effect among the compared decisions to that over all, by their share."""
    decisions, compared, known, _ = counts
    share = compared / decisions
    unknown = 1 - known / compared if compared else 0.0
    least = min(int(each.sum()) for each in means)
    groups = _groups(found, means)
    seldom = min(_seldom(found.outcome[each & hangs]) for each in means)
    why = ""
    if least < LEAST:
        why = f"{least} {what} with a known value, at least {LEAST} are needed"
    elif unknown > MAX_UNKNOWN:
        why = f"{unknown:.0%} of the {compared:,} compared decisions have no known value"
    elif groups is not None and groups < LEAST:
        why = f"{what} of {groups} groups, at least {LEAST} are needed"
    elif seldom < SELDOM:
        why = (
            f"{seldom} {what} with another outcome than the most frequent one, at least {SELDOM} "
            "are needed"
        )
    value = share * mean
    if why:
        return Effect(value if least else None, None, None, *counts, why)
    moved = share * parts + mean * (inside - share) / decisions
    half = normal(confidence) * math.sqrt(variance_of_sum(moved, found.group))
    return Effect(value, value - half, value + half, *counts)


def _groups(found: Decisions, means: Sequence[Flags]) -> int | None:
    """Of the mean that has the fewest."""
    if found.group is None:
        return None
    return min(len(np.unique(found.group[each])) for each in means)


def _seldom(outcomes: Floats) -> float:
    """How many are not the most frequent one; without end where nothing hangs on them."""
    if not len(outcomes):
        return math.inf
    return len(outcomes) - int(np.unique(outcomes, return_counts=True)[1].max())


def variance_of_sum(moved: Floats, group: NDArray[np.int64] | None) -> float:
    """Of the sum of what each row moves the estimate by; rows of a group move it together."""
    if group is not None:
        _, member = np.unique(group, return_inverse=True)
        moved = np.bincount(member, weights=moved).astype(np.float64)
    rows = len(moved)
    return float((moved**2).sum()) * rows / max(rows - 1, 1)
