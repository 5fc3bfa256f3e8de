"""The designs that compare model and baseline, and the variance of what each of them finds.

With n decisions, s the share that follows the baseline, q the share on which model and baseline
differ, and sd^2 variances per decision, the variance of the uplift per decision is

    replay        sd(d)^2 / n, d the paired difference
    control_arm   sd(model)^2 / ((1-s) n) + sd(baseline)^2 / (s n): two independent means
    disagreement  q^2 (sd(model)^2 / ((1-s) q n) + sd(baseline)^2 / (s q n)) + D^2 q (1-q) / n:
                  the same among the decisions that differ, weighted by their share; the last term
                  is that q itself is estimated (delta method), D the effect among them

(paired and two-sample means: any text, such as Imbens and Rubin 2015, chapter 6). Decisions whose
value is never known are taken off each n. Where decisions come in groups that are alike, g of them
tell as much as one that stands alone (the design effect, from the interval that `evaluate` measured
on whole groups), and each variance is g times as large: a group keeps the arm that it was drawn to.
"""

from __future__ import annotations

from modelkeel.governance.spread import Spread
from modelkeel.records.charter import Design

DESIGNS: tuple[Design, ...] = ("replay", "control_arm", "disagreement")
SHARES: dict[Design, float] = {"control_arm": 0.1, "disagreement": 0.5}
"""Shares that follow the baseline, for designs that the charter does not choose."""
LEAST = 30
"""Known values that a mean takes, for the normal quantile to fit."""


def variance_of(
    spread: Spread, design: Design, share: float | None, uplift: float = 0.0
) -> float | None:
    """The variance of the uplift per decision times the number of decisions.

    Args:
        spread: standard deviations per decision.
        design: how model and baseline are compared.
        share: of the decisions it draws from, how many follow the baseline; None for replay.
        uplift: per decision, that the share of differing decisions is multiplied with.

    Returns:
        None where values it needs are never known, or model and baseline are paid the same.
    """
    if spread.same:
        return None
    if share is None:
        known = spread.known_replayed
        return spread.clustering * spread.difference**2 / known if known else None
    if design == "control_arm":
        known = min(spread.known_model, spread.known_baseline)
        if not known:
            return None
        arms = spread.model**2 / ((1 - share) * spread.known_model)
        arms += spread.baseline**2 / (share * spread.known_baseline)
        return spread.clustering * arms
    if not spread.known_inside or not spread.known_baseline:
        return None
    inside = spread.inside_model**2 / (
        (1 - share) * spread.known_inside
    ) + spread.inside_baseline**2 / (share * spread.known_baseline)
    between = uplift**2 * (1 - spread.differ) / spread.differ
    return spread.clustering * (spread.differ * inside + between)


def least_decisions(spread: Spread, design: Design, share: float | None) -> float:
    """Decisions after which each mean has the known values that its interval takes.

    Args:
        spread: how many decisions have a value that is ever known.
        design: how model and baseline are compared.
        share: of the decisions it draws from, how many follow the baseline; None for replay.
    """
    if share is None:
        return LEAST / (spread.differ * spread.known_replayed)
    if design == "control_arm":
        return LEAST / min((1 - share) * spread.known_model, share * spread.known_baseline)
    inside = min((1 - share) * spread.known_inside, share * spread.known_baseline)
    return LEAST / (spread.differ * inside)
