"""Migrations: found, ordered, run apart, taken back when they refuse or fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelkeel.errors import KeelError, Refused
from modelkeel.update.apply import update
from modelkeel.update.migrations import Migration, Stopped
from modelkeel.update.outcome import Outcome
from modelkeel.update.resume import continue_update, undo

from .conftest import Lab, commit, git, state, write
from .scenarios import lines, put

MODULE = 'FROM = "{0}"\nTO = "{1}"\n\ndef migrate(repo):\n    {2}\n'


def module(first: str, last: str, body: str) -> str:
    return MODULE.format(first, last, body.replace("\n", "\n    "))


@pytest.fixture
def repo(lab: Lab) -> Path:
    lab.release("v1.0.0", {"f.txt": lines("f"), "src/old.py": "import keel.old\n\nx = 1\n"})
    made = lab.generate()
    write(made, {"src/mine.py": "from keel.old import a  # mine\nimport keel.older\n"})
    commit(made)
    return made


def test_they_run_in_order_and_once_each(lab: Lab, repo: Path) -> None:
    one = module(
        "1.0", "2.0.0", 'repo.write("log.txt", "one\\n")\nrepo.move("src/old.py", "src/new.py")'
    )
    two = module(
        "1.0",
        "2.1.0",
        'repo.write("log.txt", repo.read("log.txt") + "two\\n")\n'
        'repo.rename_import("keel.old", "keel.fresh")\nrepo.note("look at src/")',
    )
    later = module("1.0", "3.0.0", 'repo.write("log.txt", "three")')
    done_before = module("0.1", "1.0.0", 'repo.write("log.txt", "zero")')
    folder = "hooks/migrations"
    lab.release(
        "v2.1.0",
        {f"{folder}/v2_1.py": two, f"{folder}/v2_0.py": one, f"{folder}/v3.py": later,
         f"{folder}/v1.py": done_before, f"{folder}/__init__.py": '"""Docs."""\n',
         "template/f.txt": put(lines("f"), 2, "theirs")},
        raw=True,
    )  # fmt: skip
    before = state(repo)
    plan = update(repo, preview_only=True)
    assert plan.migrations == ["v2_0", "v2_1"]  # type: ignore[union-attr]
    done = update(repo, verify=["grep -q two log.txt"])
    assert isinstance(done, Outcome)
    assert "look at src/" in done.notes
    assert (repo / "log.txt").read_text() == "one\ntwo\n"
    assert (repo / "src/new.py").read_text() == "import keel.fresh\n\nx = 1\n"
    text = (repo / "src/mine.py").read_text()
    assert text == "from keel.fresh import a  # mine\nimport keel.older\n"
    assert "- v2_0" in git(repo, "log", "-1", "--format=%B")
    assert git(repo, "status", "--porcelain") == ""
    undo(repo)
    assert state(repo) == before


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        ('repo.write("x", "y")\nrepo.refuse("train first")', Refused, "train first"),
        ('repo.write("x", "y")\nraise ValueError("oops")', KeelError, "ValueError: oops"),
        ('repo.write("../out", "y")', Refused, "outside"),
        ("import os\nos._exit(3)", KeelError, "exit code 3"),
    ],
)
def test_a_failure_leaves_nothing(
    lab: Lab, repo: Path, body: str, error: type[KeelError], says: str
) -> None:
    lab.release("v2.0.0", {"hooks/migrations/m.py": module("1.0", "2.0", body)}, raw=True)
    before = state(repo)
    with pytest.raises(error, match=says):
        update(repo, verify=())
    assert state(repo) == before


def test_a_repository_that_is_too_old(lab: Lab, repo: Path) -> None:
    lab.release("v2.0.0", {"hooks/migrations/m.py": module("1.5", "2.0", "pass")}, raw=True)
    with pytest.raises(Refused, match=r"starts from 1\.5"):
        update(repo)


@pytest.mark.parametrize("code", ["FROM = 1\n", "TO = '2.0'\n", "FROM = '1'\nTO = '2.0'\n", "(("])
def test_a_module_that_is_not_usable(lab: Lab, repo: Path, code: str) -> None:
    lab.release("v2.0.0", {"hooks/migrations/m.py": code}, raw=True)
    with pytest.raises(KeelError, match="hooks/migrations/m"):
        update(repo)


def test_answers_are_mapped_before_rendering(lab: Lab, repo: Path) -> None:
    config = (lab.template / "copier.yml").read_text().replace("name:", "title:")
    code = module("1.0", "2.0", "pass") + (
        "\ndef answers(old):\n    return {'title': old['name'].upper()}\n"
    )
    lab.release(
        "v2.0.0",
        {
            "copier.yml": config,
            "hooks/migrations/m.py": code,
            "template/t.txt.jinja": "{{ title }}\n",
        },
        raw=True,
    )
    update(repo, verify=())
    assert (repo / "t.txt").read_text() == "DEMO\n"
    assert "title: DEMO" in (repo / ".copier-answers.yml").read_text()


def test_with_conflicts_they_run_when_those_are_settled(lab: Lab, repo: Path) -> None:
    write(repo, {"f.txt": put(lines("f"), 2, "mine")})
    commit(repo)
    code = module("1.0", "2.0", 'repo.replace("f.txt", "both", "migrated")')
    lab.release(
        "v2.0.0",
        {"hooks/migrations/m.py": code, "template/f.txt": put(lines("f"), 2, "theirs")},
        raw=True,
    )
    before = state(repo)
    assert update(repo, verify=["grep -q migrated f.txt"]).exit_code == 4
    write(repo, {"f.txt": put(lines("f"), 2, "both")})
    git(repo, "add", "f.txt")
    with pytest.raises(Refused, match="does not pass"):
        continue_update(repo, verify=["false"])
    continue_update(repo)
    assert "migrated" in (repo / "f.txt").read_text()
    assert git(repo, "status", "--porcelain") == ""
    undo(repo)
    assert state(repo) == before


def test_helpers_can_run_twice(tmp_path: Path) -> None:
    repo = Migration(tmp_path)
    write(tmp_path, {"a.py": "import old\n", "bad.py": "((\n", "d/x": "1", ".copier-answers.yml":
                     "# head\n_commit: v1\nname: 'x'\n"})  # fmt: skip
    assert repo.move("d/x", "e/x")
    assert not repo.move("d/x", "e/x")
    assert repo.rename_import("old", "new.name") == ["a.py"]
    assert repo.rename_import("old", "new.name") == []
    assert "bad.py" in repo.notes[0]
    assert repo.replace("a.py", "new.name", "other")
    assert not repo.replace("a.py", "new.name", "other")
    repo.set_answer("more", 1)
    repo.set_answer("more", 1)
    assert repo.read(".copier-answers.yml") == "# head\n_commit: v1\nname: 'x'\nmore: 1\n"
    repo.write("y", "<<<<<<< yours\n")
    assert repo.conflicted(["y", "a.py", "none"]) == ["y"]
    with pytest.raises(Stopped, match="already"):
        repo.move("a.py", "y")


def test_files_of_the_project_follow_with_the_edits_kept(lab: Lab) -> None:
    code = lines("code")
    lab.release("v1.0.0", {"src/a.txt": code, "src/b.txt": code, "src/c.txt": code})
    repo = lab.generate()
    write(repo, {"src/b.txt": put(code, 15, "mine"), "src/c.txt": None})
    commit(repo)
    follow = module("1.0", "2.0.0", 'repo.follow("src/*.txt")')
    new = {f"template/src/{name}.txt": put(code, 3, "theirs") for name in "abc"}
    lab.release("v2.0.0", {"hooks/migrations/v2.py": follow, **new}, raw=True)
    assert update(repo, verify=()).exit_code == 0  # type: ignore[union-attr]
    assert (repo / "src/a.txt").read_text() == put(code, 3, "theirs")
    assert (repo / "src/b.txt").read_text() == put(put(code, 3, "theirs"), 15, "mine")
    assert not (repo / "src/c.txt").exists()


def test_files_of_the_project_follow_together_or_not_at_all(lab: Lab) -> None:
    code = lines("code")
    lab.release("v1.0.0", {"src/a.txt": code, "src/b.txt": code})
    repo = lab.generate()
    write(repo, {"src/b.txt": put(code, 3, "mine")})
    commit(repo)
    follow = module("1.0", "2.0.0", 'repo.follow("src/*.txt")')
    new = {f"template/src/{name}.txt": put(code, 3, "theirs") for name in "ab"}
    lab.release("v2.0.0", {"hooks/migrations/v2.py": follow, **new}, raw=True)
    done = update(repo, verify=())
    assert isinstance(done, Outcome)
    assert any("src/b.txt" in note for note in done.notes)
    assert (repo / "src/a.txt").read_text() == code
    assert (repo / "src/b.txt").read_text() == put(code, 3, "mine")
