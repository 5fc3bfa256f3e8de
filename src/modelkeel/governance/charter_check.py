"""Checks the records that people write against each other, and says what follows from them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime

from modelkeel.errors import BadInput
from modelkeel.project import Project


@dataclass(frozen=True)
class CharterCheck:
    """What the records say: the decision, the target and the risk tier."""

    decision: str
    owner: str
    target: str
    tier: str
    tier_reason: str

    def to_text(self) -> str:
        """A few lines for a person."""
        return (
            f"decision  {self.decision}\nowner     {self.owner}\ntarget    {self.target}\n"
            f"tier      {self.tier}: {self.tier_reason}"
        )

    def to_json(self) -> str:
        """The same as JSON."""
        return json.dumps(asdict(self))


def check_charter(project: Project, today: date | None = None) -> CharterCheck:
    """Check charter.toml, governance/*.toml and params.yaml.

    Args:
        project: the project.
        today: the day to judge dates by; the present day when left out.

    Raises:
        BadInput: a record is broken, two records disagree, or the target's date has passed.
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
    if charter.target.by < (today or datetime.now(UTC).date()):
        raise BadInput(
            f"{path}: target.by: {charter.target.by} has passed",
            remedy="review the target with the owner and set a new date",
        )
    _ = project.gates
    target = charter.target
    return CharterCheck(
        decision=charter.decision.statement,
        owner=charter.owner.accountable,
        target=(
            f"{target.at_least:+g} {charter.value.unit} a decision over "
            f"{charter.baseline.policy!r}, by {target.by}, at {target.confidence:.0%} confidence"
        ),
        tier=system.tier,
        tier_reason=system.tier_reason,
    )
