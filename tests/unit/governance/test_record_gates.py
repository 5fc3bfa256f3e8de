"""The gates on what people write: records, the owner, risks, privacy and roles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cases import given
from privacy_record import PRIVACY
from signing import Person, add, allow, edit, person, write

from modelkeel.governance.approvals import approve
from modelkeel.governance.gates import GATES, Case, GateResult
from modelkeel.governance.roles import codeowners_block
from modelkeel.project import load_project

OWNER, RISK = "owner@bank.example", "risk@bank.example"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
RISKS = f"""
schema = "risks/1"
accept_up_to = 6
[[risk]]
id = "R-01"
title = "Young applicants are declined more often"
source = "intended_use"
who = ["young applicants"]
likelihood = 3
severity = 4
measures = [
    {{ human = "officers look at every tenth decision" }},
    {{ gate = "G-BASE" }},
]
residual = {{ likelihood = 1, severity = 4 }}
owner = "{OWNER}"
review_by = 2027-12-31
[[risk]]
id = "R-02"
title = "The score is used for prices of the credit"
source = "misuse"
who = ["applicants"]
likelihood = 2
severity = 3
residual = {{ likelihood = 2, severity = 3 }}
owner = "{OWNER}"
review_by = 2027-12-31
"""
REASONS = """
schema = "reasons/1"
adverse = "decline"
reference = "the median of those who repaid"
[[reason]]
code = "AMOUNT"
text = "The amount is high."
features = ["amount", "housing"]
"""
INCIDENT = f"""
schema = "incident/1"
id = "wrong-model"
title = "A wrong model was served"
harm = ["none"]
happened = 2026-11-01T10:00:00Z
known = 2026-11-01T11:00:00Z
description = "The model of the day before answered."
cause = "a stale cache"
measures = ["restart on promotion"]
owner = "{OWNER}"
"""


@pytest.fixture
def owner(tmp_path_factory: pytest.TempPathFactory) -> Person:
    return person(tmp_path_factory.mktemp("keys"), OWNER)


def result(case: Case, gate: str) -> GateResult:
    """What a gate says on 24 November 2026, with records read anew."""
    (one,) = [each for each in GATES if each.id == gate]
    return one.run(Case(load_project(case.project.root), NOW))


def approved(case: Case, kind: str, name: str, by: Person) -> Path:
    allow(case.project, by)
    return approve(
        *(load_project(case.project.root), kind, name),  # type: ignore[arg-type]
        email=by.email,
        role="owner",
        key=by.key,
        today=NOW.date(),
    )


class TestRecords:
    """G-REC."""

    def test_sound_records(self, case: Case, owner: Person) -> None:
        for name, text in (
            ("governance/risks.toml", RISKS),
            ("governance/privacy.toml", PRIVACY),
            ("governance/reasons.toml", REASONS),
            ("governance/incidents/2026-11-01-wrong-model.toml", INCIDENT),
            ("governance/README.md", "Read me."),
        ):
            write(case.project, name, text)
        approved(case, "waiver", "G-BASE", owner)
        found = result(case, "G-REC")
        assert (found.outcome, found.measured) == ("pass", "10 records read")

    @pytest.mark.turns_red("G-REC")
    def test_all_problems_are_told_with_file_and_line(self, case: Case) -> None:
        root = case.project.root
        edit(case.project, "charter.toml", "delay_days = 30", "delay_day = 30")
        edit(case.project, "governance/gates.toml", "= true", "= yes")
        write(case.project, "governance/risks.toml", RISKS.replace('"G-BASE"', '"G-BASEE"'))
        write(
            case.project, "governance/incidents/one.toml", INCIDENT.replace("11:00:00Z", "11:00:00")
        )
        write(case.project, "governance/approvals/one.toml", "---\nschema: approval/1\n")
        edit(case.project, "governance/data/table.odcs.yaml", "kind: DataContract", "kind: Deal")
        found = result(case, "G-REC")
        assert found.outcome == "fail"
        lines = found.measured.splitlines()
        line = (root / "charter.toml").read_text().splitlines().index("delay_day = 30") + 1
        expected = f"{root / 'charter.toml'}:{line}: outcome.delay_day: unknown key; did you mean"
        assert any(each.startswith(expected) for each in lines)
        for said in (
            "gates.toml:9: no valid TOML: Invalid value (at line 9, column 21): TOML knows true",
            "risks.toml:13: risk.0.measures.1.gate: 'G-BASEE' is no gate; did you mean 'G-BASE'?",
            "incidents/one.toml:7: known: ",
            "TOML has no document marker; remove the line",
            "table.odcs.yaml",
        ):
            assert any(said in each for each in lines), said

    @pytest.mark.turns_red("G-REC")
    @pytest.mark.parametrize(
        ("name", "text", "said"),
        [
            (
                "risks.toml",
                RISKS.replace('{ gate = "G-BASE" }', '{ guardrail = "approvals" }'),
                "risk.0.measures.1.guardrail: 'approvals' is no guardrail of charter.toml",
            ),
            (
                "reasons.toml",
                REASONS.replace('"amount"', '"amont"'),
                "reason.0.features: 'amont' is no feature of params.yaml; did you mean 'amount'?",
            ),
            (
                "reasons.toml",
                REASONS.replace('"decline"', '"deny"'),
                "adverse: 'deny' is no action of charter.toml",
            ),
            (
                "risks.toml",
                RISKS.replace("severity = 4 }", 'severity = 4, approval = "residual-r-01" }'),
                "risk.0.residual.approval: no approval 'residual-r-01'",
            ),
            (
                "risks.toml",
                RISKS.replace(
                    "{ likelihood = 1, severity = 4 }",
                    f'{{ todo = "rate it", owner = "{OWNER}", due = 2026-11-23 }}',
                ),
                f"risk.R-01.residual: overdue since 2026-11-23 ({OWNER}): rate it",
            ),
            (
                "privacy.toml",
                PRIVACY.replace(
                    '"there are none"', '{ evidence = "reports/evaluation.json#uplift.no" }'
                ),
                "processing.transfers: ",
            ),
            ("allowed_signers", "*@bank.example ssh-ed25519 " + "A" * 60, "names nobody"),
        ],
    )
    def test_what_names_something_that_is_not_there(
        self, case: Case, name: str, text: str, said: str
    ) -> None:
        write(case.project, f"governance/{name}", text)
        found = result(case, "G-REC")
        assert found.outcome == "fail"
        assert said in found.measured
        assert f"{case.project.governance_dir / name}:" in found.measured

    @pytest.mark.turns_red("G-REC")
    def test_a_named_approval_has_to_hold(self, case: Case, owner: Person) -> None:
        named = RISKS.replace("severity = 4 }", 'severity = 4, approval = "residual_risk-r-01" }')
        write(case.project, "governance/risks.toml", named)
        path = approved(case, "residual_risk", "R-01", owner)
        assert result(case, "G-REC").outcome == "pass"
        path.write_text(path.read_text().replace("2027-11-24", "2027-11-25"))
        found = result(case, "G-REC")
        assert found.outcome == "fail"
        assert "risk.0.residual.approval: " in found.measured
        assert "was edited after it was signed" in found.measured

    def test_what_only_deserves_a_look(self, case: Case, owner: Person) -> None:
        write(case.project, "governance/risk.toml", "")
        write(case.project, "governance/approvals/one.toml.sig", "")
        approved(case, "waiver", "G-BASE", owner)
        (case.project.governance_dir / "allowed_signers").write_text("")
        soon = f'{{ todo = "say why", owner = "{OWNER}", due = 2026-12-01 }}'
        add(case.project, "governance/system.toml", f"[classification]\nreasoning = {soon}\n")
        found = result(case, "G-REC")
        assert found.outcome == "warn"
        for said in (
            "risk.toml:1: nothing reads this file; did you mean risks.toml?",
            "one.toml.sig:1: signs no file",
            f"by.email: {OWNER} has no key",
            "classification.reasoning: due on 2026-12-01",
        ):
            assert said in found.measured


class TestOwner:
    """G-OWNER."""

    @pytest.mark.turns_red("G-OWNER")
    def test_an_owner_at_an_example_domain(self, case: Case) -> None:
        found = result(case, "G-OWNER")
        assert found.outcome == "fail"
        assert f"governance/system.toml identity.owner is {OWNER}" in found.measured

    @pytest.mark.turns_red("G-OWNER")
    def test_a_role_at_an_example_domain(self, case: Case) -> None:
        for name in ("charter.toml", "governance/system.toml"):
            edit(case.project, name, OWNER, "ana@bank.eu")
        assert result(case, "G-OWNER").outcome == "pass"
        add(case.project, "governance/system.toml", '[roles]\nrisk = ["who@example.com"]\n')
        assert "roles.risk is who@example.com" in result(case, "G-OWNER").measured


class TestRisks:
    """G-RISK."""

    def judged(self, case: Case, old: str = "", new: str = "") -> GateResult:
        assert old in RISKS
        write(case.project, "governance/risks.toml", RISKS.replace(old, new, 1) if old else RISKS)
        return result(case, "G-RISK")

    def test_risks_that_are_held_down(self, case: Case) -> None:
        assert self.judged(case).outcome == "pass"

    def test_without_a_record(self, case: Case) -> None:
        assert result(case, "G-RISK").outcome == "not_assessed"

    @pytest.mark.turns_red("G-RISK")
    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("review_by = 2027-12-31", "review_by = 2026-11-23", "R-01: its review was due on"),
            (
                RISKS[RISKS.index("measures") : RISKS.index("residual")],
                "",
                "R-01: level 12, and no",
            ),
            ("{ likelihood = 1, severity = 4 }", "{ likelihood = 5, severity = 5 }", "left (25)"),
            ("{ likelihood = 1, severity = 4 }", "{ likelihood = 2, severity = 4 }", "nobody with"),
            (
                "{ likelihood = 1, severity = 4 }",
                '{ not_applicable = "nothing is left of it" }',
                "R-01: level 12, so what is left has to be rated",
            ),
            (
                "{ likelihood = 1, severity = 4 }",
                f'{{ todo = "rate it", owner = "{OWNER}", due = 2999-01-01 }}',
                f"still to be rated by {OWNER}",
            ),
            (
                "{ likelihood = 1, severity = 4 }",
                '{ evidence = "reports/nowhere.json#residual" }',
                "R-01: what is left is for people to rate",
            ),
            ('source = "misuse"', 'source = "data"', "no risk of misuse"),
        ],
    )
    def test_risks_that_are_not(self, case: Case, old: str, new: str, said: str) -> None:
        found = self.judged(case, old, new)
        assert found.outcome == "fail"
        assert said in found.measured

    def test_what_is_left_is_accepted_with_a_key(self, case: Case, owner: Person) -> None:
        self.judged(case, "{ likelihood = 1, severity = 4 }", "{ likelihood = 2, severity = 4 }")
        approved(case, "residual_risk", "R-01", owner)
        assert result(case, "G-RISK").outcome == "pass"

    @pytest.mark.turns_red("G-RISK")
    def test_a_waived_gate_holds_nothing_down(self, case: Case, owner: Person) -> None:
        human = '    { human = "officers look at every tenth decision" },\n'
        assert self.judged(case, human, "").outcome == "pass"
        approved(case, "waiver", "G-BASE", owner)
        assert "R-01: level 12, and no measure that works" in result(case, "G-RISK").measured

    def test_the_minimal_tier_needs_none(self, case: Case) -> None:
        edit(case.project, "governance/system.toml", "decides_about_people", "internal")
        assert result(case, "G-RISK").outcome == "not_applicable"


class TestPrivacy:
    """G-PRIVACY."""

    def test_an_approved_assessment(self, case: Case, owner: Person) -> None:
        write(case.project, "governance/privacy.toml", PRIVACY)
        approved(case, "dpia", "credit", owner)
        assert result(case, "G-PRIVACY").outcome == "pass"

    @pytest.mark.turns_red("G-PRIVACY")
    def test_an_assessment_that_changed_since(self, case: Case, owner: Person) -> None:
        write(case.project, "governance/privacy.toml", PRIVACY)
        approved(case, "dpia", "credit", owner)
        edit(case.project, "governance/privacy.toml", "days = 1825", "days = 3650")
        assert "nobody with a key approved" in result(case, "G-PRIVACY").measured

    @pytest.mark.turns_red("G-PRIVACY")
    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("", "", "nobody with a key approved the assessment (dpia of credit)"),
            (PRIVACY[PRIVACY.index("[assessment]") :], "", "there is no [assessment]"),
            (
                '"there are none"',
                f'{{ todo = "which", owner = "{OWNER}", due = 2999-01-01 }}',
                "still to do: processing.transfers",
            ),
            (
                '"there are none"',
                '{ evidence = "reports/none.json#transfers" }',
                "still to do: processing.transfers",
            ),
        ],
    )
    def test_what_is_missing(self, case: Case, old: str, new: str, said: str) -> None:
        text = PRIVACY.replace(old, new, 1) if old else PRIVACY
        write(case.project, "governance/privacy.toml", text)
        found = result(case, "G-PRIVACY")
        assert found.outcome == "fail"
        assert said in found.measured

    def test_without_a_record(self, case: Case) -> None:
        assert result(case, "G-PRIVACY").outcome == "not_assessed"

    @pytest.mark.turns_red("G-PRIVACY")
    def test_special_categories_need_a_basis(self, case: Case) -> None:
        edit(case.project, "governance/system.toml", '"personal"', '"special"')
        write(case.project, "governance/privacy.toml", PRIVACY)
        assert "GDPR Art 9" in result(case, "G-PRIVACY").measured

    def test_the_minimal_tier_is_told_of_work_left(self, case: Case) -> None:
        edit(case.project, "governance/system.toml", "decides_about_people", "internal")
        todo = f'{{ todo = "which", owner = "{OWNER}", due = 2999-01-01 }}'
        text = PRIVACY.replace('"there are none"', todo)
        write(case.project, "governance/privacy.toml", text)
        assert result(case, "G-PRIVACY").outcome == "warn"

    def test_no_personal_data(self, case: Case) -> None:
        edit(case.project, "governance/system.toml", '"personal"', '"none"')
        assert result(case, "G-PRIVACY").outcome == "not_applicable"


class TestRoles:
    """G-ROLES."""

    def test_a_block_that_agrees(self, case: Case) -> None:
        write(case.project, ".github/CODEOWNERS", "# ours\n" + codeowners_block(case.project))
        assert result(case, "G-ROLES").outcome == "pass"

    @pytest.mark.turns_red("G-ROLES")
    def test_roles_that_changed(self, case: Case) -> None:
        write(case.project, ".github/CODEOWNERS", codeowners_block(case.project))
        add(case.project, "governance/system.toml", f'[roles]\nrisk = ["{RISK}"]\n')
        found = result(case, "G-ROLES")
        assert found.outcome == "fail"
        assert f"differs first in: /governance/ {RISK}" in found.measured
        assert found.remedy == "uv run keel govern render"

    @pytest.mark.turns_red("G-ROLES")
    def test_a_rule_below_that_asks_others(self, case: Case) -> None:
        block = codeowners_block(case.project)
        write(case.project, ".github/CODEOWNERS", f"{block}* @attacker\n")
        found = result(case, "G-ROLES")
        assert found.outcome == "fail"
        assert "'* @attacker', below the block" in found.measured

    @pytest.mark.turns_red("G-ROLES")
    def test_a_block_that_lost_its_end(self, case: Case) -> None:
        lines = codeowners_block(case.project).strip().splitlines()
        write(case.project, ".github/CODEOWNERS", "\n".join(lines[:-1]) + "\n")
        assert result(case, "G-ROLES").outcome == "fail"

    def test_a_file_kept_by_hand(self, case: Case) -> None:
        write(case.project, ".github/CODEOWNERS", "* @bank/team\n")
        assert result(case, "G-ROLES").outcome == "warn"

    def test_no_file(self, case: Case) -> None:
        assert result(case, "G-ROLES").outcome == "not_assessed"


def test_the_days_come_from_the_case(case: Case) -> None:
    write(case.project, "governance/risks.toml", RISKS)
    late = given(case, now=NOW + timedelta(days=500), project=load_project(case.project.root))
    (one,) = [each for each in GATES if each.id == "G-RISK"]
    assert "its review was due on 2027-12-31" in one.run(late).measured
