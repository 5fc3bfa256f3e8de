"""No prohibited practice, and a tier that holds: seen green, and turned red."""

from __future__ import annotations

import pytest
from lawful import MINIMAL, OWNER, Sign, run, with_system

from modelkeel.errors import BadInput
from modelkeel.project import Project

# --- G-PROHIB


def test_a_use_that_is_no_prohibited_practice(whole: Project) -> None:
    assert run("G-PROHIB", whole).outcome == "pass"


@pytest.mark.turns_red("G-PROHIB")
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("", "missing"),
        ("prohibited = true", "a prohibited practice"),
        ('prohibited = { todo = "ask", owner = "a@b.eu", due = 2999-01-01 }', "still to do"),
        ('prohibited = { not_applicable = "we think it is fine" }', "not applicable"),
        ('prohibited = { evidence = "reports/evaluation.json#target" }', "left to a machine"),
    ],
)
def test_only_a_no_by_a_person_will_do(project: Project, answer: str, said: str) -> None:
    found = run("G-PROHIB", with_system(project, add=f"[classification]\n{answer}\n"))
    assert found.outcome == "fail"
    assert said in found.measured


def test_a_no_without_reasons_warns(project: Project) -> None:
    found = run("G-PROHIB", with_system(project, add="[classification]\nprohibited = false\n"))
    assert found.outcome == "warn"


def test_nobody_waives_a_prohibited_practice(project: Project, signed: Sign) -> None:
    with pytest.raises(BadInput, match="nobody can waive"):
        signed("waiver", "G-PROHIB")
    assert run("G-PROHIB", project).outcome == "fail"


@pytest.mark.parametrize(
    "change", [MINIMAL[0], ('jurisdictions = ["EU"]', 'jurisdictions = ["US"]')]
)
def test_where_article_5_is_not_asked_about(project: Project, change: tuple[str, str]) -> None:
    assert run("G-PROHIB", with_system(project, change)).outcome == "not_applicable"


@pytest.mark.turns_red("G-PROHIB")
@pytest.mark.parametrize(
    "change", [MINIMAL[0], ('jurisdictions = ["EU"]', 'jurisdictions = ["US"]')]
)
def test_a_prohibited_practice_is_none_the_less_for_it(
    project: Project, change: tuple[str, str]
) -> None:
    answered = with_system(project, change, add="[classification]\nprohibited = true\n")
    assert run("G-PROHIB", answered).outcome == "fail"


# --- G-TIER


def test_the_computed_tier_and_a_raised_one(project: Project) -> None:
    assert run("G-TIER", project).outcome == "pass"
    raised = with_system(project, *MINIMAL, add='[classification]\ntier = "limited"\n')
    assert run("G-TIER", raised).outcome == "pass"


@pytest.mark.turns_red("G-TIER")
def test_a_lowered_tier_takes_reasons_and_a_signature(project: Project, signed: Sign) -> None:
    lowered = f'[roles]\nrisk = ["{OWNER}"]\n[classification]\ntier = "minimal"\n'
    found = run("G-TIER", with_system(project, add=lowered))
    assert found.outcome == "fail"
    assert "No reasons" in found.measured
    reasoned = with_system(project, add='reasoning = "Only fraud is looked for, 5(b) excludes it."')
    found = run("G-TIER", reasoned)
    assert found.outcome == "fail"
    assert "keel approve classification credit --role risk" in found.remedy
    signed("classification", "credit")
    assert run("G-TIER", reasoned).outcome == "fail"
    signed("classification", "credit", "risk")
    assert run("G-TIER", reasoned).outcome == "pass"


def test_an_approval_is_of_the_record_that_was_seen(project: Project, signed: Sign) -> None:
    add = f'[roles]\nrisk = ["{OWNER}"]\n[classification]\ntier = "limited"\n'
    with_system(project, add=add + 'reasoning = "Only fraud is looked for."\n')
    signed("classification", "credit", "risk")
    assert run("G-TIER", project).outcome == "pass"
    assert run("G-TIER", with_system(project, ('"limited"', '"minimal"'))).outcome == "fail"


def test_an_unsigned_approval_lowers_nothing(project: Project, signed: Sign) -> None:
    add = '[classification]\ntier = "minimal"\nreasoning = "Only fraud is looked for."\n'
    with_system(project, add=add)
    path = signed("classification", "credit")
    path.with_name(path.name + ".sig").unlink()
    assert run("G-TIER", project).outcome == "fail"


@pytest.mark.parametrize(
    ("changes", "reasons", "said"),
    [
        ([], 'reasoning = "It only prepares."', "profiling"),
        ([MINIMAL[2]], "", "without reasons"),
        (
            [("decides_about_people", "safety_component"), MINIMAL[2]],
            'reasoning = "It only prepares."',
            "safety component",
        ),
    ],
)
def test_a_claim_of_article_6_3_that_cannot_stand(
    project: Project, changes: list[tuple[str, str]], reasons: str, said: str
) -> None:
    add = f"[classification]\nart_6_3 = true\n{reasons}\n"
    found = run("G-TIER", with_system(project, *changes, add=add))
    assert found.outcome == "fail"
    assert said in found.measured


def test_a_claim_of_article_6_3_that_may_stand(project: Project) -> None:
    add = '[classification]\nart_6_3 = true\nreasoning = "It only prepares a decision."\n'
    assert run("G-TIER", with_system(project, MINIMAL[2], add=add)).outcome == "pass"
