"""Cookiecutter's way in asks the same and ends in a repository that Copier can update."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import rendering
import yaml
from conftest import commit, run_git
from rendering import QUESTIONS, ROOT

ASKED = json.loads((ROOT / "cookiecutter.json").read_text(encoding="utf-8"))


def cookiecutter(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cookiecutter", "--no-input", *arguments]
    return subprocess.run(command, cwd=cwd, check=False, capture_output=True, encoding="utf-8")


def copier(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "copier", *arguments]
    return subprocess.run(command, cwd=cwd, check=False, capture_output=True, encoding="utf-8")


def test_the_questions_agree() -> None:
    assert [key for key in ASKED if not key.startswith("_") and key != "project_slug"] == list(
        QUESTIONS
    )
    prompts = ASKED["__prompts__"]
    for name, details in QUESTIONS.items():
        asked, prompt = ASKED[name], prompts[name]
        if details.get("multiselect"):
            choices = list(details["choices"].values())
            assert asked == ", ".join(details["default"])
            assert prompt.startswith(details["help"])
            assert ", ".join(choices) in prompt
        elif "choices" in details:
            assert [value for value in asked if value != "default"] == list(
                details["choices"].values()
            )
            # "default" leaves it to Copier, where the default follows from the task.
            assert asked[0] == ("default" if "{{" in details["default"] else details["default"])
            labels = {value: text for text, value in details["choices"].items()}
            assert prompt["__prompt__"] == details["help"]
            assert {k: v for k, v in prompt.items() if k not in ("__prompt__", "default")} == labels
        else:
            assert asked.replace("cookiecutter.", "") == details["default"]
            assert prompt == details["help"]


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_same_tree_as_copier(task: str, released: Path, tmp_path: Path) -> None:
    done = cookiecutter(released.parent, "-o", str(tmp_path / "out"), "./modelkeel", f"task={task}")
    assert done.returncode == 0, done.stderr
    (root,) = (tmp_path / "out").iterdir()
    copied = copier(released, "copy", "-q", "--defaults", "-d", f"task={task}", ".", "../by copier")
    assert copied.returncode == 0, copied.stderr
    assert rendering.tree(root) == rendering.tree(released.parent / "by copier")
    assert root.name == {"classification": "credit-risk", "regression": "bike-demand"}[task]
    assert "git init" in done.stdout


@pytest.mark.parametrize("how", ["relative", "absolute", "url"])
def test_it_can_be_updated(how: str, released: Path, tmp_path: Path) -> None:
    given = {
        "relative": "../modelkeel",
        "absolute": str(released),
        "url": released.as_uri().replace("file:", "git+file:"),
    }[how]
    out = tmp_path / "out"
    name = "project_name=Ünïcode & Co's"
    done = cookiecutter(
        released, "-o", str(out), given, name, "jurisdictions=UK, CA", "domain=none"
    )
    assert done.returncode == 0, done.stderr
    root = out / "unicode-co-s"
    answers = yaml.safe_load((root / rendering.ANSWERS_FILE).read_text(encoding="utf-8"))
    assert answers["_src_path"] == (given if how == "url" else str(released))
    assert answers["_commit"] == "v0.1.0"
    assert answers["jurisdictions"] == ["UK", "CA"]
    assert answers["domain"] == "none"
    run_git(root, "init", "--quiet")
    (root / ".dvc" / "config.local").unlink()
    commit(root, "First")
    (released / "template" / "NEW.txt").write_text("new\n")
    commit(released, "Two")
    run_git(released, "tag", "v0.2.0")
    updated = copier(root, "update", "--defaults")
    assert updated.returncode == 0, updated.stderr
    assert (root / "NEW.txt").read_text() == "new\n"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("owner_email=nobody", 'owner_email: "nobody" is no e-mail address'),
        ("project_name=json", "project_name: the package would be `json`"),
        ("jurisdictions=Mars", "Mars"),
        ("jurisdictions=", "jurisdictions: choose at least one"),
    ],
)
def test_a_bad_answer_leaves_no_folder(answer: str, told: str, plain: Path, tmp_path: Path) -> None:
    done = cookiecutter(tmp_path, "-o", str(tmp_path / "out"), str(plain), answer)
    assert done.returncode != 0
    first = next(line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert told in first
    assert list((tmp_path / "out").iterdir()) == []
