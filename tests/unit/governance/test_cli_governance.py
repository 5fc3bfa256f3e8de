"""The verbs that govern: forms, exit codes, errors that a person can act on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from modelkeel.cli_governance import KindName
from modelkeel.governance.gates import Case
from modelkeel.model.keys import SIGNING_KEY, make_key, public_key_path
from modelkeel.project import Project
from modelkeel.records.approvals import Kind


def keel(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "modelkeel.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "PYTHONUTF8": "1"},
    )


def test_check_of_a_project_that_is_not_ready(case: Case) -> None:
    done = keel(case.project.root, "check", "--html", "reports/readiness.html")
    assert done.returncode == 3, done.stderr
    assert "NOT READY" in done.stdout
    assert done.stderr == ""
    page = (case.project.reports_dir / "readiness.html").read_text(encoding="utf-8")
    assert "Not ready" in page


@pytest.mark.parametrize("form", [["--json"], ["--format", "json"], ["--format", "sarif"]])
def test_forms_for_machines(case: Case, form: list[str]) -> None:
    done = keel(case.project.root, "check", *form)
    assert done.returncode == 3
    record = json.loads(done.stdout)
    assert record.get("schema") == "readiness/1" or record["version"] == "2.1.0"


def test_the_signing_key_of_the_environment(
    case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    private = tmp_path_factory.mktemp("keys") / "model.key"
    public = public_key_path(case.project)
    public.parent.mkdir()
    make_key(private, public)
    monkeypatch.setenv(SIGNING_KEY, str(private))
    done = keel(case.project.root, "check", "--json", "--stage", "release")
    assert "the key given is" in done.stdout


def test_every_kind_of_approval_can_be_given() -> None:
    assert get_args(KindName) == get_args(Kind)  # written twice, since records load slowly


def test_annotations(case: Case) -> None:
    done = keel(case.project.root, "check", "--format", "github", "--stage", "pull_request")
    assert done.returncode == 3
    assert all(line.startswith(("::error ", "::warning ")) for line in done.stdout.splitlines())
    assert "title=G-CI" in done.stdout


def test_a_stage_that_nothing_blocks(case: Case) -> None:
    done = keel(case.project.root, "check", "--stage", "start_up")
    assert (done.returncode, done.stderr) == (0, "")
    assert "READY" in done.stdout


def test_check_of_a_repository_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import mlflow\n")
    done = keel(tmp_path, "check")
    assert done.returncode == 3
    assert "keel adopt --dry-run" in done.stdout
    assert keel(tmp_path, "check", "--format", "sarif").returncode == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "nowhere"], "nowhere: no such folder"),
        (["check", "--stage", "never"], "never"),
        (["approve", "release", "credit", "--as", "a@b.io"], "--role"),
        (
            [
                *("approve", "release", "credit", "--as", "a@b.io", "--role", "risk"),
                *("--key", "k", "--expires", "soon"),
            ],
            "--expires soon",
        ),
        (["charter", "value", "rows.csv", "--column", "outcome"], "no ROLE=NAME"),
        (["charter", "value", "rows.csv"], "rows.csv"),
        (["check", "--json", "--format", "sarif"], "--json and --format sarif"),
        (["model", "verify", "models/bundle", "--heal"], "--heal is about the champion"),
        (["model", "rollback", "--drill", "--to", "0" * 12], "--drill practises"),
    ],
)
def test_usage_that_cannot_be_worked_with(
    project: Project, arguments: list[str], said: str
) -> None:
    done = keel(project.root, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.modelkeel\n")
    done = keel(tmp_path, "check")
    assert done.returncode == 2
    assert "no valid TOML" in done.stderr


def test_lock_obligations_and_schemas(project: Project) -> None:
    assert keel(project.root, "govern", "lock").stdout == "governance/obligations.lock\n"
    assert "AIA-" in keel(project.root, "govern", "obligations").stdout
    assert json.loads(keel(project.root, "govern", "obligations", "--json").stdout)["duties"]
    assert ".schemas/charter.json" in keel(project.root, "govern", "schemas").stdout


def test_render_and_drift(case: Case) -> None:
    root = case.project.root
    stale = keel(root, "govern", "render", "--check")
    assert stale.returncode == 3
    assert "governance/obligations.lock" in stale.stderr
    assert "keel govern render" in stale.stderr
    assert str(root) not in stale.stderr
    done = keel(root, "govern", "render")
    assert (done.returncode, done.stderr) == (0, "")
    assert "docs/governance/model-card.md" in done.stdout
    assert keel(root, "govern", "render", "--check").returncode == 0
    card = root / "docs/governance/model-card.md"
    card.write_text(card.read_text(encoding="utf-8") + "more\n", encoding="utf-8")
    assert keel(root, "govern", "render", "--check").returncode == 3


def test_print(case: Case) -> None:
    done = keel(case.project.root, "govern", "print")
    assert (done.returncode, done.stderr) == (0, "")
    assert (case.project.root / done.stdout.strip()).is_file()
