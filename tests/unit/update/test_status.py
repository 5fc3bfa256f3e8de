"""`keel status` and `keel diff`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelkeel.errors import BadInput
from modelkeel.update.apply import update
from modelkeel.update.diff import diff
from modelkeel.update.outcome import Plan
from modelkeel.update.ownership import owner_of, read_owners
from modelkeel.update.status import status

from .conftest import Lab, commit, git, state, write
from .scenarios import lines, put

OWNERS = """\
## Project

| file | what |
|---|---|
| `src/` | code |

## Template

| `ci/` | jobs |

## Shared

| `pyproject.toml` | both |
| `a.md`, `b.md` | both |
"""
TOML = '[project]\nname = "x"\n'


@pytest.fixture
def repo(lab: Lab) -> Path:
    log = "## 2.0.0\n- better\n\n## 1.0.0\n- first\n"
    lab.release(None, {"docs/reference/ownership.md": OWNERS, "CHANGELOG.md": log}, raw=True)
    lab.release(
        "v1.0.0", {"ci/jobs.txt": lines("ci"), "pyproject.toml": TOML, "src/a.py": "a = 1\n"}
    )
    made = lab.generate()
    write(made, {"pyproject.toml": TOML + "mine = 1\n", "src/a.py": "a = 2\n", "own.txt": "own\n"})
    write(made, {"ci/jobs.txt": put(lines("ci"), 3, "mine")})
    commit(made)
    return made


def test_up_to_date_needs_no_clone_the_second_time(repo: Path, lab: Lab) -> None:
    before = state(repo)
    first = status(repo)
    assert first.exit_code == 0
    assert first.drift == {"template": ["ci/jobs.txt"], "shared": ["pyproject.toml"]}
    git(lab.template, "rm", "-q", "copier.yml")  # it could not be rendered from its work tree
    assert status(repo).facts() == first.facts()
    assert state(repo) == before
    assert "Up to date." in first.to_text()


def test_behind(repo: Path, lab: Lab) -> None:
    lab.release("v1.5.0", {"n.txt": "n\n"})
    lab.release("v2.0.0", {"ci/jobs.txt": put(lines("ci"), 3, "theirs")})
    quick = status(repo, quick=True)
    assert quick.behind == ["v1.5.0", "v2.0.0"]
    assert quick.plan is None
    assert quick.exit_code == 5
    found = status(repo)
    assert found.exit_code == 4
    said = json.loads(found.to_json())
    assert said["conflicts"] == [{"path": "ci/jobs.txt", "kind": "content"}]
    assert said["changelog"] == "## 2.0.0\n- better"
    assert "ci/jobs.txt (content)" in found.to_text()
    update(repo)
    assert status(repo).waiting
    assert "--continue" in status(repo, quick=True).to_text()


def test_after_an_update_nothing_is_rendered(repo: Path, lab: Lab) -> None:
    lab.release("v2.0.0", {"n.txt": "n\n"})
    update(repo, verify=())
    found = status(repo, quick=True)
    assert found.behind == []
    assert found.drift == {"template": ["ci/jobs.txt"], "shared": ["pyproject.toml"]}


def test_diff_by_owner(repo: Path) -> None:
    found = diff(repo)
    assert [(f.path, f.owner, f.status) for f in found.files] == [
        ("ci/jobs.txt", "template", "changed"),
        ("pyproject.toml", "shared", "changed"),
        ("src/a.py", "project", "changed"),
    ]
    assert found.own == 1
    assert "+mine = 1" in found.files[1].text
    assert "# Owned by both sides" in found.to_text()
    assert [f.path for f in diff(repo, owner="shared").files] == ["pyproject.toml"]
    write(repo, {"ci/jobs.txt -> ci/mine ü.txt": None, "src/a.py": None})
    commit(repo)
    found = diff(repo)
    assert [(f.path, f.status, f.moved_to) for f in found.files] == [
        ("ci/jobs.txt", "moved", "ci/mine ü.txt"),
        ("pyproject.toml", "changed", ""),
        ("src/a.py", "deleted", ""),
    ]
    assert all(f.text.startswith("diff --git") for f in found.files)
    with pytest.raises(BadInput, match="nobody"):
        diff(repo, owner="nobody")
    assert json.loads(found.to_json())["own_files"] == 2


def test_owners() -> None:
    owners = read_owners(OWNERS)
    assert owners == {
        "src/": "project", "ci/": "template", "pyproject.toml": "shared", "a.md": "shared",
        "b.md": "shared",
    }  # fmt: skip
    assert owner_of("ci/x", owners, ()) == "template"
    assert owner_of("ci/x", owners, {"ci/x"}) == "project"
    assert owner_of("unknown", owners, ()) == "template"


def test_json_of_a_preview(repo: Path, lab: Lab) -> None:
    lab.release("v2.0.0", {"n.txt": "n\n", "ci/jobs.txt": None})
    plan = update(repo, preview_only=True)
    assert isinstance(plan, Plan)
    said = json.loads(plan.to_json())
    assert said["added"] == ["n.txt"]
    assert [note["kind"] for note in said["notes"]] == ["kept"]
    assert said["changelog"] == "## 2.0.0\n- better"
