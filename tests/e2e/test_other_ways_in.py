"""Without the command: Copier alone, Cookiecutter, and the other Pythons of the machine."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from generated import ROOT, Repo, copy_template, find_uv, git, plain, run

pytestmark = pytest.mark.slow

STAGES = ["ingest", "validate", "prepare", "train", "evaluate", "bundle", "document"]


def copier(cwd: Path, env: Mapping[str, str], *arguments: str) -> None:
    run([sys.executable, "-m", "copier", *arguments], cwd, env)


def test_copier_alone_outside_git(env: Mapping[str, str], tmp_path: Path) -> None:
    answers = ("-d", "task=regression")
    copier(tmp_path, env, "copy", "--defaults", *answers, str(ROOT), "out")
    repo = Repo(tmp_path / "out", "regression", env)
    assert not (repo.root / ".git").exists()
    repo.uv("sync")
    assert re.findall(r"Running stage '(\w+)'", repo.run("dvc", "repro").stdout) == STAGES
    done = repo.run("nox")
    passed = re.findall(r"Session (\w+) was successful", plain(done.stdout + done.stderr))
    assert passed == ["lint", "types", "pipeline", "tests", "documents", "notebook"]
    assert (repo.root / "models/bundle/model.onnx").is_file()


def test_cookiecutter_ends_in_what_copier_can_update(
    env: Mapping[str, str], tmp_path: Path
) -> None:
    template = copy_template(tmp_path / "template")
    git(template, env, "init", "--quiet", "--initial-branch=main")
    git(template, env, "add", "--all")
    git(template, env, "commit", "--quiet", "--message", "One")
    git(template, env, "tag", "v0.1.0")
    command = [sys.executable, "-m", "cookiecutter", "--no-input", str(template)]
    run(command, tmp_path, env)
    repo = Repo(tmp_path / "credit-risk", "classification", env)
    repo.git("init", "--quiet", "--initial-branch=main")
    (repo.root / ".dvc" / "config.local").unlink()
    repo.git("add", "--all")
    repo.git("commit", "--quiet", "--message", "First commit")

    readme = template / "template" / "README.md.jinja"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(text + "\nNewer for {{ project_name }}.\n", encoding="utf-8")
    git(template, env, "commit", "--all", "--quiet", "--message", "Two")
    git(template, env, "tag", "v0.2.0")
    copier(repo.root, env, "update", "--defaults")
    changed = repo.git("status", "--porcelain").splitlines()
    assert sorted(line.split()[-1] for line in changed) == [".copier-answers.yml", "README.md"]
    assert "Newer for Credit risk." in (repo.root / "README.md").read_text(encoding="utf-8")
    answers = yaml.safe_load((repo.root / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert answers["_commit"] == "v0.2.0"
    repo.uv("sync")
    assert repo.run("keel", "contract", "check").returncode == 0
    assert repo.run("dvc", "repro", "prepare").returncode == 0
    assert (repo.root / "data" / "train.parquet").is_file()


def find_python(version: str, env: Mapping[str, str]) -> str | None:
    """Path of an interpreter as uv finds it; pyenv's are looked at too."""
    found = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*")
    folders = [str(each / "bin") for each in found]
    path = os.pathsep.join([*folders, env["PATH"]])
    command = [find_uv(), "python", "find", "--no-project", version]
    done = run(command, ROOT, {**env, "PATH": path, "UV_PYTHON": version}, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_other_pythons(version: str, env: Mapping[str, str], tmp_path: Path) -> None:
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        pytest.skip(f"the other tests run on Python {version}")
    python = find_python(version, env)
    if python is None:
        pytest.skip(f"uv finds no Python {version} on this machine")
    copier(tmp_path, env, "copy", "--defaults", "--quiet", str(ROOT), "out")
    repo = Repo(tmp_path / "out", "classification", {**env, "UV_PYTHON": python})
    repo.uv("sync", "--python", python)
    assert repo.run("python", "--version").stdout.startswith(f"Python {version}.")
    assert re.findall(r"Running stage '(\w+)'", repo.run("dvc", "repro").stdout) == STAGES
    said = repo.run("pytest", "-q").stdout
    assert re.search(r"\d+ passed", said)
    assert "failed" not in said
