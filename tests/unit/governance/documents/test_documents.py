"""Documents say what records and measurements say, and what they lack."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendered_projects import MINIMAL_SYSTEM, OWNER, TODAY, again, approve, edit

from modelkeel.data.digest import sha256_file
from modelkeel.errors import BadInput
from modelkeel.governance.documents import render, stale
from modelkeel.governance.documents.rendering import documents_of
from modelkeel.project import Project

HIGH = {
    "model-card.md",
    "data-card-credit_applications.md",
    "credit_applications.croissant.json",
    "technical-documentation.md",
    "instructions-for-use.md",
    "risk-management.md",
    "human-oversight.md",
    "post-market-plan.md",
    "fria.md",
    "dpia.md",
    "ropa.md",
    "ropa.csv",
    "notice-affected-person.md",
    "value-report.md",
    "responsibilities.md",
    "obligations.md",
    "index.md",
    "figures/by-group.svg",
}
MINIMAL = {
    "model-card.md",
    "data-card-credit_applications.md",
    "credit_applications.croissant.json",
    "obligations.md",
    "index.md",
    "figures/by-group.svg",
}
TODO_SYSTEM = (
    MINIMAL_SYSTEM.replace('"internal"', '"decides_about_people"')
    .replace('domain = "none"', 'domain = "credit"')
    .replace('personal_data = "none"', 'personal_data = "personal"')
)


def written(project: Project) -> dict[str, str]:
    """What `render` leaves, by name in docs/governance."""
    folder = project.documents_dir
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode() for path in render(project)
    }


def document(project: Project, name: str) -> str:
    """One document as it should be."""
    return next(each.text for each in documents_of(again(project)) if each.file == name)


def counted(text: str) -> str:
    """How many fields a document says are missing."""
    found = re.search(r"\*\*\d+ fields? MISSING\*\*", text)
    assert found
    return found[0]


def test_a_project_gets_the_documents_that_it_needs(credit: Project) -> None:
    assert set(written(credit)) == HIGH
    assert stale(again(credit)) == []


def test_a_minimal_project_stays_small(minimal: Project) -> None:
    found = written(minimal)
    assert set(found) == MINIMAL
    assert "Nothing is missing." in found["index.md"]
    assert "not called for" not in "".join(found.values())


def test_the_same_files_give_the_same_bytes(credit: Project) -> None:
    first = written(credit)
    assert written(again(credit)) == first
    assert not any("\r" in text for text in first.values())
    assert not any(str(credit.root) in text for text in first.values())


def test_each_opens_with_what_it_was_rendered_from(credit: Project) -> None:
    for name, text in written(credit).items():
        if name.endswith(".md"):
            body = text.split("---\n")[-1] if name == "model-card.md" else text
            title, _, opening = body.splitlines()[:3]
            assert title.startswith("# ")
            assert opening.startswith("> Rendered by `keel govern render` from ")
            assert "Not legal advice." in opening
            assert " MISSING" in opening


def test_a_todo_is_missing_with_its_owner_and_day(credit: Project) -> None:
    text = document(credit, "human-oversight.md")
    assert (
        "**MISSING**: where a person contests a decision, who looks at it again, and by when "
        "(owner@example.com, due 2027-06-30)"
    ) in text
    assert "**5 fields MISSING**, 0 not applicable, 0 waived" in text


def test_an_answer_takes_the_place_of_a_todo(credit: Project) -> None:
    path = credit.governance_dir / "system.toml"
    lines = path.read_text().splitlines()
    lines = [
        'contest = "Write to the branch; a person answers in 14 days."'
        if line.startswith("contest = ")
        else line
        for line in lines
    ]
    path.write_text("\n".join(lines))
    text = document(credit, "human-oversight.md")
    assert "Write to the branch; a person answers in 14 days." in text
    assert "**4 fields MISSING**" in text


def test_what_does_not_apply_says_why(credit: Project) -> None:
    text = document(credit, "dpia.md")
    assert "Not applicable: no column holds a special category" in text
    assert "1 not applicable" in text


def test_evidence_is_followed_and_linked(credit: Project) -> None:
    path = credit.governance_dir / "system.toml"
    reference = '{ evidence = "reports/evaluation.json#slices.sex=female.n" }'
    lines = path.read_text().splitlines()
    lines = [f"hardware = {reference}" if x.startswith("hardware = ") else x for x in lines]
    path.write_text("\n".join(lines))
    text = document(credit, "instructions-for-use.md")
    link = "[reports/evaluation.json](../../reports/evaluation.json), `slices.sex=female.n`"
    assert f"| Hardware | 91 ({link}) |" in text
    edit(credit, "governance/system.toml", "sex=female.n", "sex=female.gone")
    text = document(credit, "instructions-for-use.md")
    assert "**MISSING**: reports/evaluation.json has no value at `slices.sex=female.gone`" in text


def test_without_reports_all_that_is_measured_is_missing(make: Callable[..., Project]) -> None:
    project = make(measured=False)
    found = written(project)
    assert "figures/by-group.svg" not in found
    for name in ("model-card.md", "technical-documentation.md", "instructions-for-use.md"):
        assert "run `uv run dvc repro`" in found[name]
    assert "model-index" not in found["model-card.md"]
    assert "G-BASE was not measured (run `uv run dvc repro`)" in found["risk-management.md"]
    assert stale(again(project)) == []


def test_without_records_all_that_people_know_is_missing(make: Callable[..., Project]) -> None:
    project = make(system=TODO_SYSTEM)
    found = written(project)
    assert set(found) == HIGH
    assert "**MISSING**: there is no governance/risks.toml (write it)" in found["fria.md"]
    assert (
        "**MISSING**: governance/system.toml has no `people.misuse`" in found["risk-management.md"]
    )
    assert "**MISSING**: governance/system.toml has no `oversight`" in found["human-oversight.md"]
    assert "**MISSING**: there is no governance/privacy.toml" in found["ropa.md"]
    assert "MISSING: there is no governance/privacy.toml" in found["ropa.csv"]
    assert "there is no governance/reasons.toml" in found["notice-affected-person.md"]


def test_a_report_of_an_older_pipeline_is_shown_as_far_as_it_goes(credit: Project) -> None:
    credit.evaluation_path.write_text('{"uplift": {"value_per_decision": {"value": 0.2}}}')
    text = document(credit, "model-card.md")
    assert "Gain over today: **+0.2**" in text


def test_a_report_that_is_no_json_is_refused(credit: Project) -> None:
    credit.evaluation_path.write_text("{")
    with pytest.raises(BadInput, match=r"evaluation\.json: no valid JSON"):
        render(again(credit))
    assert not credit.documents_dir.exists()


def test_numbers_are_for_people(credit: Project) -> None:
    text = document(credit, "model-card.md")
    assert "| Ranking (ROC AUC) | 0.731 | 0.675 to 0.783 | 0.722 | 0.5 | higher |" in text
    assert "**+0.193 (+0.1 to +0.287)** margins of a repaid credit a decision" in text
    assert "| age | below 26: 50 % | 41 and over: 69 % | 0.724 (" in text
    assert "| Noise of 5 % of the spread of each number | 2.9 % |" in text
    assert "31 (few)" in text
    assert "100 to 50,000 DEM" in text


def test_the_card_has_the_header_of_hugging_face(credit: Project) -> None:
    text = document(credit, "model-card.md")
    _, header, _ = text.split("---\n", 2)
    found = yaml.safe_load(header)
    assert found["pipeline_tag"] == "tabular-classification"
    (result,) = found["model-index"][0]["results"]
    assert result["task"] == {"type": "tabular-classification"}
    assert {"name", "type"} <= set(result["dataset"])
    assert {"type": "roc_auc", "name": "Ranking (ROC AUC)", "value": 0.731, "verified": False} in (
        result["metrics"]
    )


def test_a_risk_shows_its_measures_and_what_they_found(credit: Project) -> None:
    text = document(credit, "risk-management.md")
    assert (
        "| G-BASE: The model beats the baseline | each training, each release | **pass**:" in text
    )
    assert "| G-GOLDEN: Golden rows reproduce |" in text
    edit(credit, "governance/risks.toml", '{ gate = "G-BASE" }', '{ gate = "G-NONE" }')
    text = document(credit, "risk-management.md")
    assert "| G-NONE | | **MISSING**: there is no such gate |" in text


def test_a_high_residual_risk_asks_for_who_accepted_it(credit: Project) -> None:
    path = credit.governance_dir / "risks.toml"
    text = path.read_text()
    left = "residual = { likelihood = 3, severity = 3 }"
    start = text.index("residual = {")
    path.write_text(text[:start] + left + text[text.index("\n", start) :])
    shown = document(credit, "risk-management.md")
    assert "level 9. Accepted by: **MISSING**: nobody approved it" in shown
    approve(credit, "residual_risk", "R-01")
    until = TODAY + timedelta(days=30)
    accepted = f"Accepted by: {OWNER} (risk) on {TODAY}, until {until}: [governance/approvals/"
    assert accepted in document(credit, "risk-management.md")


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ({"decision": "reject"}, f"rejected by {OWNER} (risk) on {TODAY}"),
        ({"ago": 31}, f"does not count: expires: it ran out on {TODAY - timedelta(days=1)}"),
        ({"signed": False}, "does not count: it is unsigned"),
        ({"decision": "reject", "signed": False}, "(it is unsigned)"),
        ({"subject": 'project = "bike"'}, "does not count: subject.project: is bike, this is"),
        ({"ago": -2}, f"does not count: given: {TODAY + timedelta(days=2)} is still to come"),
        (
            {"inputs": f'"governance/privacy.toml" = "{"0" * 64}"'},
            "does not count: inputs: changed since it was given: governance/privacy.toml",
        ),
    ],
)
def test_an_approval_that_does_not_count_is_missing(
    credit: Project, decision: dict[str, Any], said: str
) -> None:
    before = counted(document(credit, "dpia.md"))
    approve(credit, "dpia", "credit-risk", **decision)
    text = document(credit, "dpia.md")
    (line,) = [line for line in text.splitlines() if line.startswith("| Approved by |")]
    assert line.startswith("| Approved by | **MISSING**: ")
    assert said in line
    assert counted(text) == before


def test_the_newest_decision_that_counts_settles_it(credit: Project) -> None:
    approve(credit, "fria", "credit-risk", ago=5)
    approve(credit, "fria", "credit-risk", ago=3, subject='project = "bike"')
    approve(credit, "fria", "credit-risk", decision="reject", ago=2, signed=False)
    day = TODAY - timedelta(days=5)
    assert f"Approved by: {OWNER} (risk) on {day}, until" in document(credit, "fria.md")
    approve(credit, "fria", "credit-risk", decision="reject", ago=5)
    assert f"**MISSING**: rejected by {OWNER} (risk) on {day} (" in document(credit, "fria.md")
    approve(credit, "fria", "credit-risk", ago=1)
    assert "Approved by: **MISSING**" not in document(credit, "fria.md")


def test_an_approval_of_somebody_without_the_role_does_not_count(credit: Project) -> None:
    approve(credit, "dpia", "credit-risk")
    edit(credit, "governance/system.toml", f'risk = ["{OWNER}"]', 'risk = ["ada@bank.test"]')
    assert f"does not count: by.role: {OWNER} does not have the role risk" in document(
        credit, "dpia.md"
    )


def test_a_waiver_is_counted_where_its_gate_is_named(credit: Project) -> None:
    approve(credit, "waiver", "G-BASE")
    text = document(credit, "risk-management.md")
    assert "1 waived" in text
    assert f"waived until {TODAY + timedelta(days=30)}" in text


@pytest.mark.parametrize(
    "decision",
    [
        {"decision": "reject"},
        {"ago": 31},
        {"signed": False},
        {"subject": 'project = "bike"'},
        {"subject": f'digest = "{"0" * 64}"'},
    ],
)
def test_a_waiver_that_does_not_count_waives_nothing(
    credit: Project, decision: dict[str, Any]
) -> None:
    approve(credit, "waiver", "G-BASE", **decision)
    text = document(credit, "risk-management.md")
    assert ", 0 waived" in text
    assert "waived until" not in text


def test_the_record_of_processing_is_a_table(credit: Project) -> None:
    rows = list(csv.DictReader(io.StringIO(document(credit, "ropa.csv"))))
    assert [row["purpose"] for row in rows] == credit.privacy.processing.purposes  # type: ignore[union-attr]
    assert rows[0]["categories_of_data"].endswith("sex (personal), age (personal)")
    assert rows[0]["controller"].startswith("MISSING: ")
    assert "records of decisions: inputs, score, action and reasons: 1,095 days" in (
        rows[0]["retention"].lower()
    )


def test_nought_is_an_answer(credit: Project) -> None:
    edit(credit, "governance/privacy.toml", "days = 1095", "days = 0")
    assert "action and reasons: 0 days |" in document(credit, "ropa.md")
    assert "action and reasons: 0 days" in document(credit, "ropa.csv")


def test_a_cell_is_never_a_formula(credit: Project) -> None:
    edit(credit, "governance/privacy.toml", '"Decide on applications', '"=Decide on applications')
    rows = list(csv.DictReader(io.StringIO(document(credit, "ropa.csv"))))
    assert rows[0]["purpose"].startswith("'=Decide")


def test_texts_of_people_stay_text(credit: Project) -> None:
    edit(
        credit, "governance/system.toml", "Tell how likely", "<script>x</script> | Tell how likely"
    )
    text = document(credit, "model-card.md")
    assert "<script>" not in text
    assert "&lt;script&gt;x&lt;/script&gt; | Tell" in text
    assert "&lt;script&gt;x&lt;/script&gt; \\| Tell" in document(
        credit, "technical-documentation.md"
    )


def test_adverse_action_in_the_united_states(credit: Project) -> None:
    assert "Adverse action" not in document(credit, "notice-affected-person.md")
    edit(credit, "governance/system.toml", '["EU"]', '["US"]')
    text = document(credit, "notice-affected-person.md")
    assert "## Adverse action notice (United States)" in text
    assert "> - The amount you asked for speaks against repayment." in text
    assert "GDPR" not in text


def test_people_who_interact_are_told(make: Callable[..., Project]) -> None:
    project = make(system=MINIMAL_SYSTEM.replace('"internal"', '"interacts_with_people"'))
    found = written(project)
    assert "You are dealing with an AI system" in found["transparency-notice.md"]
    assert "risk-management.md" in found
    assert "technical-documentation.md" not in found


def worth(project: Project, charter: str) -> None:
    """Write what `keel charter value` measures of decisions."""
    kill = {"id": "value_negative", "asked": "high end of the uplift not below 0"}
    found = {
        "charter": charter,
        "made": "2026-11-24T00:00:00+00:00",
        "unit": "margins",
        "target": {"state": "met"},
        "uplift_per_decision": {"value": 0.4, "low": 0.3, "high": 0.5},
        "kill": [{**kill, "since": "2026-10-25", "state": "clear"}],
    }
    (project.evidence_dir / "value.json").write_text(json.dumps(found))


def test_what_decisions_were_worth(credit: Project) -> None:
    worth(credit, sha256_file(credit.root / "charter.toml"))
    text = document(credit, "value-report.md")
    assert "State: **met**. Measured on 2026-11-24" in text
    assert "| The model is stopped unless | Since | State |" in text
    assert "| value negative: high end of the uplift not below 0 | 2026-10-25 | clear |" in text
    assert "- Live value: met, +0.4" in document(credit, "post-market-plan.md")


def test_what_another_charter_judged_is_not_current(credit: Project) -> None:
    worth(credit, "0" * 64)
    text = document(credit, "value-report.md")
    assert (
        "**MISSING**: evidence/value.json was judged by another charter.toml "
        "(run `uv run keel charter value TABLE`)"
    ) in text
    assert "**1 field MISSING**" in text
    assert "State: **met**" not in text
    assert "Live value: met" not in document(credit, "post-market-plan.md")


def test_croissant_is_valid(credit: Project, tmp_path: Path) -> None:
    mlc = pytest.importorskip("mlcroissant")
    path = tmp_path / "data.croissant.json"
    path.write_text(document(credit, "credit_applications.croissant.json"))
    issues = mlc.Dataset(jsonld=str(path)).metadata.ctx.issues
    assert list(issues.errors) == []
    found = json.loads(path.read_text())
    assert found["conformsTo"][0].endswith("croissant/1.1")
    assert {each["name"] for each in found["distribution"]} == {"raw.parquet", "german_credit.csv"}


def test_croissant_without_digests_names_no_files(
    make: Callable[..., Project], tmp_path: Path
) -> None:
    mlc = pytest.importorskip("mlcroissant")
    path = tmp_path / "data.croissant.json"
    path.write_text(document(make(measured=False), "credit_applications.croissant.json"))
    assert list(mlc.Dataset(jsonld=str(path)).metadata.ctx.issues.errors) == []
    assert "distribution" not in json.loads(path.read_text())


def test_the_index_lists_each_gap_once(credit: Project) -> None:
    text = document(credit, "index.md")
    assert text.count("| where a person contests a decision") == 1
    assert "governance/risks.toml `risk.R-01.residual`" in text


def test_what_infer_left_to_be_described_is_missing(minimal: Project) -> None:
    file = "governance/data/credit_applications.odcs.yaml"
    edit(minimal, file, "description: How the applicant lives", "description: To be described")
    text = document(minimal, "data-card-credit_applications.md")
    assert "**MISSING**: what `housing` means" in text
    assert "**1 field MISSING**" in text


def test_a_regression_is_valued_by_its_errors(minimal: Project) -> None:
    charter = minimal.root / "charter.toml"
    text = charter.read_text()
    classes, value = text.index("[outcome.classes]"), text.index("[baseline]")
    errors = (
        '[value]\nunit = "hires"\npayoff = [\n'
        '  { action = "over", outcome = "unit", amount = -0.25, source = "assumed: moving it" },\n'
        '  { action = "under", outcome = "unit", amount = -1.0, source = "one hire lost" },\n]\n'
    )
    charter.write_text(text[:classes] + errors + text[value:].replace('"approve"', '"mean"'))
    edit(minimal, "pyproject.toml", '"classification"', '"regression"')
    text = document(minimal, "model-card.md")
    assert "| each unit too much |  | −0.25 | assumed: moving it |" in text  # noqa: RUF001
    assert "- What *each unit too much* is worth is an assumption" in text
    assert "pipeline_tag: tabular-regression" in text
