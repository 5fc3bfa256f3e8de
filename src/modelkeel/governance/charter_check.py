"""Checks the records that people write against each other, and says what follows from them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from textwrap import indent

from modelkeel.errors import BadInput
from modelkeel.governance.power import Power, power_of
from modelkeel.governance.power_plot import POWER_PLOT, write_power_plot
from modelkeel.project import Project


@dataclass(frozen=True)
class CharterCheck:
    """What the records say: the decision, the target, the risk tier, and what can be measured.

    `power` is None for a regression before the first run of the pipeline.
    """

    decision: str
    owner: str
    target: str
    tier: str
    tier_reason: str
    power: Power | None = None
    plot: str | None = None

    def to_text(self) -> str:
        """A few lines for a person."""
        lines = (
            f"decision  {self.decision}\nowner     {self.owner}\ntarget    {self.target}\n"
            f"tier      {self.tier}: {self.tier_reason}\n"
        )
        if self.power is None:
            return f"{lines}power     not known before the first run: run `uv run dvc repro`"
        shown = "\n".join(
            [self.power.table(), self.power.source, *self.power.notes, *filter(None, [self.plot])]
        )
        return f"{lines}power     {self.power.sentence()}\n{indent(shown, ' ' * 10)}"

    def to_json(self) -> str:
        """The same as JSON."""
        record = asdict(self)
        if self.power is not None:
            record["power"] |= {
                "measurable": self.power.measurable,
                "sentence": self.power.sentence(),
            }
        return json.dumps(record, default=str)


def check_charter(project: Project, today: date | None = None) -> CharterCheck:
    """Check charter.toml, governance/*.toml and params.yaml, and draw reports/power.svg.

    A target that cannot be measured is said, not refused; the gate G-CHARTER refuses it.

    Args:
        project: the project.
        today: the day to judge dates by; the present day when left out.

    Raises:
        BadInput: a record is broken, two records disagree, or the target's date has passed.
    """
    day = today or datetime.now(UTC).date()
    refuse_disagreement(project, day)
    charter, system = project.charter, project.system
    target = charter.target
    power = power_of(project, day)
    plot = write_power_plot(project, power) if power else None
    return CharterCheck(
        decision=charter.decision.statement,
        owner=charter.owner.accountable,
        target=(
            f"{target.at_least:+g} {charter.value.unit} a decision over "
            f"{charter.baseline.policy!r}, by {target.by}, at {target.confidence:.0%} confidence"
        ),
        tier=system.tier,
        tier_reason=system.tier_reason,
        power=power,
        plot=f"{project.reports_dir.name}/{POWER_PLOT}" if plot else None,
    )


def refuse_disagreement(project: Project, today: date) -> None:
    """Stop where records contradict each other, or the target's date has passed.

    Raises:
        BadInput: naming the keys.
    """
    charter, system, params = project.charter, project.system, project.params
    path = project.root / "charter.toml"
    if charter.outcome.label != params.target:
        raise BadInput(
            f"{path}: outcome.label: is {charter.outcome.label!r}, "
            f"params.yaml has target {params.target!r}",
            remedy="name the same column in both",
        )
    if charter.owner.accountable != system.identity.owner:
        raise BadInput(
            f"{path}: owner.accountable: is {charter.owner.accountable}, "
            f"governance/system.toml has {system.identity.owner}",
            remedy="name the same person in both",
        )
    if charter.target.by < today:
        raise BadInput(
            f"{path}: target.by: {charter.target.by} has passed",
            remedy="review the target with the owner and set a new date",
        )
    _ = project.gates
