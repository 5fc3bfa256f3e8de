"""The reasons record: what a person is told when a feature spoke against them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from modelkeel.records.answer import Answer
from modelkeel.records.base import Record, Strict, Text

Advice = Literal["lower", "higher"] | list[str]
"""What a person may be advised to change a feature to: a lower or higher number, one of texts."""


class Reason(Strict):
    """A reason code: the text for people, and the features that it stands for.

    `actionable` says whether a person could change them. `advise` says of such a feature what it
    may be changed to, "lower" or "higher" or one of a list of texts; any other value if left out.
    """

    code: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    text: Answer[Text]
    features: list[str] = Field(min_length=1)
    actionable: bool = False
    advise: dict[str, Advice] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _advice_can_be_followed(self) -> Self:
        if self.advise and not self.actionable:
            raise ValueError("`advise` is for a reason that is actionable")
        if other := sorted(set(self.advise) - set(self.features)):
            raise ValueError(f"`advise` names {other[0]!r}, which is none of its features")
        return self


class Reasons(Record):
    """`governance/reasons.toml`: at most `max_reasons` are given, against `reference`.

    The source of four: comment 9(b)(2)-1 on Regulation B (12 CFR 1002).
    """

    schema_: Literal["reasons/1"] = Field(alias="schema")
    max_reasons: int = Field(default=4, ge=1, le=4)
    adverse: str
    reference: Text
    forbidden: list[str] = Field(default_factory=list)
    reason: list[Reason] = Field(min_length=1)

    @model_validator(mode="after")
    def _once(self) -> Self:
        codes = [each.code for each in self.reason]
        features = [name for each in self.reason for name in each.features]
        for what, names in (("code", codes), ("feature", features)):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"the {what} {twice[0]!r} stands twice")
        if both := sorted(set(features) & set(self.forbidden)):
            raise ValueError(f"{both[0]!r} is forbidden and has a reason")
        return self

    def advice_on(self, feature: str) -> Advice | None:
        """What a person may be advised to change a feature to; None for any other value."""
        return next((r.advise[feature] for r in self.reason if feature in r.advise), None)

    def code_of(self, feature: str) -> str | None:
        """The code that stands for a feature, if any."""
        return next((each.code for each in self.reason if feature in each.features), None)
