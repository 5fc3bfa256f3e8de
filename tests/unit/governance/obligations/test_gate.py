"""G-OBL: what the duties in force need is there; seen green, and turned red."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from lawful import MINIMAL, NOW, Sign, run, with_system
from privacy_record import PRIVACY

from modelkeel.governance.gates import Case
from modelkeel.governance.obligations.lock import write_lock
from modelkeel.governance.obligations.unmet import unmet
from modelkeel.project import Project


def test_all_that_the_duties_in_force_need(whole: Project) -> None:
    found = run("G-OBL", whole)
    assert found.outcome == "pass", found.measured
    assert found.measured == "19 of 44 duties in force; nothing lacking"


def test_a_minimal_project_needs_next_to_nothing(project: Project) -> None:
    minimal = with_system(project, *MINIMAL)
    write_lock(minimal)
    assert run("G-OBL", minimal).measured == "1 of 1 duties in force; nothing lacking"


@pytest.mark.turns_red("G-OBL")
def test_a_document_that_is_not_there(whole: Project) -> None:
    (whole.documents_dir / "dpia.md").unlink()
    found = run("G-OBL", whole)
    assert found.outcome == "fail"
    assert "1 lacking (docs/governance/dpia.md for GDPR-35)" in found.measured
    assert found.remedy == "run `uv run keel govern render`"


@pytest.mark.parametrize("name", ["privacy.toml", "obligations.lock"])
def test_a_record_that_is_not_there(whole: Project, name: str) -> None:
    (whole.governance_dir / name).unlink()
    found = run("G-OBL", whole)
    assert found.outcome == "fail"
    assert name in found.measured
    assert len(found.measured) < 400


def test_a_part_of_a_record_that_is_not_there(whole: Project) -> None:
    text = PRIVACY.partition("[assessment]")[0]
    (whole.governance_dir / "privacy.toml").write_text(text, encoding="utf-8")
    found = run("G-OBL", whole)
    assert found.outcome == "fail"
    assert "governance/privacy.toml: assessment for GDPR-35" in found.measured


@pytest.mark.parametrize(("due", "outcome"), [("2027-01-31", "warn"), ("2026-11-23", "fail")])
def test_work_that_is_still_to_do(whole: Project, due: str, outcome: str) -> None:
    todo = f'{{ todo = "ask legal", owner = "a@bank.eu", due = {due} }}'
    text = PRIVACY.replace('"a notice with the form"', todo)
    (whole.governance_dir / "privacy.toml").write_text(text, encoding="utf-8")
    found = run("G-OBL", whole)
    assert found.outcome == outcome
    assert "governance/privacy.toml: rights.information" in found.measured


def test_a_lock_that_another_answer_made_stale(whole: Project) -> None:
    found = run("G-OBL", with_system(whole, ('["EU"]', '["EU", "US"]')))
    assert found.outcome == "fail"
    assert "not current: added US-ECOA" in found.measured
    assert "keel govern lock" in found.remedy


def test_a_duty_to_come_within_a_year_warns(whole: Project) -> None:
    found = run("G-OBL", whole, datetime(2026, 12, 3, tzinfo=UTC))
    assert found.outcome == "warn"
    assert "to be there within a year" in found.measured


def test_a_duty_whose_day_has_come_fails(whole: Project) -> None:
    found = run("G-OBL", whole, datetime(2027, 12, 2, tzinfo=UTC))
    assert found.outcome == "fail"
    assert {"AIA-14", "AIA-27"} <= {
        each.id
        for each in unmet(Case(whole, datetime(2027, 12, 2, tzinfo=UTC)))
        if each.urgency == "due"
    }


@pytest.mark.parametrize(
    ("now", "high", "minimal"),
    [
        (datetime(2027, 5, 22, tzinfo=UTC), "warn", "pass"),
        (datetime(2027, 5, 23, tzinfo=UTC), "warn", "warn"),
        (datetime(2027, 11, 25, tzinfo=UTC), "fail", "warn"),
    ],
)
def test_a_catalogue_that_nobody_looked_at_for_long(
    whole: Project, now: datetime, high: str, minimal: str
) -> None:
    assert run("G-OBL", whole, now).outcome == high
    other = with_system(whole, *MINIMAL)
    write_lock(other)
    assert run("G-OBL", other, now).outcome == minimal


def test_a_duty_that_a_person_set_aside(whole: Project, signed: Sign) -> None:
    (whole.documents_dir / "dpia.md").unlink()
    assert run("G-OBL", whole).outcome == "fail"
    signed("classification", "GDPR-35")
    found = run("G-OBL", whole)
    assert found.outcome == "pass"
    assert "GDPR-35 set aside by a signed approval" in found.measured


def test_a_condition_that_no_answer_settles_only_warns(whole: Project) -> None:
    american = with_system(whole, ('["EU"]', '["US"]'))
    write_lock(american)
    found = {each.id: each.urgency for each in unmet(Case(american, NOW))}
    assert found["US-ECOA"] == "due"
    assert found["US-FCRA-615"] == "perhaps"


def test_a_gate_that_the_tier_does_not_ask_is_no_evidence(whole: Project) -> None:
    other = with_system(whole, ('domain = "credit"', 'domain = "other"'))
    case = Case(other, NOW)
    found = {each.id: each.urgency for each in unmet(case) if "G-EXPL" in each.missing}
    assert (case.tier, found["GDPR-22"]) == ("minimal", "perhaps")
    write_lock(other)
    assert run("G-OBL", other).outcome == "warn"


def test_what_is_urgent_comes_first(whole: Project) -> None:
    (whole.documents_dir / "dpia.md").unlink()
    urgencies = [each.urgency for each in unmet(Case(whole, NOW))]
    assert urgencies[0] == "due"
    assert set(urgencies[1:]) == {"later"}


def test_a_broken_record_is_a_failure_with_its_place(whole: Project) -> None:
    (whole.governance_dir / "privacy.toml").write_text("schema = 1\n", encoding="utf-8")
    found = run("G-OBL", whole)
    assert found.outcome == "fail"
    assert "privacy.toml" in found.measured
