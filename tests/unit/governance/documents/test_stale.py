"""What is out of date is found; what is not ours is left alone."""

from __future__ import annotations

import json

from rendered_projects import again, edit

from modelkeel.governance.documents import render, stale
from modelkeel.project import Project


def test_before_rendering_everything_is_missing(minimal: Project) -> None:
    assert "docs/governance/index.md: is not there" in stale(minimal)


def test_the_first_line_that_differs_is_named(minimal: Project) -> None:
    render(minimal)
    path = minimal.documents_dir / "model-card.md"
    path.write_text(path.read_text().replace("## The model", "## Our model"))
    (problem,) = stale(again(minimal))
    assert problem.startswith("docs/governance/model-card.md:")
    assert problem.endswith("has '## Our model', expected '## The model'")


def test_what_differs_is_shown_however_long_the_line(minimal: Project) -> None:
    render(minimal)
    path = minimal.documents_dir / "model-card.md"
    path.write_text(path.read_text().replace("Not legal advice.", "Legal advice."))
    (problem,) = stale(again(minimal))
    has, _, expected = problem.partition(", expected ")
    assert "Legal advice. 0 fields MISSING" in has
    assert "Not legal advice. 0 fields MISSING" in expected
    assert len(problem) < 260


def test_a_changed_record_makes_its_documents_stale(minimal: Project) -> None:
    render(minimal)
    changed = edit(minimal, "governance/system.toml", "for the archive", "for the cellar")
    assert any(each.startswith("docs/governance/index.md:") for each in stale(changed))
    render(changed)
    assert stale(again(changed)) == []


def test_noise_in_a_measurement_is_no_drift(credit: Project) -> None:
    render(credit)
    found = json.loads(credit.evaluation_path.read_text())
    found["model"]["roc_auc"] += 1e-6
    credit.evaluation_path.write_text(json.dumps(found))
    assert stale(again(credit)) == []
    found["model"]["roc_auc"] += 0.01
    credit.evaluation_path.write_text(json.dumps(found))
    assert stale(again(credit)) != []


def test_line_endings_of_another_machine_are_mended(minimal: Project) -> None:
    render(minimal)
    path = minimal.documents_dir / "index.md"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    render(again(minimal))
    assert b"\r" not in path.read_bytes()


def test_documents_no_longer_called_for_go_and_others_stay(credit: Project) -> None:
    render(credit)
    notes = credit.documents_dir / "notes.md"
    mine = credit.documents_dir / "transparency-notice.md"
    notes.write_text("# Mine\n")
    mine.write_text("# Written by hand\n")
    lowered = edit(credit, "governance/system.toml", '"decides_about_people"', '"internal"')
    assert "docs/governance/fria.md: is no longer called for" in stale(lowered)
    render(lowered)
    there = {path.name for path in credit.documents_dir.iterdir()}
    assert {"notes.md", "transparency-notice.md", "index.md", "ropa.csv"} <= there
    assert not {"fria.md", "dpia.md", "technical-documentation.md"} & there
    assert stale(again(lowered)) == []


def test_a_document_that_is_no_text(minimal: Project) -> None:
    render(minimal)
    (minimal.documents_dir / "index.md").write_bytes(b"\xff\xfe")
    assert stale(again(minimal)) == ["docs/governance/index.md: is no UTF-8 text"]
