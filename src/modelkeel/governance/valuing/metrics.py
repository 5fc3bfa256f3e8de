"""The metrics that a charter's guardrails may name, each with an interval.

They look at what the model decided: at the decisions drawn to follow it, or, where arms are drawn
only among differing ones, at what it would have done in each. Shares have Wilson's interval (1927),
the ratio of two shares that of Katz and others (1978), a mean the normal one. Where decisions were
drawn with different probabilities they are weighted, and count as Kish's (1965) effective number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from modelkeel.errors import BadInput
from modelkeel.governance.designs import LEAST
from modelkeel.governance.spread import normal
from modelkeel.governance.valuing.decisions import Decisions, Flags, Floats
from modelkeel.governance.valuing.effect import variance_of_sum, weighted_mean
from modelkeel.model.evaluation.resampling import wilson_interval
from modelkeel.records.charter import Charter


@dataclass(frozen=True)
class Measured:
    """A metric's value and interval; `why` says what is missing where there is none."""

    value: float | None
    low: float | None = None
    high: float | None = None
    about: str = ""
    why: str = ""


@dataclass(frozen=True)
class Given:
    """What metrics look at.

    Attributes:
        charter: the charter.
        model: decisions that followed the model, weighted to stand for all.
        chosen: a fair sample of what the model chose: as `model`, but where arms are drawn only
            among differing decisions, all of them with the action that the model named.
        due: of those in `model`, the ones whose outcome is due.
        favourable: the action that people hope for.
        confidence: of the intervals.
    """

    charter: Charter
    model: Decisions
    chosen: Decisions
    due: Decisions
    favourable: str
    confidence: float


@dataclass(frozen=True)
class Metric:
    """A metric: what it measures, of which task, and what its argument is."""

    meaning: str
    measure: Callable[[Given, str], Measured]
    argument: str = ""
    task: Literal["classification", "regression", "any"] = "any"


def _selection_rate_ratio(given: Given, column: str) -> Measured:
    model = given.chosen
    if column not in model.frame.columns:
        raise BadInput(
            f"the table lacks the column {column!r} of selection_rate_ratio({column})",
            remedy="export the column, or correct the guardrail in charter.toml",
        )
    weight = pl.col("weight")
    groups = (
        model.frame.select(pl.col(column).cast(pl.String).alias("group"))
        .with_columns(
            pl.Series("chosen", _is(model.action, given.favourable)),
            pl.Series("weight", model.weight),
        )
        .drop_nulls("group")
        .group_by("group")
        .agg(
            (weight.sum() ** 2 / (weight**2).sum()).alias("rows"),
            ((weight * pl.col("chosen")).sum() / weight.sum()).alias("share"),
        )
        .filter(pl.col("rows") >= LEAST)
        .with_columns((pl.col("rows") * pl.col("share")).alias("hits"))
        .sort("share", "group")
    )
    if groups.height < 2:
        return Measured(None, why=f"fewer than two groups of {column} have {LEAST} decisions")
    low, high = groups.row(0, named=True), groups.row(-1, named=True)
    about = (
        f"{given.favourable!r}: {low['group']} {low['share']:.1%} of {low['rows']:,.0f}, "
        f"{high['group']} {high['share']:.1%} of {high['rows']:,.0f}"
    )
    if not high["hits"]:
        return Measured(None, why=f"nobody got {given.favourable!r}")
    ratio = low["share"] / high["share"]
    # a half more of each where a count is nothing, or the logarithm has no end
    hits = [max(each["hits"], 0.5) for each in (low, high)]
    spread = sum(1 / hit - 1 / each["rows"] for hit, each in zip(hits, (low, high), strict=True))
    centre = math.log(hits[0] / low["rows"]) - math.log(hits[1] / high["rows"])
    half = normal(given.confidence) * math.sqrt(max(0.0, spread))
    return Measured(ratio, min(ratio, math.exp(centre - half)), math.exp(centre + half), about)


def _share_of_action(given: Given, action: str) -> Measured:
    return _share(_is(given.chosen.action, action), given.chosen.weight, given.confidence)


def _override_share(given: Given, _: str) -> Measured:
    done, said = given.model.action, given.model.model_action
    if done is None or said is None:
        return Measured(None, why="the table has no column of the model_action")
    return _share(np.asarray(done != said), given.model.weight, given.confidence)


def _disagreement_share(given: Given, _: str) -> Measured:
    return _share(given.chosen.differs, given.chosen.weight, given.confidence)


def _missing_outcome_share(given: Given, _: str) -> Measured:
    """Of the due outcomes that can be seen at all."""
    seen = np.ones(len(given.due), dtype=np.bool_)
    if given.due.action is not None and given.charter.outcome.observable_when:
        seen = np.isin(given.due.action, given.charter.outcome.observable_when)
    return _share(~given.due.outcome_known[seen], given.due.weight[seen], given.confidence)


def _mean_error(given: Given, _: str) -> Measured:
    if given.due.predicted is None or given.due.actual is None:
        return Measured(None, why="there are no forecasts")
    error = given.due.predicted - given.due.actual
    known = ~np.isnan(error)
    rows = int(known.sum())
    if rows < LEAST:
        return Measured(None, why=f"{rows} known outcomes, at least {LEAST} are needed")
    mean, parts = weighted_mean(error, known, given.due.weight)
    half = normal(given.confidence) * math.sqrt(variance_of_sum(parts, given.due.group))
    return Measured(mean, mean - half, mean + half, f"{rows:,} forecasts")


def _is(actions: NDArray[np.str_] | None, action: str) -> Flags:
    return np.asarray([] if actions is None else actions == action, dtype=np.bool_)


def _share(hits: Flags, weight: Floats, confidence: float) -> Measured:
    rows = len(hits)
    if rows < LEAST:
        return Measured(None, why=f"{rows} decisions, at least {LEAST} are needed")
    share = float(weight[hits].sum() / weight.sum())
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    low, high = wilson_interval(share * effective, effective, normal(confidence))
    weighted = "" if np.ptp(weight) == 0 else f", weighted: {effective:,.0f} effective"
    return Measured(share, low, high, f"{hits.sum():,} of {rows:,}{weighted}")


METRICS: dict[str, Metric] = {
    "selection_rate_ratio": Metric(
        "the lowest share of the favourable action among the groups of a column, over the highest",
        _selection_rate_ratio,
        "column",
        "classification",
    ),
    "share_of_action": Metric(
        "the share of this action among what the model chose",
        _share_of_action,
        "action",
        "classification",
    ),
    "override_share": Metric(
        "the share of decisions in which people did otherwise than the model said",
        _override_share,
        task="classification",
    ),
    "disagreement_share": Metric(
        "the share of decisions on which model and baseline differ", _disagreement_share
    ),
    "missing_outcome_share": Metric(
        "the share of due outcomes that are not in the table, of those that can be seen",
        _missing_outcome_share,
    ),
    "mean_error": Metric("the mean of predicted less actual", _mean_error, task="regression"),
}
"""Every metric by its name; `docs/how-to/measure-value.md` lists them."""


def known_metrics(task: str | None = None) -> str:
    """The metrics as they are written, separated by commas."""
    return ", ".join(
        f"{name}({metric.argument})" if metric.argument else name
        for name, metric in METRICS.items()
        if task is None or metric.task in ("any", task)
    )
