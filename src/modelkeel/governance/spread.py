"""How far payoffs scatter from decision to decision: measured on held-out rows, or bounded.

All in the charter's unit. Bounds are upper ones, so that a design is never called better than it
is: a value within [a, b] has a standard deviation of at most (b - a) / 2 (Popoviciu 1935), and
standard deviations obey the triangle inequality.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from modelkeel.errors import BadInput
from modelkeel.project import Project
from modelkeel.records.charter import Charter


@dataclass(frozen=True)
class Spread:
    """Standard deviations per decision, and how many decisions have a value that is ever known.

    Attributes:
        difference: of what model less baseline pays on the same decision.
        model, baseline: of what each pays.
        differ: share of decisions on which model and baseline act differently.
        inside_model, inside_baseline: as `model` and `baseline`, among those decisions.
        known_model, known_baseline, known_inside: share of decisions whose value is ever known
            when the model decides, when the baseline does, and when the model decides otherwise
            than the baseline.
        known_replayed: share of the baseline's decisions of which it is ever known what the model
            would have been paid instead.
        clustering: how many times the variance of the mean difference is that of as many
            independent decisions, since those of a group are alike (the design effect).
        source: where the figures come from, in words.
        measured: whether the difference was measured.
        same: whether model and baseline are paid the same on every decision.
    """

    difference: float
    model: float
    baseline: float
    differ: float
    inside_model: float
    inside_baseline: float
    known_model: float
    known_baseline: float
    known_inside: float
    known_replayed: float
    clustering: float
    source: str
    measured: bool
    same: bool = False


def read_evaluation(project: Project) -> dict[str, Any] | None:
    """reports/evaluation.json; None before the first run of the pipeline.

    Raises:
        BadInput: it is no JSON object.
    """
    path = project.evaluation_path
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"{path}: is no JSON: {error}", remedy="run `uv run dvc repro`") from None
    if not isinstance(found, dict):
        raise BadInput(f"{path}: holds no table", remedy="run `uv run dvc repro`")
    return found


def spread_of(charter: Charter, evaluation: Mapping[str, Any] | None) -> Spread | None:
    """The spread of a charter's payoffs; None if nothing bounds them before a first evaluation.

    Args:
        charter: the charter.
        evaluation: reports/evaluation.json, if there is one.
    """
    found = evaluation or {}
    measured, source = _measured(found)
    if charter.task == "regression":
        return _regression(charter, found, measured, source)
    return _classification(charter, found, measured, source)


def _measured(found: Mapping[str, Any]) -> tuple[float | None, str]:
    """The standard deviation of the difference, and where it stands."""
    uplift = (found.get("uplift") or {}).get("value_per_decision") or {}
    if (sd := _number(uplift.get("sd"))) is not None:
        return sd, "measured on the held-out rows"
    low, high = _number(uplift.get("low")), _number(uplift.get("high"))
    rows, method = _number(found.get("n")), found.get("method") or {}
    level = _number(method.get("confidence"))
    if low is None or high is None or not rows or level is None or not 0 < level < 1:
        return None, ""
    sd = (high - low) / 2 / normal(level) * math.sqrt(rows)
    return sd, "from the interval measured on the held-out rows"


def _clustering(found: Mapping[str, Any]) -> float:
    """The design effect: the squared interval of whole groups over that of single rows."""
    uplift = (found.get("uplift") or {}).get("value_per_decision") or {}
    sd, low, high = (_number(uplift.get(key)) for key in ("sd", "low", "high"))
    method, rows = found.get("method") or {}, _number(found.get("n"))
    level = _number(method.get("confidence"))
    if not method.get("groups") or not sd or low is None or high is None or not rows or not level:
        return 1.0
    return max(1.0, ((high - low) / 2 / normal(level) / sd) ** 2 * rows)


def _classification(
    charter: Charter, found: Mapping[str, Any], measured: float | None, source: str
) -> Spread:
    actions, outcomes, table = charter.payoff_matrix()
    amounts = dict(zip(actions, table, strict=True))
    policy = charter.baseline.policy
    today, others = amounts[policy], [amounts[name] for name in actions if name != policy]
    apart_by_outcome = [[a - b for a, b in zip(row, today, strict=True)] for row in others]
    gaps = [0.0, *itertools.chain.from_iterable(apart_by_outcome)]
    difference = _half(gaps) if measured is None else measured
    shares = found.get("classes")
    baseline = _half(today)
    if isinstance(shares, Mapping) and set(shares) == set(outcomes):
        baseline = _deviation(today, [float(shares[name]) for name in outcomes])
    model = min(_half([amount for row in table for amount in row]), baseline + difference)
    disagreement = found.get("disagreement") or {}
    differ, inside = _number(disagreement.get("share")), _number(disagreement.get("sd"))
    taken = _action_shares(charter, found)
    if differ is None:
        differ = 1 - taken[policy] if found.get("actions") else 1.0
    if inside is None:  # the difference is nothing elsewhere, so inside it is that much greater
        inside = min(_half(gaps[1:] or [0.0]), difference / math.sqrt(differ) if differ else 0.0)
    inside_model = _half([amount for row in others for amount in row])
    inside_baseline = min(_half(today), inside + inside_model)
    inside_model = min(inside_model, inside + inside_baseline)
    known = {name: float(charter.value_known(name)) for name in actions}
    seen = charter.outcome.observable_when or actions
    apart = sum(share for name, share in taken.items() if name != policy)
    return Spread(
        difference=difference,
        model=model,
        baseline=baseline,
        differ=differ,
        inside_model=inside_model,
        inside_baseline=inside_baseline,
        known_model=sum(taken[name] * known[name] for name in actions),
        known_baseline=known[policy],
        known_replayed=float(policy in seen or all(_half(gap) == 0 for gap in apart_by_outcome)),
        clustering=_clustering(found),
        known_inside=(
            sum(share * known[name] for name, share in taken.items() if name != policy) / apart
            if apart
            else 1.0
        ),
        source=source or "an upper bound from the payoff table; `uv run dvc repro` measures it",
        measured=measured is not None,
        same=not differ or not any(gaps),
    )


def _regression(
    charter: Charter, found: Mapping[str, Any], measured: float | None, source: str
) -> Spread | None:
    """A forecast changes no outcome and is seldom the same, so both pay on every decision."""
    if measured is None:
        return None
    dearest = max(abs(amount) for amount in charter.over_under())

    def scatter(who: str) -> float | None:
        scores = found.get(who) or {}
        error = _number(scores.get("rmse"))
        mean = _number(scores.get("value_per_decision")) or 0.0
        return None if error is None else math.sqrt(max(0.0, (dearest * error) ** 2 - mean**2))

    baseline, model = scatter("baseline"), scatter("model")
    if baseline is None:
        baseline = measured if model is None else model + measured
    model = baseline + measured if model is None else min(model, baseline + measured)
    differ = _number((found.get("disagreement") or {}).get("share"))
    return Spread(
        difference=measured,
        model=model,
        baseline=baseline,
        differ=differ or 1.0,
        inside_model=model,
        inside_baseline=baseline,
        known_model=1.0,
        known_baseline=1.0,
        known_inside=1.0,
        known_replayed=1.0,
        clustering=_clustering(found),
        source=source,
        measured=True,
        same=not measured,
    )


def _action_shares(charter: Charter, found: Mapping[str, Any]) -> dict[str, float]:
    """How often the model takes each action; each as often where nothing was measured."""
    actions = charter.decision.actions
    shares = found.get("actions")
    if isinstance(shares, Mapping) and set(shares) == set(actions):
        return {name: float(shares[name]) for name in actions}
    return dict.fromkeys(actions, 1 / len(actions))


def normal(confidence: float) -> float:
    """The normal quantile of a two-sided interval."""
    # of the lower tail: near 1, (1 + confidence) / 2 is rounded to 1, which has no quantile
    return -NormalDist().inv_cdf((1 - confidence) / 2)


def _half(values: list[float]) -> float:
    return (max(values) - min(values)) / 2


def _deviation(values: list[float], shares: list[float]) -> float:
    mean = sum(value * share for value, share in zip(values, shares, strict=True))
    square = sum(value**2 * share for value, share in zip(values, shares, strict=True))
    return math.sqrt(max(0.0, square - mean**2))


def _number(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None
