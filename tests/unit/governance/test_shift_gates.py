"""Data that moved away from what was accepted, and personal data that nobody declared."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cases import keep_table

from modelkeel.data.digest import sha256_file
from modelkeel.governance.gates import GATES, Case, GateResult
from modelkeel.project import load_project


def run(case: Case, name: str) -> GateResult:
    return next(gate for gate in GATES if gate.id == name).run(
        Case(load_project(case.project.root))
    )


def column(points: list[float]) -> dict[str, Any]:
    steps = [[value, at / 5, (at + 1) / 5] for at, value in enumerate(points)]
    return {"kind": "number", "missing": 0.0, "points": steps}


def table(case: Case, points: list[float]) -> None:
    """What the validation keeps of a table with this one column."""
    keep_table(case.project)
    digest = sha256_file(case.project.data_dir / "raw.parquet")
    path = case.project.evidence_dir / "data" / f"{digest[:16]}.json"
    record = json.loads(path.read_text())
    record["profile"] = {"rows": 1000, "columns": {"amount": column(points)}}
    path.write_text(json.dumps(record))


def accepted(case: Case, points: list[float]) -> None:
    record = {
        "schema": "reference/1",
        "digest": "0" * 64,
        "contract": case.project.params.contract,
        "by": "owner@bank.example",
        "date": "2026-11-24",
        "reason": "looked at it",
        "profile": {"rows": 1000, "columns": {"amount": column(points)}},
    }
    path = case.project.root / "governance" / "data" / "reference.json"
    path.write_text(json.dumps(record))


def test_data_as_it_was_accepted(case: Case) -> None:
    table(case, [1.0, 2.0, 3.0, 4.0, 5.0])
    accepted(case, [1.0, 2.0, 3.0, 4.0, 5.0])
    assert run(case, "G-SHIFT").outcome == "pass"


@pytest.mark.turns_red("G-SHIFT")
def test_data_that_moved_away(case: Case) -> None:
    table(case, [11.0, 12.0, 13.0, 14.0, 15.0])
    accepted(case, [1.0, 2.0, 3.0, 4.0, 5.0])
    found = run(case, "G-SHIFT")
    assert found.outcome == "fail"
    assert "1 of 1 columns drifted" in found.measured
    assert "amount: PSI" in found.measured


def test_nothing_accepted_yet(case: Case) -> None:
    found = run(case, "G-SHIFT")
    assert found.outcome == "not_assessed"
    assert "keel data accept" in found.remedy
    path = case.project.root / "governance" / "system.toml"
    path.write_text(path.read_text().replace("decides_about_people", "internal"))
    assert run(case, "G-SHIFT").outcome == "warn"


def test_columns_that_are_declared(case: Case) -> None:
    assert run(case, "G-PERSONAL").outcome == "pass"


@pytest.mark.turns_red("G-PERSONAL")
def test_a_column_that_looks_like_people(case: Case) -> None:
    keep_table(case.project, undeclared={"contact": "60% of its values look like e-mail addresses"})
    found = run(case, "G-PERSONAL")
    assert found.outcome == "fail"
    assert "contact: 60% of its values" in found.measured


def test_a_column_that_a_person_cleared(case: Case) -> None:
    keep_table(case.project, undeclared={"contact": "60% of its values look like e-mail addresses"})
    path = case.project.root / "governance" / "gates.toml"
    path.write_text(path.read_text() + '[personal]\ncleared = ["contact"]\n')
    assert run(case, "G-PERSONAL").outcome == "pass"


def test_a_table_without_a_scan(case: Case) -> None:
    for path in (case.project.evidence_dir / "data").glob("*.json"):
        record = json.loads(path.read_text())
        del record["personal"]
        path.write_text(json.dumps(record))
    found = run(case, "G-PERSONAL")
    assert found.outcome == "not_assessed"
    assert "--single-item validate" in found.remedy
