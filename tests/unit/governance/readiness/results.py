"""Results of gates as a check might find them, and an answer made of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from modelkeel.governance.gates.gate import STAGES, GateResult, Outcome, Stage
from modelkeel.governance.readiness.check import Readiness
from modelkeel.governance.readiness.places import Place
from modelkeel.governance.readiness.score import Score
from modelkeel.governance.readiness.steps import Step

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def result(
    name: str, outcome: Outcome = "pass", *stages: Stage, maps: tuple[str, ...] = (), **words: str
) -> GateResult:
    return GateResult(
        id=name,
        title=words.get("title", f"The title of {name}"),
        stages=stages or ("release",),
        outcome=outcome,
        measured=words.get("measured", "0.3 of 7"),
        asked=words.get("asked", "at most 0.1"),
        remedy=words.get("remedy", "run `uv run dvc repro`"),
        maps=maps,
    )


def answer(*results: GateResult, **changed: Any) -> Readiness:
    step = Step("mend the data", "G-DATA", "0.3", "run `uv run dvc repro`", "uv run dvc repro")
    given: dict[str, Any] = {
        "name": "credit",
        "tier": "high",
        "tier_reason": "The output decides about people.",
        "bundle": "ab" * 32,
        "now": NOW,
        "stages": STAGES,
        "results": list(results),
        "places": {each.id: Place("governance/gates.toml", 3) for each in results},
        "score": Score({name: [] for name in ("Data", "Model")}),
        "next": step if any(each.blocks for each in results) else None,
    }
    return Readiness(**(given | changed))


MIXED = (
    result("G-DATA", "fail", "train", "release", "live", maps=("MTS D1", "AIA 10(3)")),
    result("G-TESTS", "not_assessed", "pull_request", measured="reports/junit.xml: no such file"),
    result("G-BASE", "pass", "train", "release"),
    result("G-ROB", "warn", "release"),
    result("G-FAIR", "waived", "release", measured="0.7; waived until 2026-12-31 by ada@bank.io"),
    result("G-KILL", "not_applicable", "live", measured="the charter has no kill", remedy=""),
    result("G-VALUE", "not_assessed", "live"),
)
