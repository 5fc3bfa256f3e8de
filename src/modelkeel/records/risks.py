"""The risk record: what may go wrong for whom, what is done about it, and what is left."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from modelkeel.records.answer import Answer
from modelkeel.records.base import Email, Record, Strict, Text, distinct

Rating = int
"""From 1 (rare, slight) to 5 (almost certain, severe)."""


class Measure(Strict):
    """What holds a risk down: a gate, a guardrail of the charter, or something people do."""

    gate: str | None = None
    guardrail: str | None = None
    human: Text | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.gate, self.guardrail, self.human)) != 1:
            raise ValueError("give one of gate, guardrail and human")
        return self


class Residual(Strict):
    """What is left of a risk once its measures work, and who accepted that."""

    likelihood: Rating = Field(ge=1, le=5)
    severity: Rating = Field(ge=1, le=5)
    approval: str | None = None


class Risk(Strict):
    """One thing that may go wrong."""

    id: str = Field(pattern=r"^R-[0-9]{2,3}$")
    title: Text = Field(min_length=10)
    source: Literal["intended_use", "misuse", "data", "model", "security", "operation"]
    who: list[Text] = Field(min_length=1)
    likelihood: Rating = Field(ge=1, le=5)
    severity: Rating = Field(ge=1, le=5)
    measures: list[Measure] = Field(default_factory=list)
    residual: Answer[Residual]
    owner: Email
    review_by: date

    @property
    def level(self) -> int:
        """Likelihood times severity, 1 to 25, before any measure."""
        return self.likelihood * self.severity


class Risks(Record):
    """`governance/risks.toml`. A residual risk above `accept_up_to` needs an approval."""

    schema_: Literal["risks/1"] = Field(alias="schema")
    accept_up_to: int = Field(ge=1, le=25)
    risk: Annotated[list[Risk], distinct("id")] = Field(min_length=1)
