"""The gates on documents, seen red and green."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from rendered_projects import again, edit

from modelkeel.governance.documents import render
from modelkeel.governance.gates import Case
from modelkeel.governance.gates.documents import DOCUMENTS_GATES
from modelkeel.governance.gates.gate import GateResult
from modelkeel.governance.obligations.lock import write_lock
from modelkeel.project import Project

CURRENT, COMPLETE = DOCUMENTS_GATES
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def result(project: Project, gate: int, now: datetime = NOW) -> GateResult:
    return DOCUMENTS_GATES[gate].run(Case(again(project), now))


def test_current_documents_pass(credit: Project) -> None:
    render(credit)
    assert result(credit, 0).outcome == "pass"


@pytest.mark.turns_red("G-DOC")
def test_documents_that_are_out_of_date(credit: Project) -> None:
    render(credit)
    edit(credit, "governance/system.toml", "Tell how likely", "Tell whether")
    found = result(credit, 0)
    assert found.outcome == "fail"
    assert "docs/governance/" in found.measured
    assert "keel govern render" in found.remedy


@pytest.mark.turns_red("G-MISSING")
def test_a_field_that_is_missing(credit: Project) -> None:
    found = result(credit, 1)
    assert found.outcome == "fail"
    assert "MISSING: " in found.measured


def test_a_minimal_project_is_not_asked(minimal: Project) -> None:
    assert result(minimal, 1).outcome == "not_applicable"


def test_nothing_missing_passes_and_the_law_of_later_is_not_asked_yet(
    complete: Project,
) -> None:
    write_lock(complete)
    assert result(complete, 1).measured == "nothing is missing"
    later = result(complete, 1, datetime(2028, 1, 1, tzinfo=UTC))
    assert later.outcome == "fail"
    assert "the EU declaration of conformity" in later.measured
    (complete.root / "docs").mkdir(exist_ok=True)
    (complete.root / "docs" / "eu-declaration-of-conformity.md").write_text("# Declaration\n")
    assert result(complete, 1, datetime(2028, 1, 1, tzinfo=UTC)).outcome == "pass"


def test_the_photographs_of_a_product_are_linked(complete: Project) -> None:
    edit(complete, "governance/system.toml", '"decides_about_people"', '"safety_component"')
    write_lock(again(complete))
    assert "photographs or drawings of the product" in result(complete, 1).measured
    complete.documents_dir.mkdir(parents=True)
    for name in ("photographs.pdf", "photographs.2.jpg"):
        (complete.documents_dir / name).write_bytes(b"\xff\xd8")
    assert result(complete, 1).measured == "nothing is missing"
    render(again(complete))
    text = (complete.documents_dir / "technical-documentation.md").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("| (f) Photographs")]
    assert "(../../docs/governance/photographs.2.jpg), [docs/governance/photographs.pdf](" in line
    assert (complete.documents_dir / "photographs.pdf").is_file()
