"""The thresholds of the gates, written before the run that they judge."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from modelkeel.records.base import CENTURY, Record, Strict


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


class CharterGate(Strict):
    """Whether a target that cannot be measured by its date stops the promotion."""

    require_measurable: bool = True


class PerformanceGate(Strict):
    """The least of the primary measure (lower bound), and the most of its miscalibration.

    Classification: area under the ROC curve, and expected calibration error beyond what chance
    gives. Regression: `min_r2`, the share of the variance explained.
    """

    min_auc: float = Field(default=0.5, ge=0.0, le=1.0)
    min_r2: float = Field(default=0.0, le=1.0)
    max_calibration_error: float = Field(default=0.1, ge=0.0, le=1.0)


class ChampionGate(Strict):
    """How much worse than the champion a candidate may be on the same held-out rows.

    A difference of value per decision, in the charter's unit: the upper bound of the loss.
    """

    max_loss: float = Field(ge=0.0)


class SlicesGate(Strict):
    """How far the primary measure of a slice may be worse than that of all rows, beyond chance.

    Classification: `max_drop` of the AUC. Regression: `max_error_rise` of the mean absolute error,
    as a share of that of all rows; 1.0 is twice as much, for where more happens more is missed.
    """

    max_drop: float = Field(default=0.1, ge=0.0)
    max_error_rise: float = Field(default=1.0, ge=0.0)


class FairnessGate(Strict):
    """The least ratio of the favourable action's share between groups.

    `favourable` is an action; `columns` are slices of params.yaml. Of each column, the group with
    the lowest share is compared with the one with the highest. The four-fifths rule: 29 CFR
    1607.4(D). An interval that holds `min_ratio` is a warning, one below it fails.
    """

    favourable: str | None = None
    columns: list[str] = Field(default_factory=list)
    min_ratio: float = Field(default=0.8, gt=0.0, le=1.0)


class RobustnessGate(Strict):
    """How many decisions may flip, or how far values may move, when inputs are disturbed.

    `max_flips`: share of held-out rows whose decision changes under noise of a twentieth of each
    number's spread; `max_missing_flips`: when one optional value goes missing. For a regression
    both are the mean change of the value in standard deviations of the target.
    """

    max_flips: float = Field(default=0.1, ge=0.0)
    max_missing_flips: float = Field(default=0.3, ge=0.0)


class ReproductionGate(Strict):
    """How far the scores of a second training may lie from the first, and how old it may be."""

    max_difference: float = Field(default=1e-6, ge=0.0)
    max_age_days: int = Field(default=30, gt=0, le=CENTURY)


class VulnerabilitiesGate(Strict):
    """How old the last look for known vulnerabilities may be."""

    max_age_days: int = Field(default=14, gt=0, le=CENTURY)


class FreshnessGate(Strict):
    """How old, in days, a model's training and a drill may be."""

    max_model_days: int = Field(default=180, gt=0, le=CENTURY)
    max_drill_days: int = Field(default=90, gt=0, le=CENTURY)


class ValueGate(Strict):
    """Whether live decisions may stand without a measured value."""

    max_age_days: int = Field(default=90, gt=0, le=CENTURY)


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
    charter: CharterGate = CharterGate()
    performance: PerformanceGate = PerformanceGate()
    champion: ChampionGate = ChampionGate(max_loss=0.0)
    slices: SlicesGate = SlicesGate()
    fairness: FairnessGate = FairnessGate()
    robustness: RobustnessGate = RobustnessGate()
    reproduction: ReproductionGate = ReproductionGate()
    vulnerabilities: VulnerabilitiesGate = VulnerabilitiesGate()
    freshness: FreshnessGate = FreshnessGate()
    value: ValueGate = ValueGate()
