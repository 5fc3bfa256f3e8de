"""The charter: which decision improves, for whom, by how much, against what."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from modelkeel.records.base import (
    CENTURY,
    MOST,
    SUREST,
    Email,
    Record,
    Said,
    Strict,
    Text,
    distinct,
)

_ASSUMED = re.compile(r"\bassum(ed|ptions?)\b", re.IGNORECASE)
Amount = Annotated[float, Field(ge=-MOST, le=MOST)]
Expense = Annotated[float, Field(ge=0.0, le=MOST)]


class Decision(Strict):
    """The decision that the model is to improve."""

    statement: Text = Field(min_length=10)
    subject: Said = Field(min_length=2)
    actions: Annotated[list[str], distinct()] = Field(min_length=1)
    volume_per_month: int = Field(gt=0, le=10**12)


class Owner(Strict):
    """Who answers for the system."""

    accountable: Email


class Outcome(Strict):
    """What happens after the decision, and when it is known.

    `observable_when` names the actions after which the outcome is seen at all: whether a declined
    applicant would have repaid is never known. Left out, it is seen after each action.
    """

    label: str
    classes: dict[str, str] = Field(default_factory=dict)
    delay_days: int = Field(ge=0, le=CENTURY)
    observable_when: list[str] = Field(default_factory=list)


class Payoff(Strict):
    """What one action is worth when the outcome turns out as named."""

    action: str
    outcome: str
    amount: Amount
    source: Said = Field(min_length=3)

    @property
    def assumed(self) -> bool:
        """Whether its source says that the amount is an assumption."""
        return _ASSUMED.search(self.source) is not None


class Cost(Strict):
    """What the model costs beyond today's way, in the unit of the value."""

    per_decision: Expense = 0.0
    fixed_per_month: Expense = 0.0
    build_once: Expense = 0.0


class Value(Strict):
    """The payoff table, in one unit."""

    unit: str
    payoff: list[Payoff] = Field(min_length=2)
    cost: Cost | None = None


class Baseline(Strict):
    """What is done today without the model; the fallback when it is stopped."""

    policy: str


class Target(Strict):
    """How much better the decision has to become."""

    metric: Literal["uplift_per_decision"]
    at_least: Amount
    by: date
    confidence: float = Field(gt=0.5, le=SUREST)


Design = Literal["replay", "control_arm", "disagreement"]


class Control(Strict):
    """How model and baseline are compared once decisions are live.

    replay: on past outcomes only, so no cause is shown. control_arm: `share` of all decisions,
    drawn at random, follow the baseline. disagreement: of the decisions where model and baseline
    differ, `share`, drawn at random, follow the baseline.
    """

    design: Design
    share: float | None = Field(default=None, ge=1e-6, le=0.5)
    approval: str | None = None

    @model_validator(mode="after")
    def _share_given(self) -> Self:
        if (self.share is None) != (self.design == "replay"):
            raise ValueError("control.share goes with control_arm and disagreement, not replay")
        return self


class Guardrail(Strict):
    """A measure that must not get worse while the decision gets better.

    `metric` is one of those of `keel charter value`, with its argument: `share_of_action(approve)`.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    metric: str = Field(pattern=r"^[a-z_]+(\([^()]{1,80}\))?$")
    min: float | None = None
    max: float | None = None
    why: Text = Field(min_length=10)

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("a guardrail needs min or max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} lies above max {self.max:g}")
        return self


class Kill(Strict):
    """When the model is stopped: a bound of the interval of the uplift passes `below`."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    bound: Literal["low", "value", "high"] = "high"
    below: Amount = 0.0
    window_days: int = Field(gt=0, le=CENTURY)
    action: Literal["route_to_baseline"] = "route_to_baseline"


class Review(Strict):
    """How often the owner looks at the charter, and until when it holds."""

    every_days: int = Field(gt=0, le=CENTURY)
    expires: date


class Charter(Record):
    """`charter.toml`: intent, written by people; `evaluate` judges the model by it."""

    schema_: Literal["charter/1"] = Field(alias="schema")
    decision: Decision
    owner: Owner
    outcome: Outcome
    value: Value
    baseline: Baseline
    target: Target
    control: Control = Control(design="replay")
    guardrail: Annotated[list[Guardrail], distinct("id")] = Field(default_factory=list)
    kill: Annotated[list[Kill], distinct("id")] = Field(default_factory=list)
    review: Review | None = None

    @property
    def task(self) -> Literal["classification", "regression"]:
        """A charter that names classes is about classification."""
        return "classification" if self.outcome.classes else "regression"

    @model_validator(mode="after")
    def _complete(self) -> Self:
        given = [(row.action, row.outcome) for row in self.value.payoff]
        if self.task == "classification":
            asked = {(a, o) for a in self.decision.actions for o in self.outcome.classes}
            policies = self.decision.actions
        else:
            asked = {("over", "unit"), ("under", "unit")}
            policies = ["mean"]
        if len(given) != len(set(given)):
            raise ValueError("value.payoff names a pair of action and outcome twice")
        if missing := asked - set(given):
            raise ValueError(f"value.payoff lacks (action, outcome) {sorted(missing)}")
        if unknown := set(given) - asked:
            raise ValueError(f"value.payoff has unknown (action, outcome) {sorted(unknown)}")
        if self.baseline.policy not in policies:
            raise ValueError(f"baseline.policy must be one of {policies}")
        if unseen := set(self.outcome.observable_when) - set(self.decision.actions):
            raise ValueError(f"outcome.observable_when names unknown actions {sorted(unseen)}")
        return self

    def value_known(self, action: str) -> bool:
        """Whether what an action was worth is ever known: the outcome is seen, or changes nothing.

        For regression the outcome is seen whatever was forecast.
        """
        if self.task == "regression" or not self.outcome.observable_when:
            return True
        amounts = {row.amount for row in self.value.payoff if row.action == action}
        return action in self.outcome.observable_when or len(amounts) == 1

    def payoff_matrix(self) -> tuple[list[str], list[str], list[list[float]]]:
        """Actions, classes, and amounts[action][class] (classification)."""
        amounts = {(row.action, row.outcome): row.amount for row in self.value.payoff}
        actions, outcomes = list(self.decision.actions), list(self.outcome.classes)
        return actions, outcomes, [[amounts[a, o] for o in outcomes] for a in actions]

    def over_under(self) -> tuple[float, float]:
        """Amount for each unit predicted too much, and for each too little (regression)."""
        amounts = {row.action: row.amount for row in self.value.payoff}
        return amounts["over"], amounts["under"]
