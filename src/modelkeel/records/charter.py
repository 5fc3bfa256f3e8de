"""The charter: which decision improves, for whom, by how much, against what."""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from modelkeel.records.base import Email, Record, Strict


class Decision(Strict):
    """The decision that the model is to improve."""

    statement: str = Field(min_length=10)
    subject: str = Field(min_length=2)
    actions: list[str] = Field(min_length=1)
    volume_per_month: int = Field(gt=0)


class Owner(Strict):
    """Who answers for the system."""

    accountable: Email


class Outcome(Strict):
    """What happens after the decision, and when it is known."""

    label: str
    classes: dict[str, str] = Field(default_factory=dict)
    delay_days: int = Field(ge=0)


class Payoff(Strict):
    """What one action is worth when the outcome turns out as named."""

    action: str
    outcome: str
    amount: float
    source: str = Field(min_length=3)


class Value(Strict):
    """The payoff table, in one unit."""

    unit: str
    payoff: list[Payoff] = Field(min_length=2)


class Baseline(Strict):
    """What is done today without the model; the fallback when it is stopped."""

    policy: str


class Target(Strict):
    """How much better the decision has to become."""

    metric: Literal["uplift_per_decision"]
    at_least: float
    by: date
    confidence: float = Field(gt=0.5, lt=1.0)


class Charter(Record):
    """`charter.toml`: intent, written by people; `evaluate` judges the model by it."""

    schema_: Literal["charter/1"] = Field(alias="schema")
    decision: Decision
    owner: Owner
    outcome: Outcome
    value: Value
    baseline: Baseline
    target: Target

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
        return self

    def payoff_matrix(self) -> tuple[list[str], list[str], list[list[float]]]:
        """Actions, classes, and amounts[action][class] (classification)."""
        amounts = {(row.action, row.outcome): row.amount for row in self.value.payoff}
        actions, outcomes = list(self.decision.actions), list(self.outcome.classes)
        return actions, outcomes, [[amounts[a, o] for o in outcomes] for a in actions]

    def over_under(self) -> tuple[float, float]:
        """Amount for each unit predicted too much, and for each too little (regression)."""
        amounts = {row.action: row.amount for row in self.value.payoff}
        return amounts["over"], amounts["under"]
