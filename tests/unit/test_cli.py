"""The command: verbs, exit codes, and what it does not import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelkeel.project import Project


def keel(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "modelkeel.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1"},
    )


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, modelkeel.cli\n"
        "heavy = {'polars', 'numpy', 'mlflow', 'copier', 'fastapi', 'pydantic', 'yaml', 'rich'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert keel(tmp_path, "--help").returncode == 0


def test_version(tmp_path: Path) -> None:
    assert keel(tmp_path, "--version").stdout.startswith("modelkeel 0.")


def test_charter_check(project: Project) -> None:
    done = keel(project.root, "charter", "check", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tier"] == "high"


def test_contract_check(project: Project) -> None:
    done = keel(project.root, "contract", "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "40 of 40 rows" in done.stdout


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("\n1,10.5", "\n1,much", 3, "row 2, column amount: 'much' is no number"),
        ("risk,", "riks,", 2, "lacks the target column 'risk'"),
    ],
)
def test_bad_data_ends_with_its_code_and_a_remedy(
    project: Project, old: str, new: str, code: int, said: str
) -> None:
    text = (project.root / "data/source/table.csv").read_text()
    (project.root / "data/source/table.csv").write_text(text.replace(old, new, 1))
    done = keel(project.root, "contract", "check")
    assert done.returncode == code
    assert said in done.stderr
    assert "remedy: " in done.stderr
    assert "Traceback" not in done.stderr


def test_outside_a_project(tmp_path: Path) -> None:
    done = keel(tmp_path, "charter", "check")
    assert done.returncode == 2
    assert "no modelkeel project" in done.stderr
    assert "keel new" in done.stderr


def test_an_unknown_verb_is_usage(tmp_path: Path) -> None:
    assert keel(tmp_path, "fly").returncode == 2
