"""Whether the charter's target is measurable: the effect each design can detect, and when.

The detectable effect is the half width of the two-sided interval at the charter's confidence. An
uplift that large is told from none half the time; one that is 1.5 times as large (at 90 %) four
times in five. The variances stand in `designs`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from modelkeel.governance.designs import DESIGNS, SHARES, least_decisions, variance_of
from modelkeel.governance.numbers import figure
from modelkeel.governance.spread import Spread, normal, read_evaluation, spread_of
from modelkeel.project import Project
from modelkeel.records.charter import Charter, Design

DAYS_A_MONTH = 365.25 / 12
_FOREVER = 12 * 100
_ALIKE = 1.05
_COUNTABLE = 1e18  # more decisions than anybody makes


@dataclass(frozen=True)
class DesignPower:
    """What one design can tell.

    Attributes:
        design: its name.
        share: of the decisions it draws from, how many follow the baseline; None for replay.
        variance: of the uplift per decision, times the number of decisions; None where there is
            nothing to tell, as `never` says.
        decisions: whose outcome is known by the target's date.
        detectable: half width of the interval then, in the charter's unit.
        needed: decisions after which the half width is down to the target, and each mean has the
            known values that an interval takes; None where there is nothing to tell, or where these
            are more than anybody makes.
        months: months that these take to be decided.
        measurable_from: when their outcomes are known.
        measurable: whether that is by the target's date.
        never: why there is nothing to tell; empty where there is.
    """

    design: Design
    share: float | None
    variance: float | None
    decisions: int
    detectable: float | None
    needed: int | None
    months: float | None
    measurable_from: date | None
    measurable: bool
    never: str = ""


@dataclass(frozen=True)
class Power:
    """Whether the target is measurable, by design; amounts in the charter's unit."""

    target: float
    unit: str
    by: date
    confidence: float
    volume_per_month: int
    delay_days: int
    today: date
    chosen: Design
    designs: tuple[DesignPower, ...]
    source: str
    notes: tuple[str, ...]

    @property
    def own(self) -> DesignPower:
        """The design that the charter chose."""
        return next(each for each in self.designs if each.design == self.chosen)

    @property
    def measurable(self) -> bool:
        """Whether the target is measurable by its date in the chosen design."""
        return self.own.measurable

    def sentence(self) -> str:
        """The answer in plain words."""
        own, target = self.own, f"target {self.target:g}"
        if self.target <= 0:
            return (
                f"{target} has no size that could be detected: name the smallest gain that counts"
            )
        if own.never:
            return f"{target} is not measurable in the design {own.design}: {own.never}"
        if own.needed is None or own.months is None:
            return (
                f"{target} is not measurable in the design {own.design}: it takes more decisions "
                "than anybody makes"
            )
        detectable = "" if own.detectable is None else f" (detectable {figure(own.detectable)})"
        if own.measurable:
            return f"{target} at {own.decisions:,} decisions is measurable{detectable}"
        when = f", known from {own.measurable_from:%Y-%m} on" if own.measurable_from else ""
        return (
            f"{target} at {own.decisions:,} decisions is not measurable{detectable}; needs "
            f"{own.needed:,} = {own.months:.1f} months{when}"
        )

    def table(self) -> str:
        """The designs side by side; a star marks the charter's."""
        rows = [("design", "to baseline", "decisions", "detectable", "needed", "measurable from")]
        for each in self.designs:
            named = f"{each.design}{' *' if each.design == self.chosen else ''}"
            share = "none" if each.share is None else f"{each.share:.0%}"
            rows.append(
                (
                    named,
                    f"{share} of differing" if each.design == "disagreement" else share,
                    f"{each.decisions:,}",
                    "never" if each.detectable is None else figure(each.detectable),
                    "never" if each.needed is None else f"{each.needed:,}",
                    "never" if each.measurable_from is None else f"{each.measurable_from:%Y-%m}",
                )
            )
        widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if at < 2 else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        )


