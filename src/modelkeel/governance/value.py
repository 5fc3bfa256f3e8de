"""What the decisions have been worth since: `keel charter value TABLE`.

Only decisions whose outcome is due (older than `outcome.delay_days`) are compared, also where an
outcome came early: bad news does, and would count alone. What is worth the same whatever happens
counts without an outcome.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np

from modelkeel.data.digest import sha256_file
from modelkeel.data.sources.writing import write_text
from modelkeel.errors import Refused
from modelkeel.governance.valuing.decisions import Decisions, midnight, read_decisions
from modelkeel.governance.valuing.effect import (
    Effect,
    Method,
    design_method,
    effect,
    followed_model,
)
from modelkeel.governance.valuing.guardrails import (
    GuardrailResult,
    check_metrics,
    judge_guardrails,
)
from modelkeel.governance.valuing.metrics import Given
from modelkeel.governance.valuing.parts import KillResult, Money, Month, judge_kills, money, months
from modelkeel.governance.valuing.warnings import warnings_of
from modelkeel.project import Project
from modelkeel.records.charter import Target

State = Literal["insufficient_evidence", "undecided", "met", "missed"]
VALUE_RECORD = "value.json"
SCHEMA = "value/1"
METHODS: dict[Method, str] = {
    "replay": "replay, not causal: mean paired difference to the baseline policy",
    "control_arm": "difference of the arms' means",
    "disagreement": "difference of the arms' means where model and baseline differ, times the "
    "share of such decisions",
}


@dataclass(frozen=True)
class ValueReport:
    """What was measured of a table of decisions; amounts in the charter's unit.

    Attributes:
        name: of the system.
        unit: of the amounts.
        made: when it was measured.
        table: file name and SHA-256 of the table, and of the charter it was judged by.
        method: how model and baseline were compared, in words.
        causal: whether the arms were drawn at random.
        confidence: of the intervals.
        target: the charter's.
        state: insufficient_evidence, if there is no interval, or it is wider than the target to
            each side and holds it; undecided, if a narrower one holds it; met or missed, if it lies
            wholly on one side.
        effect: the uplift per decision.
        counts: decisions in the table, due, without an outcome, and so on.
        guardrails, kills: what became of them.
        money: value per month, costs and payback.
        months: by month, and added up.
        warnings: what to know before believing it.
    """

    name: str
    unit: str
    made: datetime
    table: dict[str, str]
    method: str
    causal: bool
    confidence: float
    target: Target
    state: State
    effect: Effect
    counts: dict[str, int]
    guardrails: list[GuardrailResult]
    kills: list[KillResult]
    money: Money
    months: list[Month]
    warnings: list[str]

    def record(self) -> dict[str, Any]:
        """evidence/value.json."""
        return {
            "schema": SCHEMA,
            "made": self.made.isoformat(timespec="seconds"),
            "table": {"name": self.table["name"], "sha256": self.table["sha256"]},
            "charter": self.table["charter"],
            "method": {
                "name": self.method,
                "causal": self.causal,
                "confidence": self.confidence,
            },
            "counts": self.counts,
            "uplift_per_decision": asdict(self.effect),
            "unit": self.unit,
            "target": {
                "at_least": self.target.at_least,
                "by": self.target.by.isoformat(),
                "state": self.state,
            },
            "guardrails": [asdict(each) for each in self.guardrails],
            "kill": [asdict(each) for each in self.kills],
            "money": asdict(self.money),
            "months": [asdict(each) for each in self.months],
            "warnings": self.warnings,
        }

    def to_json(self) -> str:
        """The record as text."""
        return json.dumps(self.record(), indent=2, ensure_ascii=False, allow_nan=False)

    def to_text(self) -> str:
        """A few lines for a person."""
        from modelkeel.governance.valuing.text import value_text

        return value_text(self)


def value_of(
    project: Project,
    table: Path,
    *,
    columns: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> ValueReport:
    """Measure what decisions were worth, and write evidence/value.json and reports/value.html.

    Args:
        project: the project; its charter prices the decisions.
        table: decisions and outcomes; `modelkeel.governance.valuing.decisions` names the columns.
        columns: names of columns that differ from the default ones, by role.
        now: when it is measured; the present moment when left out.

    Raises:
        BadInput: the table or the charter cannot be worked with.
    """
    from modelkeel.governance.valuing.page import write_page

    moment = now or datetime.now(UTC)
    check_metrics(project.charter)
    found = read_decisions(project, table, columns or {}, moment)
    report = _measured(project, table, found, moment)
    write_page(project, report)
    write_text(project.evidence_dir / VALUE_RECORD, report.to_json() + "\n")
    return report


def read_value(project: Project) -> dict[str, Any] | None:
    """evidence/value.json; None if nobody measured it.

    Raises:
        Refused: it is no such record.
    """
    path = project.evidence_dir / VALUE_RECORD
    if not path.is_file():
        return None
    remedy = "run `uv run keel charter value TABLE`"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise Refused(f"{path}: is no JSON: {error}", remedy=remedy) from None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise Refused(f"{path}: is no record of the schema {SCHEMA!r}", remedy=remedy)
    return found


def _measured(project: Project, table: Path, found: Decisions, now: datetime) -> ValueReport:
    charter = project.charter
    method = design_method(charter.control.design, found)
    ripe = now - timedelta(days=charter.outcome.delay_days)
    due = found.where(found.time <= midnight(ripe))
    uplift = effect(due, method, charter.target.confidence)
    model = followed_model(found, method)
    chosen = model
    if method == "disagreement":
        chosen = replace(found, action=found.model_action, weight=np.ones(len(found)))
    given = Given(
        charter=charter,
        model=model,
        chosen=chosen,
        due=model.where(model.time <= midnight(ripe)),
        favourable=project.gates.fairness.favourable or charter.decision.actions[0],
        confidence=charter.target.confidence,
    )
    return ValueReport(
        name=project.name,
        unit=charter.value.unit,
        made=now,
        table={
            "name": table.name,
            "sha256": sha256_file(table),
            "charter": sha256_file(project.root / "charter.toml"),
        },
        method=METHODS[method] + (", weighted by probability" if found.weighted else ""),
        causal=method != "replay",
        confidence=charter.target.confidence,
        target=charter.target,
        state=state_of(uplift, charter.target.at_least),
        effect=uplift,
        counts=_counts(charter.outcome.observable_when, found, due),
        guardrails=judge_guardrails(given),
        kills=judge_kills(charter, due, method, ripe),
        money=money(charter, uplift),
        months=months(due, method, charter.target.confidence),
        warnings=warnings_of(charter, found, due, uplift, method, project.params.split.by),
    )


def state_of(uplift: Effect, target: float) -> State:
    """What the interval says of the target."""
    if uplift.low is None or uplift.high is None or uplift.half is None:
        return "insufficient_evidence"
    if uplift.low >= target:
        return "met"
    if uplift.high < target:
        return "missed"
    return "insufficient_evidence" if uplift.half > abs(target) > 0 else "undecided"


def _counts(seen: list[str], found: Decisions, due: Decisions) -> dict[str, int]:
    counts = {
        "decisions": len(found),
        "due": len(due),
        "due_without_outcome": int((~due.outcome_known).sum()),
        "differing": int(due.differs.sum()),
    }
    if due.action is not None and seen:
        unseen = ~np.isin(due.action, seen)
        counts["due_never_seen"] = int((unseen & ~due.outcome_known).sum())
    if due.model_arm is not None:
        counts["baseline_arm"] = int((due.drawn & ~due.model_arm).sum())
    return counts
