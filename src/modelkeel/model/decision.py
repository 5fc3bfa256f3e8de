"""`decision.json`: how the scores of a model become actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from modelkeel.errors import BadInput
from modelkeel.model.files import first_problem
from modelkeel.model.signature import Signature

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PayoffDecision(BaseModel):
    """Take the action of the greatest expected payoff: amounts[action][outcome].

    `baseline` is the action that is taken where there is no model to ask.
    """

    model_config = _STRICT
    kind: Literal["payoff"] = "payoff"
    actions: list[str] = Field(min_length=1)
    outcomes: list[str] = Field(min_length=1)
    amounts: list[list[float]]
    baseline: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> PayoffDecision:
        if twice := {name for name in self.actions if self.actions.count(name) > 1}:
            raise ValueError(f"{min(twice)} is named more than once among the actions")
        if len(self.amounts) != len(self.actions) or any(
            len(row) != len(self.outcomes) for row in self.amounts
        ):
            raise ValueError("amounts must have one row an action and one column an outcome")
        if self.baseline is not None and self.baseline not in self.actions:
            raise ValueError("baseline must be one of the actions")
        return self


class ValueDecision(BaseModel):
    """The prediction is used as it is."""

    model_config = _STRICT
    kind: Literal["value"] = "value"


Decision = PayoffDecision | ValueDecision
_DECISION: TypeAdapter[Decision] = TypeAdapter(Annotated[Decision, Field(discriminator="kind")])


def checked_decision(value: Decision | Mapping[str, Any], signature: Signature) -> Decision:
    """The decision, for the classes of a model.

    Raises:
        BadInput: it has another form, or does not name just the classes of the signature.
    """
    try:
        decision = _DECISION.validate_python(
            value.model_dump() if isinstance(value, BaseModel) else dict(value)
        )
    except (ValidationError, TypeError) as error:
        what = first_problem(error) if isinstance(error, ValidationError) else "is no table"
        raise BadInput(
            f"decision: {what}", remedy="give kind, actions, outcomes and amounts"
        ) from error
    if isinstance(decision, PayoffDecision) and (
        sorted(decision.outcomes) != sorted(signature.classes)
    ):
        raise BadInput(
            f"decision: outcomes found {', '.join(decision.outcomes)}, "
            f"expected the classes {', '.join(signature.classes) or '(none: a regression)'}",
            remedy="give the payoff of every action for every class of the model",
        )
    return decision