def power_of(project: Project, today: date) -> Power | None:
    """The power of a project's charter; None for a regression before its first evaluation.

    Raises:
        BadInput: the charter or reports/evaluation.json is broken.
    """
    return power(project.charter, read_evaluation(project), today)


def power(charter: Charter, evaluation: Mapping[str, Any] | None, today: date) -> Power | None:
    """Whether the charter's target is measurable by its date.

    Args:
        charter: the charter.
        evaluation: reports/evaluation.json, if there is one.
        today: from when on decisions are made by the design.

    Returns:
        The power of each design; None where nothing tells how far payoffs scatter.
    """
    spread = spread_of(charter, evaluation)
    if spread is None:
        return None
    control, target = charter.control, charter.target
    shares: dict[Design, float] = dict(SHARES)
    if control.share is not None:
        shares[control.design] = control.share
    return Power(
        target=target.at_least,
        unit=charter.value.unit,
        by=target.by,
        confidence=target.confidence,
        volume_per_month=charter.decision.volume_per_month,
        delay_days=charter.outcome.delay_days,
        today=today,
        chosen=control.design,
        designs=tuple(_design(charter, spread, each, shares.get(each), today) for each in DESIGNS),
        source=f"spread of payoffs: {spread.source}",
        notes=tuple(_notes(charter, spread)),
    )


def _design(
    charter: Charter, spread: Spread, design: Design, share: float | None, today: date
) -> DesignPower:
    target, volume = charter.target, charter.decision.volume_per_month
    # A replay also counts what was decided before today and turns out until the date.
    delay = 0 if design == "replay" else charter.outcome.delay_days
    days = max(0, (target.by - today).days - delay)
    decisions = int(volume * days / DAYS_A_MONTH)
    z = normal(target.confidence)
    variance = variance_of(spread, design, share, target.at_least)
    detectable = z * math.sqrt(variance / decisions) if variance is not None and decisions else None
    needed = months = known_from = None
    if variance is not None and target.at_least > 0:
        needed = _needed(variance, z / target.at_least, least_decisions(spread, design, share))
    if needed is not None:
        months = needed / volume
        if months <= _FOREVER:
            known_from = today + timedelta(days=math.ceil(months * DAYS_A_MONTH) + delay)
    reached = needed is not None and needed <= decisions
    never = ""
    if spread.same:
        never = "model and baseline are paid the same on each decision"
    elif variance is None:
        never = "what it compares is never known"
    return DesignPower(
        design, share, variance, decisions, detectable, needed, months, known_from, reached, never
    )


def _needed(variance: float, ratio: float, least: float) -> int | None:
    """Decisions after which the half width is down to the target, if one can count so many."""
    # floats multiply to inf, no error
    count = max(least, variance * (ratio * ratio) if variance else 0.0)
    return math.ceil(count) if count < _COUNTABLE else None


def _notes(charter: Charter, spread: Spread) -> list[str]:
    notes = ["replay looks at past outcomes: it shows no cause"]
    never = [name for name in charter.decision.actions if not charter.value_known(name)]
    if never:
        named = ", ".join(repr(name) for name in never)
        notes.append(
            f"after {named} no outcome is seen (outcome.observable_when), so what it was worth is "
            "never known; such decisions count in no design, and what is left may not be like them"
        )
    if charter.outcome.observable_when and spread.known_replayed:
        notes.append("replay counts decisions that the baseline made: the model's hide outcomes")
    if spread.clustering > _ALIKE:
        notes.append(
            f"decisions of a group are alike: {spread.clustering:.1f} tell as much as one that "
            "stands alone (design effect, measured on the held-out groups)"
        )
    if charter.task == "regression" or not spread.measured:
        return notes
    if spread.differ:
        notes.append(f"model and baseline differ on {spread.differ:.0%} of the decisions")
    return notes
