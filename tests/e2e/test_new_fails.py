"""`keel new` that cannot be done: what is told, what is left, and how to go on."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from generated import Repo, copy_template, git, keel, run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("owner_email=nobody", "owner_email"),
        ("project_name=json", "project_name"),
        ("project_name=???", "project_name"),
        ("jurisdictions=Mars", "jurisdictions"),
    ],
)
def test_a_bad_answer_writes_nothing(
    answer: str, told: str, env: Mapping[str, str], tmp_path: Path
) -> None:
    done = keel(tmp_path, env, "new", "out", "--defaults", "-d", answer, check=False)
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert told in line
    assert done.stderr.count("remedy: ") == 1
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_destination_in_use_is_left_alone(env: Mapping[str, str], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine", encoding="utf-8")
    done = keel(tmp_path, env, "new", "out", "--defaults", "--run", "--json", check=False)
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert told["status"] == "failed"
    assert told["error"]["exit_code"] == 2
    assert "mine.txt" in told["error"]["message"]
    assert told["error"]["remedy"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_a_failing_stage_is_named_and_can_be_resumed(
    env: Mapping[str, str], tmp_path: Path
) -> None:
    template = copy_template(tmp_path / "template")
    stage = template / "template/src/{{package_name}}/sources.py"
    good = stage.read_text(encoding="utf-8")
    begin = "def main() -> None:\n"
    assert good.count(begin) == 1
    broken = f'{begin}    raise OSError("the disk is made of cheese")\n'
    stage.write_text(good.replace(begin, broken), encoding="utf-8")
    options = ("--template", str(template), "--defaults", "--run")
    done = keel(tmp_path, env, "new", "out", *options, check=False)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "`uv run dvc repro` ended with exit code" in line
    assert "the disk is made of cheese" in done.stderr
    assert "failed to reproduce 'ingest'" in done.stderr
    (remedy,) = re.findall(r"^remedy: mend that, then: (.*)$", done.stderr, re.MULTILINE)
    root = tmp_path / "out"
    assert git(root, env, "rev-list", "--count", "HEAD") == "1"
    assert (root / ".venv").is_dir()

    (root / "src/credit_risk/sources.py").write_text(good, encoding="utf-8")
    run(["bash", "-c", remedy], tmp_path, env)
    repo = Repo(root, "classification", env)
    assert repo.versions() == {"1": ["champion"]}
    assert repo.champion.is_dir()


def test_a_failing_installation_is_named(env: Mapping[str, str], tmp_path: Path) -> None:
    stub = tmp_path / "bin" / "uv"
    stub.parent.mkdir()
    stub.write_text('#!/bin/sh\necho "error: no route to the index" >&2\nexit 7\n')
    stub.chmod(0o755)
    path = {"PATH": f"{stub.parent}:{env['PATH']}", "UV": str(stub)}
    options = ("--defaults", "--run", "--json")
    done = keel(tmp_path, {**env, **path}, "new", "out", *options, check=False)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert "`uv sync` ended with exit code 7" in told["error"]["message"]
    assert "no route to the index" in told["error"]["message"]
    assert [step["status"] for step in told["steps"]] == ["done", "done", "failed"]
    root = tmp_path / "out"
    assert told["error"]["remedy"].startswith(f"mend that, then: cd {root} && uv sync && ")
    assert git(root, env, "status", "--porcelain") == ""
    assert git(root, env, "rev-list", "--count", "HEAD") == "1"


def test_without_run_it_says_what_to_do_next(env: Mapping[str, str], tmp_path: Path) -> None:
    done = keel(tmp_path, env, "new", "out", "--defaults")
    for command in ("uv sync", "uv run dvc repro", "uv run keel model promote", "uv run uvicorn"):
        assert command in done.stdout
    assert git(tmp_path / "out", env, "status", "--porcelain") == ""
