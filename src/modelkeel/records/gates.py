"""The thresholds of the gates, written before the run that they judge."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from modelkeel.records.base import Record, Strict


class ContractGate(Strict):
    """The share of rows that may break the data contract."""

    max_quarantine_share: float = Field(ge=0.0, lt=1.0)


class BaselineGate(Strict):
    """How sure the gain over today's policy must be, and the room left to the linear model.

    `max_loss_to_linear` is a difference of value per decision, in the charter's unit: the lower
    bound of model minus linear model must lie above its negative.
    """

    min_uplift: float = 0.0
    max_loss_to_linear: float = Field(ge=0.0)


class TargetGate(Strict):
    """Whether a target that is not reached yet stops the promotion."""

    require_reachable: bool = True


class GoldenGate(Strict):
    """How far a replayed golden row may differ."""

    max_difference: float = Field(ge=0.0)


class Gates(Record):
    """`governance/gates.toml`."""

    schema_: Literal["gates/1"] = Field(alias="schema")
    contract: ContractGate
    baseline: BaselineGate
    target: TargetGate
    golden: GoldenGate
