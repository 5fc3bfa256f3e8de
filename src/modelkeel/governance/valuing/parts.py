"""What follows from the uplift: kill criteria over their window, months, and money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np

from modelkeel.governance.valuing.decisions import Decisions, midnight
from modelkeel.governance.valuing.effect import Effect, Method, effect
from modelkeel.records.charter import Charter, Cost

_MONTHS = 60


@dataclass(frozen=True)
class KillResult:
    """A kill criterion over its window: hit, clear, or without enough decisions to tell."""

    id: str
    asked: str
    value: float | None
    decisions: int
    since: str
    until: str
    action: str
    state: Literal["hit", "clear", "insufficient_evidence"]
    why: str


@dataclass(frozen=True)
class Month:
    """A month's decisions, and the uplift of all up to its end."""

    month: str
    decisions: int
    known: int
    value: float | None
    low: float | None
    high: float | None
    total: float | None
    total_low: float | None
    total_high: float | None


@dataclass(frozen=True)
class Money:
    """Value at the charter's volume, in its unit; each with its low and high end.

    `payback_months` is how long the gain of a month takes to pay for `build_once`; its ends are
    None where it never does.
    """

    volume_per_month: int
    cost_per_month: float
    per_month: tuple[float, float, float] | None
    build_once: float
    payback_months: tuple[float | None, float | None, float | None] | None


def judge_kills(
    charter: Charter, due: Decisions, method: Method, ripe: datetime
) -> list[KillResult]:
    """Judge each kill criterion on decisions that fell due in its window, which ends now.

    Args:
        charter: the charter.
        due: decisions whose outcome is due.
        method: how model and baseline are compared.
        ripe: decisions up to then have an outcome that is due.
    """
    results = []
    for kill in charter.kill:
        since = ripe - timedelta(days=kill.window_days)
        found = effect(due.where(due.time > midnight(since)), method, charter.target.confidence)
        bound = {"low": found.low, "value": found.value, "high": found.high}[kill.bound]
        known = found.low is not None and bound is not None
        hit = known and bound is not None and bound < kill.below
        results.append(
            KillResult(
                id=kill.id,
                asked=f"{kill.bound} end of the uplift not below {kill.below:g}"
                if kill.bound != "value"
                else f"uplift not below {kill.below:g}",
                value=bound if known else None,
                decisions=found.decisions,
                since=since.date().isoformat(),
                until=ripe.date().isoformat(),
                action=kill.action,
                state="hit" if hit else "clear" if known else "insufficient_evidence",
                why=found.why,
            )
        )
    return results


def months(due: Decisions, method: Method, confidence: float) -> list[Month]:
    """The uplift by month of decision, and of all decisions up to its end; the last 60 months."""
    if not len(due):
        return []
    of = due.time.astype("datetime64[M]")
    found = []
    for month in np.unique(of)[-_MONTHS:]:
        inside = due.where(of == month)
        alone = effect(inside, method, confidence)
        total = effect(due.where(of <= month), method, confidence)
        found.append(
            Month(
                month=str(month),
                decisions=len(inside),
                known=alone.known,
                value=alone.value,
                low=alone.low,
                high=alone.high,
                total=total.value,
                total_low=total.low,
                total_high=total.high,
            )
        )
    return found


def money(charter: Charter, uplift: Effect) -> Money:
    """Uplift times volume less costs, and how long it takes to pay for itself."""
    volume, cost = charter.decision.volume_per_month, charter.value.cost or Cost()
    running = cost.per_decision * volume + cost.fixed_per_month
    if uplift.value is None or uplift.low is None or uplift.high is None:
        return Money(volume, running, None, cost.build_once, None)
    low, value, high = (each * volume - running for each in (uplift.low, uplift.value, uplift.high))
    payback = None
    if cost.build_once:  # the best case is the shortest
        slow, usual, fast = (
            cost.build_once / each if each > 0 else None for each in (low, value, high)
        )
        payback = (fast, usual, slow)
    return Money(volume, running, (low, value, high), cost.build_once, payback)
