"""The command: verbs, exit codes, and what it does not import."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelkeel import cli
from modelkeel.model.files import write_json
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


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk: No space left on device"),
        (OSError(errno.ENOSPC, "No space left", "a", None, "b"), "b: No space left"),
        (OSError(errno.EROFS, "Read-only file system", "a/b"), "a/b: Read-only file system"),
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), "a/b: Permission denied"),
        (shutil.Error([("x", "a/b", "[Errno 28] No space left")]), "a/b: [Errno 28] No space"),
    ],
)
def test_a_disk_that_takes_nothing_is_told(
    problem: OSError,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ends_with(problem, monkeypatch) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"error: {said}")
    assert "remedy: make room on the disk" in told


@pytest.mark.parametrize(
    "problem",
    [
        FileNotFoundError(errno.ENOENT, "No such file or directory", "a/b"),
        PermissionError(errno.EACCES, "Permission denied"),  # of a port
        OSError("of a library"),
        shutil.Error("of a library"),
    ],
)
def test_a_defect_keeps_its_traceback(problem: OSError, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(type(problem)):
        ends_with(problem, monkeypatch)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_a_full_disk_names_the_file() -> None:
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        write_json(Path("/dev/full"), {}, "champion.json")


def ends_with(problem: OSError, monkeypatch: pytest.MonkeyPatch) -> object:
    """The exit code when a verb meets a problem."""

    def verb() -> None:
        raise problem

    monkeypatch.setattr(cli, "app", verb)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code
