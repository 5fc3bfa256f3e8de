"""Each component of the real template works in a repository that has nothing else of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from modelkeel.data.check import check_source
from modelkeel.governance.charter_check import check_charter
from modelkeel.project import load_project
from modelkeel.update.adopt import adopt
from modelkeel.update.components import COMPONENTS, check_needs
from modelkeel.update.extend import extend_pyproject, keeper_of

ROOT = Path(__file__).resolve().parents[3]


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@firm.org")
    command = ["git", *identity, *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def commit(folder: Path) -> Path:
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x")
    return folder


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template of this checkout, with a release."""
    folder = tmp_path_factory.mktemp("modelkeel")
    for name in ("template", "hooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("copier.yml", "constraints.txt", "CHANGELOG.md"):
        shutil.copy(ROOT / name, folder)
    commit(folder)
    git(folder, "tag", "v9.0.0")
    return folder


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "late-payers"
    folder.mkdir()
    (folder / "model.py").write_text("print(1)\n", encoding="utf-8")
    return commit(folder)


def taken(repo: Path, template: Path, component: str | None) -> Path:
    done = adopt(repo, template=str(template), component=component, switch=True, extend=True)
    assert done.commit
    assert not done.paths("blocked")
    return repo


def test_governance(repo: Path, template: Path) -> None:
    found = check_charter(load_project(taken(repo, template, "governance")))
    assert found.owner.count("@") == 1


def test_contract(repo: Path, template: Path) -> None:
    check_source(load_project(taken(repo, template, "contract")))


def test_serving(repo: Path, template: Path) -> None:
    taken(repo, template, "serving")
    code = "import fastapi, late_payers.serve as s; print(isinstance(s.app, fastapi.FastAPI))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repo / "src", check=True, capture_output=True, text=True
    )
    assert done.stdout == "True\n"


def test_all_that_work_alone_go_together(repo: Path, template: Path) -> None:
    alone = [name for name, component in COMPONENTS.items() if not component.needs]
    for name in alone:
        taken(repo, template, name)
    project = tomllib.loads((repo / "pyproject.toml").read_text(encoding="utf-8"))
    dev = project["dependency-groups"]["dev"]
    assert [item for item in dev if item.startswith("modelkeel")] == ["modelkeel[data]"]
    assert project["project"]["dependencies"] == ["modelkeel[serve]"]
    check_charter(load_project(repo))
    check_source(load_project(repo))


def test_every_pattern_is_a_file_of_the_template(repo: Path, template: Path) -> None:
    taken(repo, template, None)
    for name, component in COMPONENTS.items():
        for pattern in component.files:
            if pattern == ".gitlab-ci.yml":
                continue
            assert [*repo.glob(pattern.rstrip("/"))], f"{name}: {pattern}"
    check_needs("ci", repo)
    check_charter(load_project(repo))
    check_source(load_project(repo))


THEIRS = """\
[build-system]
requires = ["hatchling"]
[project]
name = "x"
dependencies = ["modelkeel[serve]==1.0"]
[dependency-groups]
dev = [{ include-group = "p" }, "ruff>=1", "pytest>=8"]
[tool.hatch]
a = 1
[tool.ruff]
line-length = 100
[tool.uv]
constraint-dependencies = ["a==1", "b==2"]
"""


def test_only_what_is_missing_is_added() -> None:
    ours = (
        "# mine\n[build-system]\nrequires = ['setuptools']\n\n"
        '[project]\nname = "mine"\ndependencies = ["numpy"]  # few\n\n'
        '[dependency-groups]\ndev = ["ruff==0.1"]\n\n[tool.ruff]\nline-length = 80\n\n'
        '[tool.uv]\nconstraint-dependencies = ["a==7"]\n'
    )
    text = extend_pyproject(ours, THEIRS)
    assert text is not None
    found = tomllib.loads(text)
    assert found["build-system"]["requires"] == ["setuptools"]
    assert found["project"] == {"name": "mine", "dependencies": ["numpy", "modelkeel[serve]==1.0"]}
    assert found["dependency-groups"]["dev"][0] == "ruff==0.1"
    assert {"include-group": "p"} in found["dependency-groups"]["dev"]
    assert found["tool"] == {
        "ruff": {"line-length": 80},
        "uv": {"constraint-dependencies": ["a==7", "b==2"]},
    }
    assert text.startswith("# mine\n")
    assert extend_pyproject(text, THEIRS) is None


@pytest.mark.parametrize("ours", ["not toml = = =", '[tool.poetry]\nname = "p"\n'])
def test_what_another_tool_keeps_gets_no_project_table(ours: str) -> None:
    text = extend_pyproject(ours, THEIRS)
    assert text is None or "project" not in tomllib.loads(text)


def test_who_keeps_the_environment() -> None:
    assert keeper_of("", "") == "uv"
    assert keeper_of("", "setup.py") == "pip"
    assert keeper_of('[project]\nname = "a"\n', "setup.py") == "uv"
    assert keeper_of("[tool.poetry]\n", "") == "poetry"
