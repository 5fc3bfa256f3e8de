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


class DriftGate(Strict):
    """How far a column may lie from the accepted reference; chance is allowed on top.

    `warn_psi` and `max_psi` are population stability indices; the others are shares of rows.
    """

    warn_psi: float = Field(default=0.1, ge=0.0)
    max_psi: float = Field(default=0.25, ge=0.0)
    max_missing_shift: float = Field(default=0.05, ge=0.0, le=1.0)
    max_new_share: float = Field(default=0.01, ge=0.0, le=1.0)


class LeakageGate(Strict):
    """How much of the answer the features, or the training rows, may give away.

    `max_overlap` is the share of held-out rows that stand in the training rows too, and
    `max_near_overlap` of those that almost do; rows alike by chance are not counted. `max_auc`
    and `max_r2` are of one column alone, on rows it was not fitted to.
    """

    max_overlap: float = Field(default=0.05, ge=0.0, le=1.0)
    max_near_overlap: float = Field(default=0.15, ge=0.0, le=1.0)
    max_auc: float = Field(default=0.995, gt=0.5, le=1.0)
    max_r2: float = Field(default=0.99, gt=0.0, le=1.0)


class LabelsGate(Strict):
    """How many labels may look wrong, and how far they may shift from the accepted reference.

    `max_suspicious` is the share of training rows whose label the others contradict,
    `max_suspicious_rise` by how much the share of disputed ones may grow beyond chance;
    `max_conflicting` is the share of training rows with equal features and another label, beyond
    chance. `max_shift` is how far the share of a class may move, in all rows or those of one source
    (of a numeric target, its mean in standard deviations).
    """

    max_suspicious: float = Field(default=0.25, ge=0.0, le=1.0)
    max_suspicious_rise: float = Field(default=0.05, ge=0.0, le=1.0)
    max_conflicting: float = Field(default=0.1, ge=0.0, le=1.0)
    max_shift: float = Field(default=0.1, ge=0.0)


class PersonalGate(Strict):
    """Columns that the scan for personal data may name, and a person found to be nobody's."""

    cleared: list[str] = Field(default_factory=list)


class Gates(Record):
    """`governance/gates.toml`."""

    schema_: Literal["gates/1"] = Field(alias="schema")
    contract: ContractGate
    baseline: BaselineGate
    target: TargetGate
    golden: GoldenGate
    drift: DriftGate = DriftGate()
    leakage: LeakageGate = LeakageGate()
    labels: LabelsGate = LabelsGate()
    personal: PersonalGate = PersonalGate()
