"""What judges a model was settled before; it can be made again; its commit is known."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cases import given

from modelkeel.data.digest import sha256_file
from modelkeel.governance.evidence.statements import write_statement
from modelkeel.governance.gates import GATES, Case, GateResult
from modelkeel.model.lineage import lineage_of
from modelkeel.records.approvals import Approval

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def run(case: Case, name: str) -> GateResult:
    return next(gate for gate in GATES if gate.id == name).run(case)


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@bank.example", *arguments]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(root: Path, message: str = "work") -> str:
    git(root, "add", "charter.toml", "governance")
    git(root, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(root, "rev-parse", "HEAD")


def edit(case: Case, name: str, old: str, new: str) -> None:
    path = case.project.root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def made_from(case: Case, code_commit: str | None, *, dirty: bool = False) -> Case:
    """The same case with another commit in its manifest, and with records read anew."""
    changes = {"code_commit": code_commit, "code_dirty": dirty}
    manifest = case.bundle.manifest.model_copy(update=changes)
    project = replace(case.project)
    fresh = Case(project, NOW)
    return given(fresh, bundle=replace(case.bundle, manifest=manifest))


@pytest.fixture
def committed(case: Case) -> tuple[Case, str]:
    root = case.project.root
    git(root, "init", "--quiet")
    return case, commit(root)


# --- G-PRIOR -----------------------------------------------------------------------------------


def test_thresholds_as_they_were(committed: tuple[Case, str]) -> None:
    case, made = committed
    assert run(made_from(case, made), "G-PRIOR").outcome == "pass"


def test_a_tighter_threshold_needs_nobody(committed: tuple[Case, str]) -> None:
    case, made = committed
    edit(case, "governance/gates.toml", "max_loss_to_linear = 0.05", "max_loss_to_linear = 0.01")
    edit(case, "charter.toml", "at_least = 0.1", "at_least = 0.2")
    assert run(made_from(case, made), "G-PRIOR").outcome == "pass"


@pytest.mark.turns_red("G-PRIOR")
def test_a_threshold_loosened_after_the_run(committed: tuple[Case, str]) -> None:
    case, made = committed
    edit(case, "governance/gates.toml", "max_loss_to_linear = 0.05", "max_loss_to_linear = 0.5")
    for _ in range(2):  # committed afterwards or not
        found = run(made_from(case, made), "G-PRIOR")
        assert found.outcome == "fail"
        assert "baseline.max_loss_to_linear 0.05 -> 0.5" in found.measured
        commit(case.project.root, "loosen")


@pytest.mark.turns_red("G-PRIOR")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("at_least = 0.1", "at_least = 0.05", "target.at_least 0.1 -> 0.05"),
        ("2999-12-31", "3000-12-31", "target.by"),
        ("amount = -2.0", "amount = -1.0", "value.payoff approve/0 -2 -> -1"),
        ('policy = "approve"', 'policy = "decline"', "baseline.policy approve -> decline"),
        ("delay_days = 30", "delay_days = 60", "outcome (label="),
    ],
)
def test_a_charter_that_asks_less(
    committed: tuple[Case, str], old: str, new: str, said: str
) -> None:
    case, made = committed
    edit(case, "charter.toml", old, new)
    found = run(made_from(case, made), "G-PRIOR")
    assert found.outcome == "fail"
    assert said in found.measured


def approval(case: Case, **changes: Any) -> Approval:
    root = case.project.root
    fields: dict[str, Any] = {
        "schema": "approval/1",
        "kind": "thresholds",
        "decision": "approve",
        "subject": {
            "name": "gates.toml",
            "digest": sha256_file(root / "governance" / "gates.toml"),
        },
        "statement": "agreed in the meeting of the risk committee",
        "by": {"email": "risk@bank.example", "role": "risk"},
        "given": date(2026, 11, 20),
        "expires": date(2027, 2, 1),
        "inputs": {"charter.toml": sha256_file(root / "charter.toml")},
    }
    return Approval.model_validate(fields | changes)


def test_an_approval_lets_a_looser_threshold_stand(committed: tuple[Case, str]) -> None:
    case, made = committed
    edit(case, "governance/gates.toml", "max_loss_to_linear = 0.05", "max_loss_to_linear = 0.5")
    edit(case, "charter.toml", "at_least = 0.1", "at_least = 0.05")
    approved = given(made_from(case, made), _approvals=[approval(case)])
    found = run(approved, "G-PRIOR")
    assert found.outcome == "pass"
    assert "approved by risk@bank.example" in found.measured


@pytest.mark.turns_red("G-PRIOR")
def test_an_approval_of_other_thresholds(committed: tuple[Case, str]) -> None:
    case, made = committed
    before = approval(case)
    edit(case, "governance/gates.toml", "max_loss_to_linear = 0.05", "max_loss_to_linear = 0.5")
    assert run(given(made_from(case, made), _approvals=[before]), "G-PRIOR").outcome == "fail"
    edit(case, "charter.toml", "at_least = 0.1", "at_least = 0.05")
    blind = approval(case, inputs={})  # of the gates, but not of this charter
    assert run(given(made_from(case, made), _approvals=[blind]), "G-PRIOR").outcome == "fail"


@pytest.mark.turns_red("G-PRIOR")
def test_thresholds_that_the_commit_does_not_have(committed: tuple[Case, str]) -> None:
    case, _ = committed
    root = case.project.root
    git(root, "rm", "--quiet", "--cached", "governance/gates.toml")
    git(root, "commit", "--quiet", "-m", "without")
    found = run(made_from(case, git(root, "rev-parse", "HEAD")), "G-PRIOR")
    assert found.outcome == "fail"
    assert "does not have governance/gates.toml" in found.measured


def test_outside_git_nothing_is_known(case: Case) -> None:
    for name in ("G-PRIOR", "G-COMMIT"):
        found = run(made_from(case, None), name)
        assert found.outcome == "not_assessed"
        assert "not made from a commit" in found.measured


def test_a_commit_that_this_clone_does_not_have(committed: tuple[Case, str]) -> None:
    case, _ = committed
    for unknown in ("0" * 40, "--output=x"):
        found = run(made_from(case, unknown), "G-PRIOR")
        assert found.outcome == "not_assessed"
        assert "git has no commit" in found.measured


# --- G-COMMIT ----------------------------------------------------------------------------------


def test_a_commit_of_the_history(committed: tuple[Case, str]) -> None:
    case, made = committed
    commit(case.project.root, "later")
    assert run(made_from(case, made), "G-COMMIT").outcome == "pass"


@pytest.mark.turns_red("G-COMMIT")
def test_a_commit_with_changes_beside_it(committed: tuple[Case, str]) -> None:
    case, made = committed
    found = run(made_from(case, made, dirty=True), "G-COMMIT")
    assert found.outcome == "fail"
    assert "uncommitted changes" in found.measured


def test_code_that_is_in_no_commit_counts_as_a_change(committed: tuple[Case, str]) -> None:
    project = committed[0].project
    git(project.root, "add", "--all")
    commit(project.root)
    (project.root / "notes.md").write_text("the model does not read it\n")
    assert not lineage_of(project).code_dirty
    (project.root / "src").mkdir(exist_ok=True)
    (project.root / "src" / "features.py").write_text("EXTRA = 1\n")
    assert lineage_of(project).code_dirty


@pytest.mark.turns_red("G-COMMIT")
def test_a_commit_of_another_branch(committed: tuple[Case, str]) -> None:
    case, made = committed
    root = case.project.root
    git(root, "checkout", "--quiet", "-b", "aside")
    aside = commit(root, "aside")
    git(root, "checkout", "--quiet", "--detach", made)
    found = run(made_from(case, aside), "G-COMMIT")
    assert found.outcome == "fail"
    assert "not in the history of HEAD" in found.measured


# --- G-REPRO -----------------------------------------------------------------------------------


def reproduced(case: Case, *, difference: float = 0.0, days: int = 1) -> GateResult:
    predicate = {
        "time": (NOW - timedelta(days=days)).isoformat(),
        "largest_difference": difference,
        "rows": 100,
        "golden_rows": 20,
    }
    write_statement(case.project, case.bundle.digest, "reproduction", "test", predicate)
    return run(Case(case.project, NOW), "G-REPRO")


def test_a_model_that_was_made_again(case: Case) -> None:
    assert reproduced(case).outcome == "pass"


@pytest.mark.turns_red("G-REPRO")
def test_a_second_training_that_gave_another_model(case: Case) -> None:
    found = reproduced(case, difference=0.02)
    assert found.outcome == "fail"
    assert "2.0e-02" in found.measured


@pytest.mark.turns_red("G-REPRO")
def test_a_second_training_long_ago(case: Case) -> None:
    found = reproduced(case, days=31)
    assert found.outcome == "fail"
    assert found.remedy == "run `uv run keel model assess --reproduce`"


@pytest.mark.turns_red("G-REPRO")
def test_a_second_training_that_lies_ahead(case: Case) -> None:
    found = reproduced(case, days=-400)
    assert (found.outcome, "lies in the future" in found.measured) == ("fail", True)


def test_nobody_trained_again(case: Case) -> None:
    found = run(case, "G-REPRO")
    assert found.outcome == "not_assessed"
    assert found.remedy == "run `uv run keel model assess --reproduce`"
