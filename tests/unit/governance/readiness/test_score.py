"""The ML Test Score counts what gates passed and what people signed, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from results import result

from modelkeel.governance.gates import GATES, Case
from modelkeel.governance.gates.gate import Outcome
from modelkeel.governance.readiness.score import SECTIONS, bands, score_of
from modelkeel.records.approvals import Approval

ITEMS = {item.id for items in SECTIONS.values() for item in items}


def points(case: Case, *results: object) -> dict[str, tuple[float, str]]:
    score = score_of(case, list(results))  # type: ignore[arg-type]
    return {
        each.item.id: (each.points, each.why) for items in score.sections.values() for each in items
    }


def test_there_are_28_items_in_four_sections() -> None:
    assert [len(items) for items in SECTIONS.values()] == [7, 7, 7, 7]
    assert len(ITEMS) == 28


def test_gates_name_only_items_that_there_are() -> None:
    named = {name for gate in GATES for name in gate.maps if name.startswith("MTS")}
    assert named <= {f"MTS {item}" for item in ITEMS}


def test_an_item_without_a_gate_says_what_it_needs(case: Case) -> None:
    assert points(case)["O6"] == (0, "no gate: needs monitoring of time and memory")


@pytest.mark.parametrize(
    ("outcomes", "expected", "why"),
    [
        (["pass"], 1, "passed: G-0"),
        (["pass", "warn"], 1, "passed: G-0, G-1"),
        (["pass", "fail"], 0, "G-1 fail"),
        (["pass", "not_assessed"], 0, "G-1 not assessed"),
        (["waived"], 0, "G-0 waived"),
        (["pass", "not_applicable"], 1, "passed: G-0"),
        (["not_applicable"], 0, "not asked of this project; would need a contract"),
    ],
)
def test_an_item_counts_when_all_of_its_gates_passed(
    case: Case, outcomes: list[Outcome], expected: float, why: str
) -> None:
    results = [result(f"G-{at}", outcome, maps=("MTS D1",)) for at, outcome in enumerate(outcomes)]
    assert points(case, *results)["D1"] == (expected, why)


def test_what_had_nothing_to_compare_with_counts_nothing(case: Case) -> None:
    results = [replace(result("G-0", "warn", maps=("MTS D1",)), assessed=False)]
    assert points(case, *results)["D1"] == (0, "G-0 had nothing to compare with")


def test_a_signed_manual_check_counts_a_half(case: Case) -> None:
    approval = Approval.model_validate(
        {
            "schema": "approval/1",
            "kind": "manual_check",
            "decision": "approve",
            "subject": {"name": "MTS D2"},
            "statement": "I left out one feature at a time.",
            "by": {"email": "ada@bank.io", "role": "data_science"},
            "given": date(2026, 11, 1),
            "expires": date(2027, 1, 1),
        }
    )
    vars(case)["_approvals"] = [approval]
    found = points(case, result("G-0", maps=("MTS D1",)))
    assert found["D2"][0] == 0.5
    assert "ada@bank.io" in found["D2"][1]
    assert found["D1"][0] == 1
    assert found["D3"][0] == 0


def test_the_weakest_section_is_the_total(case: Case) -> None:
    names = [
        f"MTS {item.id}" for name, items in SECTIONS.items() if name != "Model" for item in items
    ]
    score = score_of(case, [result("G-0", maps=(*names, "MTS M1", "MTS M5"))])
    assert (score.overall, score.weakest) == (2, ["Model"])
    assert score.sum("Data") == 7
    assert score.meaning.startswith("a first pass")


@pytest.mark.parametrize(
    ("overall", "words"),
    [
        (0, "research"),
        (0.5, "tested in places"),
        (1, "tested in places"),
        (1.5, "a first pass"),
        (3, "reasonably"),
        (5, "strong"),
        (5.5, "exceptional"),
        (7, "exceptional"),
    ],
)
def test_the_bands(overall: float, words: str) -> None:
    ((_, told, _),) = [band for band in bands(overall) if band[2]]
    assert told.startswith(words)
