"""Each gate on operation is seen red and green."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cases import given

from modelkeel.governance.gates import Case, GateResult
from modelkeel.governance.gates.operation import OPERATION_GATES
from modelkeel.governance.readiness.places import place_of
from modelkeel.project import load_project

OVERSIGHT = """
[oversight]
automation_bias = "cases are read blind"
stop = "route to the baseline"
safe_state = "everybody is decided by hand"
max_stop_seconds = 60
drill_every_days = 30
contest = "write to us"
overseers = [{ role = "officer", training = "course 1", may = ["stop"] }]
"""
INCIDENT = """
schema = "incident/1"
id = "young-declined"
title = "Young applicants were declined"
harm = ["fundamental_rights"]
happened = {known}
known = {known}
description = "All applicants below 26 were declined"
cause = "a wrong unit"
measures = ["rolled back"]
owner = "owner@bank.example"
{reported}
"""
APPROVAL = """
schema = "approval/1"
kind = "{kind}"
decision = "approve"
subject = {{ name = "credit" }}
statement = "I looked at everything"
by = {{ email = "risk@bank.example", role = "risk" }}
given = 2026-01-01
expires = {expires}
"""


def result(case: Case, gate: str) -> GateResult:
    (found,) = [each.run(case) for each in OPERATION_GATES if each.id == gate]
    return found


def later(case: Case, **time: float) -> Case:
    return Case(load_project(case.project.root), datetime.now(UTC) + timedelta(**time))


def test_a_fresh_model(case: Case) -> None:
    found = result(case, "G-AGE")
    assert (found.outcome, found.measured) == ("pass", "trained 0 days ago")


@pytest.mark.turns_red("G-AGE")
def test_a_model_that_is_too_old(case: Case) -> None:
    found = result(later(case, days=181), "G-AGE")
    assert (found.outcome, found.measured) == ("fail", "trained 181 days ago")
    path = case.project.root / "governance/gates.toml"
    path.write_text(path.read_text() + "[freshness]\nmax_model_days = 365\n")
    assert result(later(case, days=181), "G-AGE").outcome == "pass"


def test_a_bundle_that_does_not_say_when_it_was_trained(case: Case) -> None:
    manifest = case.bundle.manifest.model_copy(update={"trained_at": None})
    other = given(case, bundle=replace(case.bundle, manifest=manifest))
    assert result(other, "G-AGE").outcome == "not_assessed"
    manifest = manifest.model_copy(update={"trained_at": "last week"})
    other = given(case, bundle=replace(case.bundle, manifest=manifest))
    assert result(other, "G-AGE").outcome == "fail"


@pytest.mark.turns_red("G-AGE")
@pytest.mark.parametrize(
    ("kind", "days", "outcome"),
    [
        ("residual_risk", -1, "fail"),
        ("residual_risk", 7, "warn"),
        ("residual_risk", 100, "pass"),
        ("waiver", -1, "pass"),
    ],
)
def test_an_approval_that_runs_out(case: Case, kind: str, days: int, outcome: str) -> None:
    expires = datetime.now(UTC).date() + timedelta(days=days)
    path = case.project.governance_dir / "approvals" / "2026-01-01-risk.toml"
    path.parent.mkdir(parents=True)
    text = APPROVAL.format(kind=kind, expires=expires)
    if kind == "waiver":
        text = text.replace("2026-01-01", str(expires - timedelta(days=30)))
    path.write_text(text)
    found = result(later(case), "G-AGE")
    assert found.outcome == outcome
    assert ("keel approve" in found.remedy) == (outcome == "fail")


def practised(case: Case, seconds: float, days: float = 0.0) -> Case:
    system = case.project.root / "governance/system.toml"
    if "[oversight]" not in system.read_text():
        system.write_text(system.read_text() + OVERSIGHT)
    path = case.project.evidence_dir / "drills" / "rollback.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    when = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    path.write_text(json.dumps({"schema": "drill/1", "time": when, "seconds": seconds}))
    return later(case)


def test_a_drill_in_time(case: Case) -> None:
    assert result(practised(case, 2.5), "G-STOP").outcome == "pass"


@pytest.mark.turns_red("G-STOP")
@pytest.mark.parametrize(("seconds", "days"), [(61.0, 0.0), (2.5, 31.0)])
def test_a_drill_too_slow_or_too_long_ago(case: Case, seconds: float, days: float) -> None:
    assert result(practised(case, seconds, days), "G-STOP").outcome == "fail"


def test_what_was_not_practised_is_never_green(case: Case) -> None:
    assert result(case, "G-STOP").outcome == "not_assessed"  # no [oversight]
    other = practised(case, 1.0)
    path = case.project.evidence_dir / "drills" / "rollback.json"
    path.write_text("{}")
    assert result(other, "G-STOP").outcome == "fail"
    path.unlink()
    assert result(other, "G-STOP").outcome == "not_assessed"


def happened(case: Case, days: float, reported: str = "") -> Case:
    path = case.project.governance_dir / "incidents" / "2026-11-24-young.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    path.write_text(INCIDENT.format(known=known, reported=reported))
    return later(case)


def test_no_incident(case: Case) -> None:
    found = result(case, "G-INC")
    assert (found.outcome, found.measured) == ("pass", "no report is due")


@pytest.mark.turns_red("G-INC")
@pytest.mark.parametrize(
    ("days", "outcome"), [(1, "pass"), (11.9, "pass"), (12.1, "warn"), (15.1, "fail")]
)
def test_an_incident_and_its_clock(case: Case, days: float, outcome: str) -> None:
    assert result(happened(case, days), "G-INC").outcome == outcome


def test_an_incident_that_was_reported(case: Case) -> None:
    now = datetime.now(UTC).isoformat()
    assert result(happened(case, 10, f"reported = {now}"), "G-INC").outcome == "pass"


@pytest.mark.turns_red("G-INC")
def test_an_incident_that_was_reported_late(case: Case) -> None:
    now = datetime.now(UTC).isoformat()
    found = result(happened(case, 20, f"reported = {now}"), "G-INC")
    assert found.outcome == "fail"
    assert "has passed, it was reported at" in found.measured
    assert found.remedy.startswith("close it")
    closed = happened(case, 20, f"reported = {now}\nclosed = {now}")
    assert result(closed, "G-INC").outcome == "warn"


@pytest.mark.turns_red("G-INC")
def test_a_report_that_lies_ahead_is_none(case: Case) -> None:
    ahead = (datetime.now(UTC) + timedelta(days=400)).isoformat()
    assert result(happened(case, 20, f"reported = {ahead}"), "G-INC").outcome == "fail"


@pytest.mark.turns_red("G-INC")
@pytest.mark.parametrize("key", ["happened", "known", "reported", "closed"])
def test_an_incident_of_a_year_to_come(case: Case, key: str) -> None:
    path = happened(case, 20).project.governance_dir / "incidents" / "2026-11-24-young.toml"
    lines = path.read_text().splitlines()
    keys = ["happened", "known", "reported", "closed"]
    ahead = keys[keys.index(key) :] if key in ("happened", "known") else [key]
    lines = [line for line in lines if line.partition(" =")[0] not in ahead]
    lines += [f"{each} = {datetime.now(UTC) + timedelta(days=3650)}" for each in ahead]
    path.write_text("\n".join(lines))
    found = result(later(case), "G-INC")
    assert found.outcome == "fail"
    number = next(at for at, line in enumerate(lines, 1) if line.startswith(key))
    assert f"{path}:{number}: {key}: lies in the future" in found.measured
    where = place_of(case.project.root, found)
    assert where.path == "governance/incidents/2026-11-24-young.toml"


@pytest.mark.turns_red("G-INC")
@pytest.mark.parametrize("known", ["9999-12-31T23:00:00Z", "0001-01-01T00:00:00+02:00"])
def test_an_incident_at_an_end_of_the_calendar(case: Case, known: str) -> None:
    path = happened(case, 1).project.governance_dir / "incidents" / "2026-11-24-young.toml"
    path.write_text(INCIDENT.format(known=known, reported=""))
    found = result(later(case), "G-INC")
    assert found.outcome == "fail"
    assert f"{path}:6: happened: the year " in found.measured
    assert f"{path}:7: known: the year " in found.measured
    assert place_of(case.project.root, found).path.endswith("2026-11-24-young.toml")


@pytest.mark.turns_red("G-STOP")
def test_a_drill_that_lies_ahead(case: Case) -> None:
    found = result(practised(case, 2.5, days=-400), "G-STOP")
    assert (found.outcome, "lies in the future" in found.measured) == ("fail", True)
