"""An approval: what a named person decided about a thing with a digest, until when."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from modelkeel.records.base import Email, Record, Strict, Text

Kind = Literal[
    "release",
    "waiver",
    "classification",
    "residual_risk",
    "dpia",
    "fria",
    "control",
    "thresholds",
    "resume",
    "manual_check",
]
Decision = Literal["approve", "reject"]
MAX_WAIVER = timedelta(days=90)


class Subject(Strict):
    """What is approved: a bundle by its digest, or a gate, risk or item by its id.

    `project` keeps an approval from counting in another repository, into which it was copied.
    """

    name: str
    project: str | None = None
    digest: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class By(Strict):
    """Who decided, and in which role."""

    email: Email
    role: Text


class Approval(Record):
    """`governance/approvals/DATE-KIND-NAME.toml`, signed by `ssh-keygen -Y` beside it (.sig).

    `inputs` are the SHA-256 of the files the person looked at, by path in the project.
    """

    schema_: Literal["approval/1"] = Field(alias="schema")
    kind: Kind
    decision: Decision
    subject: Subject
    statement: Text = Field(min_length=10)
    by: By
    given: date
    expires: date
    inputs: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.expires <= self.given:
            raise ValueError(f"expires {self.expires} is not after {self.given}, when it was given")
        if self.kind == "waiver" and self.expires - self.given > MAX_WAIVER:
            raise ValueError(f"a waiver lasts at most {MAX_WAIVER.days} days")
        return self
