"""The gates on the charter and on measured value, red and green."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from cases import METRICS, given

from modelkeel.data.digest import sha256_file
from modelkeel.governance.gates import Case, GateResult
from modelkeel.governance.gates.charter import CHARTER_GATES
from modelkeel.project import load_project
from modelkeel.records.approvals import Approval

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EFFECT = {"value": 0.2, "low": 0.12, "high": 0.28}
KILL = {
    "id": "negative",
    "asked": "high end of the uplift not below 0",
    "value": 0.28,
    "since": "2026-08-01",
    "state": "clear",
}


def judged(case: Case, name: str) -> GateResult:
    return next(gate for gate in CHARTER_GATES if gate.id == name).run(case)


def edited(case: Case, *changes: tuple[str, str], add: str = "") -> Case:
    """The case with another charter, which nobody compares with the bundle here."""
    path = case.project.root / "charter.toml"
    text = path.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text + add)
    return fresh(case, metrics=METRICS)


def fresh(case: Case, **parts: Any) -> Case:
    return given(Case(load_project(case.project.root), NOW), **parts)


def approved(case: Case, kind: str, name: str, **other: Any) -> Approval:
    given_on = other.pop("given", date(2026, 11, 20))
    return Approval.model_validate(
        {
            "schema": "approval/1",
            "kind": kind,
            "decision": "approve",
            "subject": {"name": name},
            "statement": "looked at the design and agreed",
            "by": {"email": "risk@bank.example", "role": "risk"},
            "given": given_on,
            "expires": given_on + timedelta(days=60),
            "inputs": {"charter.toml": sha256_file(case.project.root / "charter.toml")},
            **other,
        }
    )


def valued(case: Case, **change: Any) -> Case:
    """The case with a measured value."""
    path = case.project.evidence_dir / "value.json"
    path.parent.mkdir(exist_ok=True)
    record = {
        "schema": "value/1",
        "made": (NOW - timedelta(days=3)).isoformat(),
        "charter": sha256_file(case.project.root / "charter.toml"),
        "method": {"name": "difference of the arms' means", "causal": True},
        "uplift_per_decision": EFFECT,
        "unit": "EUR",
        "target": {"state": "met"},
        "guardrails": [{"id": "ratio", "state": "held"}],
        "kill": [KILL],
    }
    path.write_text(json.dumps({**record, **change}))
    return fresh(case)


def test_a_charter_in_force_whose_target_is_measurable(case: Case) -> None:
    found = judged(case, "G-CHARTER")
    assert found.outcome == "pass"
    assert "is measurable" in found.measured


SOON = ("2999-12-31", "2027-02-01")


@pytest.mark.turns_red("G-CHARTER")
def test_a_target_that_cannot_be_measured_by_its_date(case: Case) -> None:
    found = judged(edited(case, SOON, ("at_least = 0.1", "at_least = 0.01")), "G-CHARTER")
    assert found.outcome == "fail"
    assert "target 0.01 at 226 decisions is not measurable (detectable" in found.measured
    assert "keel charter check" in found.remedy


def test_a_target_that_need_not_be_measurable_is_a_warning(case: Case) -> None:
    path = case.project.root / "governance" / "gates.toml"
    path.write_text(path.read_text() + "[charter]\nrequire_measurable = false\n")
    unclear = edited(case, SOON, ("at_least = 0.1", "at_least = 0.01"))
    assert judged(unclear, "G-CHARTER").outcome == "warn"


@pytest.mark.turns_red("G-CHARTER")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("2999-12-31", "2026-11-23", "2026-11-23 has passed"),
        ('label = "risk"', 'label = "other"', "outcome.label"),
        (
            "[baseline]",
            "[[guardrail]]\nid = 'a'\nmetric = 'luck'\nmin = 1\nwhy = 'because of it'\n[baseline]",
            "'luck': is not known",
        ),
        (
            "[baseline]",
            "[review]\nevery_days = 90\nexpires = 2026-11-01\n[baseline]",
            "expired on 2026-11-01",
        ),
    ],
)
def test_a_charter_that_is_not_in_force(case: Case, old: str, new: str, said: str) -> None:
    found = judged(edited(case, (old, new)), "G-CHARTER")
    assert found.outcome == "fail"
    assert said in found.measured


CONTROL = '[control]\ndesign = "disagreement"\nshare = 0.5\n'


@pytest.mark.turns_red("G-CHARTER")
def test_people_drawn_at_random_without_approval(case: Case) -> None:
    drawing = edited(case, add=CONTROL)
    found = judged(drawing, "G-CHARTER")
    assert found.outcome == "fail"
    assert "draws people at random" in found.measured
    other = given(drawing, _approvals=[approved(drawing, "control", "charter", inputs={})])
    assert "of another charter.toml" in judged(other, "G-CHARTER").measured
    signed = given(drawing, _approvals=[approved(drawing, "control", "charter")])
    assert judged(signed, "G-CHARTER").outcome == "pass"


def test_hours_may_be_drawn_without_approval(case: Case) -> None:
    path = case.project.root / "governance" / "system.toml"
    path.write_text(path.read_text().replace("decides_about_people", "internal"))
    assert judged(edited(case, add=CONTROL), "G-CHARTER").outcome == "pass"


def test_payoffs_with_sources(case: Case) -> None:
    assert judged(case, "G-PAYOFF").outcome == "pass"


@pytest.mark.turns_red("G-PAYOFF")
def test_assumed_payoffs(case: Case) -> None:
    assumed = (
        'amount = -2.0, source = "finance"',
        'amount = -2.0, source = "Assumed: two margins"',
    )
    guess = edited(case, assumed)
    found = judged(guess, "G-PAYOFF")
    assert found.outcome == "fail"
    assert found.measured == "1 of 4 amounts are assumed: approve/0"
    path = case.project.root / "governance" / "system.toml"
    path.write_text(path.read_text().replace("decides_about_people", "internal"))
    assert judged(fresh(guess), "G-PAYOFF").outcome == "warn"


def test_value_that_was_measured(case: Case) -> None:
    found = judged(valued(case), "G-VALUE")
    assert found.outcome == "pass"
    assert "+0.2 [+0.12, +0.28] EUR a decision: met" in found.measured


@pytest.mark.turns_red("G-VALUE")
def test_value_that_was_missed_or_broke_a_guardrail(case: Case) -> None:
    assert judged(valued(case, target={"state": "missed"}), "G-VALUE").outcome == "fail"
    broken = valued(case, guardrails=[{"id": "ratio", "state": "broken"}])
    assert "broken: ratio" in judged(broken, "G-VALUE").measured
    assert judged(broken, "G-VALUE").outcome == "fail"


@pytest.mark.parametrize("state", ["undecided", "insufficient_evidence"])
def test_value_that_is_not_settled_warns_until_the_date(case: Case, state: str) -> None:
    open_still = valued(case, target={"state": state})
    assert judged(open_still, "G-VALUE").outcome == "warn"
    late = edited(case, ("2999-12-31", "2026-11-01"))
    assert judged(valued(late, target={"state": state}), "G-VALUE").outcome == "fail"


@pytest.mark.turns_red("G-VALUE")
def test_value_of_another_charter_or_of_long_ago(case: Case) -> None:
    assert judged(case, "G-VALUE").outcome == "not_assessed"
    assert judged(valued(case, charter="0" * 64), "G-VALUE").outcome == "fail"
    old = valued(case, made=(NOW - timedelta(days=91)).isoformat())
    found = judged(old, "G-VALUE")
    assert found.outcome == "not_assessed"
    assert "measured 91 days ago, at most 90 count" in found.measured
    (case.project.evidence_dir / "value.json").write_text("{")
    assert judged(fresh(case), "G-VALUE").outcome == "fail"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"made": "2026-11-21T12:00:00"}, "is no time with a zone"),
        ({"made": "yesterday"}, "is no time with a zone"),
        ({"target": "met"}, "TypeError: string indices"),
        ({"guardrails": 3}, "TypeError: 'int' object is not iterable"),
    ],
)
def test_a_value_record_that_is_broken(case: Case, change: dict[str, Any], said: str) -> None:
    found = judged(valued(case, **change), "G-VALUE")
    assert found.outcome == "fail"
    assert said in found.measured
    assert found.remedy.startswith("make ")


KILLS = '[[kill]]\nid = "negative"\nwindow_days = 90\n'


def test_kill_criteria_that_are_clear(case: Case) -> None:
    assert judged(case, "G-KILL").outcome == "not_applicable"
    watched = edited(case, add=KILLS)
    assert judged(watched, "G-KILL").outcome == "not_assessed"
    assert judged(valued(watched), "G-KILL").outcome == "pass"
    unsure = valued(watched, kill=[{**KILL, "state": "insufficient_evidence", "value": None}])
    assert judged(unsure, "G-KILL").outcome == "warn"


@pytest.mark.turns_red("G-KILL")
def test_a_kill_criterion_that_is_hit(case: Case) -> None:
    watched = edited(case, add=KILLS)
    hit = valued(watched, kill=[{**KILL, "state": "hit", "value": -0.1}])
    found = judged(hit, "G-KILL")
    assert found.outcome == "fail"
    assert "negative hit (-0.1)" in found.measured
    signed = given(hit, _approvals=[approved(hit, "resume", "negative")])
    assert judged(signed, "G-KILL").outcome == "warn"
    # signed before the first decision of the window, it was about an earlier hit
    old = approved(hit, "resume", "negative", given=date(2026, 7, 1))
    assert judged(given(hit, _approvals=[old]), "G-KILL").outcome == "fail"
