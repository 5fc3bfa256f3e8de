"""What is run, what blocks, what comes next, and where to look."""

from __future__ import annotations

from dataclasses import replace

import pytest
from results import MIXED, NOW, answer, result

from modelkeel.governance.gates import GATES, Case, GateResult
from modelkeel.governance.gates.gate import STAGES
from modelkeel.governance.readiness import check
from modelkeel.governance.readiness.places import Place, place_of
from modelkeel.governance.readiness.steps import command_in, next_step
from modelkeel.project import Project


def test_each_gate_is_run_once(case: Case) -> None:
    seen: list[tuple[str, int, int]] = []
    found = check(case.project, now=NOW, progress=lambda *told: seen.append(told))
    assert [each.id for each in found.results] == [gate.id for gate in GATES]
    assert [name for name, _, _ in seen] == [gate.id for gate in GATES]
    assert {of for _, _, of in seen} == {len(GATES)}
    assert [at for _, at, _ in seen] == list(range(1, len(GATES) + 1))
    assert found.bundle == case.bundle.digest
    assert found.tier == "high"


def test_only_the_stages_that_were_asked_for(case: Case) -> None:
    found = check(case.project, ("train", "pull_request"), NOW)
    assert found.stages == ("pull_request", "train")
    assert {"G-TESTS", "G-DATA"} <= {each.id for each in found.results}
    assert all(set(each.stages) & {"train", "pull_request"} for each in found.results)
    assert found.score is None


def test_without_a_run_the_pipeline_comes_first(project: Project) -> None:
    found = check(project, now=NOW)
    assert not found.ready
    assert found.bundle is None
    assert found.next is not None
    assert (found.next.gate, found.next.command) == (None, "uv run dvc repro")
    told = "".join(each.measured + each.remedy for each in found.results)
    assert str(project.root) not in told


def test_records_that_cannot_be_read_are_results(project: Project) -> None:
    for name in ("governance/system.toml", "charter.toml", "governance/gates.toml"):
        (project.root / name).write_text("schema = ", encoding="utf-8")
    found = check(project, now=NOW)
    assert not found.ready
    assert found.tier == "high"
    assert "cannot be read" in found.tier_reason
    assert str(project.root) not in found.tier_reason


def test_what_blocks_training_blocks_a_release_as_a_promotion_does() -> None:
    assert not answer(result("G-BASE"), result("G-SHIFT", "not_assessed", "train")).ready


def test_what_blocks_live_blocks_no_release() -> None:
    found = answer(result("G-BASE"), result("G-VALUE", "fail", "live"))
    assert found.ready
    assert found.holds
    assert not answer(*found.results, stages=("live",)).holds


def test_what_blocks_a_change_only_blocks_that_stage() -> None:
    results = (result("G-BASE"), result("G-TESTS", "fail", "pull_request"))
    assert answer(*results).ready
    assert not answer(*results, stages=("pull_request",)).holds


@pytest.mark.parametrize("outcome", ["fail", "not_assessed"])
def test_what_is_not_assessed_blocks(outcome: str) -> None:
    broken = replace(result("G-BASE"), outcome=outcome)  # type: ignore[arg-type]
    assert not answer(broken).ready
    assert answer(replace(broken, outcome="waived")).ready


def test_each_is_told_at_the_first_stage_that_asks_for_it() -> None:
    found = answer(*MIXED)
    told = [each.id for stage in STAGES for each in found.first_due(stage)]
    assert sorted(told) == sorted(each.id for each in MIXED)
    assert [each.id for each in found.first_due("train")] == ["G-DATA", "G-BASE"]
    assert found.counts("release") == {"fail": 1, "pass": 1, "warn": 1, "waived": 1}


@pytest.mark.parametrize(
    ("names", "first"),
    [
        (["G-SIGN", "G-FOUR", "G-BASE", "G-DATA", "G-RISK"], "G-RISK"),
        (["G-SIGN", "G-FOUR", "G-BASE", "G-DATA"], "G-DATA"),
        (["G-SIGN", "G-FOUR", "G-BASE"], "G-BASE"),
        (["G-SIGN", "G-FOUR"], "G-FOUR"),
        (["G-SIGN"], "G-SIGN"),
    ],
)
def test_the_order_of_the_steps(case: Case, names: list[str], first: str) -> None:
    step = next_step(case.project, [result(name, "fail") for name in names])
    assert step is not None
    assert step.gate == first
    assert step.command == "uv run dvc repro"


def test_a_release_comes_before_the_rest(case: Case) -> None:
    results = [result("G-TESTS", "fail", "pull_request"), result("G-SIGN", "fail")]
    step = next_step(case.project, results)
    assert step is not None
    assert step.gate == "G-SIGN"
    assert next_step(case.project, [result("G-BASE")]) is None


@pytest.mark.parametrize(
    ("remedy", "command"),
    [
        ("run `uv run dvc repro`, then commit", "uv run dvc repro"),
        ("uv run keel approve release x --key K", "uv run keel approve release x --key K"),
        ("write `governance/risks.toml`", None),
        ("ask the owner", None),
    ],
)
def test_the_command_of_a_remedy(remedy: str, command: str | None) -> None:
    assert command_in(remedy) == command


@pytest.mark.parametrize(
    ("found", "place"),
    [
        (result("G-REC", measured="charter.toml:7: x: wrong"), Place("charter.toml", 7)),
        (result("G-REC", measured="nothing.toml:7: x"), Place("governance/system.toml", 3)),
        (result("G-BASE"), Place("governance/gates.toml", 5)),
        (result("G-RISK"), Place("governance/system.toml", 1)),
        (result("G-NEW"), Place("governance/gates.toml", 1)),
        (result("G-REC", measured="../../etc/hosts.py: x"), Place("governance/system.toml", 3)),
    ],
)
def test_where_to_look(project: Project, found: GateResult, place: Place) -> None:
    assert place_of(project.root, found) == place
