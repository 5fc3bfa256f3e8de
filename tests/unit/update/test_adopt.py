"""Adopting: the user's files win, the rest comes as one commit on a branch."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import yaml

from modelkeel.errors import BadInput, Refused
from modelkeel.update.adopt import EXTENDED_REF, TEMPLATE_REF, adopt
from modelkeel.update.apply import update
from modelkeel.update.outcome import Plan

from .repos import commit, git, snapshot, write

TEMPLATE = {
    "copier.yml": """\
_subdirectory: template
task: {type: str, choices: [classification, regression], default: classification}
project_name: {type: str, default: Demo, validator: "{% if '#' in project_name %}no #{% endif %}"}
decision: {type: str, default: Decide something useful.}
owner_email: {type: str, default: owner@example.com}
ci_host: {type: str, choices: [github, gitlab], default: github}
package_name: {type: str, when: false, default: "{{ project_name.lower().replace(' ', '_') }}"}
""",
    "template/{{_copier_conf.answers_file}}.jinja": "{{ _copier_answers | to_nice_yaml }}",
    "template/README.md.jinja": "# {{ project_name }}\n\nFrom the template.\n",
    "template/.gitignore": ".venv\n/models/\n",
    "template/data/README.md": "Data.\n",
    "template/charter.toml.jinja": 'task = "{{ task }}"\n',
    "template/governance/system.toml": 'x = "1"\n',
    "template/src/{{package_name}}/__init__.py": "",
    "template/src/{{package_name}}/serve.py": "app = None\n",
    "template/tests/conftest.py": "# fixtures\n",
    "template/tests/api/test_predict.py": "def test_it() -> None: ...\n",
    "template/tools/run.sh": "#!/bin/sh\necho run\n",
    "template/pyproject.toml.jinja": """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{{ package_name }}"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["modelkeel[serve]==0.2.0"]

[dependency-groups]
dev = ["pytest>=8", "httpx2>=2"]

[tool.modelkeel]
name = "{{ package_name }}"
package = "{{ package_name }}"
task = "{{ task }}"
""",
}


def changed(folder: Path, branch: str) -> str:
    """Files of the user's commit that a branch changes or deletes."""
    return git(folder, "diff", "--name-status", "--diff-filter=a", "HEAD", branch)


def on_branch(folder: Path, path: str, branch: str = "modelkeel/adopt") -> str:
    return git(folder, "show", f"{branch}:{path}")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write(tmp_path_factory.mktemp("template"), TEMPLATE)
    (folder / "template/tools/run.sh").chmod(0o755)
    commit(folder)
    git(folder, "tag", "v1.0.0")
    return folder


@pytest.fixture
def science(tmp_path: Path) -> Path:
    """A repository as cookiecutter-data-science lays it out."""
    rows = "".join(f"{n},{n * 100},{n % 2}\n" for n in range(60))
    folder = write(
        tmp_path / "churn-model",
        {
            "data/raw/customers.csv": "age,income,churn\n" + rows,
            "data/interim/.gitkeep": "",
            "data/processed/.gitkeep": "",
            "data/external/.gitkeep": "",
            "models/forest.pkl": "\x80",
            "notebooks/1-look.ipynb": json.dumps({"cells": [], "nbformat": 4}),
            "references/.gitkeep": "",
            "reports/figures/.gitkeep": "",
            "requirements.txt": "pandas==1.5  # old\nscikit-learn>=1.0\n-e .\n",
            "setup.py": "from setuptools import setup\n"
            "setup(name='churn', description='Predict who leaves us next month.',\n"
            "      author_email='ada@firm.org', install_requires=['pandas'])\n",
            "src/train_model.py": "from sklearn.ensemble import RandomForestClassifier\n"
            "model = RandomForestClassifier().fit(X, y)\n",
            "README.md": "# Churn\n",
            ".gitignore": "*.pyc\n.env\n",
        },
    )
    return commit(folder)


def test_a_data_science_layout_is_recognised_and_nothing_of_it_changes(
    science: Path, template: Path
) -> None:
    before = snapshot(science)
    done = adopt(science, template=str(template))
    assert (done.kind, done.origin) == ("cookiecutter", "cookiecutter-data-science, by its folders")
    survey = done.survey
    assert survey.data == ["data/raw/customers.csv"]
    assert survey.targets == ["data/raw/customers.csv: churn"]
    assert survey.notebooks == ["notebooks/1-look.ipynb"]
    assert survey.training == {"src/train_model.py": ["sklearn"]}
    assert survey.unsafe == ["models/forest.pkl"]
    assert done.requirements == ["requirements.txt", "setup.py"]
    assert done.dependencies == ["pandas==1.5", "scikit-learn>=1.0", "pandas"]
    answers = {answer.key: (answer.value, answer.why) for answer in done.answers}
    assert answers["project_name"] == ("Churn", "setup.py")
    assert answers["decision"] == ("Predict who leaves us next month.", "setup.py")
    assert answers["owner_email"] == ("ada@firm.org", "setup.py")
    assert answers["task"][0] == "classification"
    assert snapshot(science) == before
    assert git(science, "status", "--porcelain") == ""
    assert git(science, "branch", "--show-current").strip() == "main"
    assert changed(science, "modelkeel/adopt") == ""
    assert git(science, "rev-list", "--count", "main..modelkeel/adopt").strip() == "1"
    assert done.paths("kept") == ["README.md"]
    assert done.paths("extendable") == [".gitignore"]
    assert on_branch(science, "README.md") == "# Churn\n"
    assert git(science, "ls-tree", "modelkeel/adopt", "tools/run.sh").startswith("100755")
    # What the template would have said can be looked at and taken.
    assert on_branch(science, "README.md", TEMPLATE_REF) == "# Churn\n\nFrom the template.\n"
    taken = on_branch(science, ".gitignore", EXTENDED_REF)
    assert taken.startswith("*.pyc\n.env\n")
    assert "/models/" in taken
    text = done.to_text()
    assert "git switch modelkeel/adopt" in text
    assert "models/forest.pkl runs code" in text
    assert json.loads(done.to_json())["commit"] == done.commit


def test_what_is_adopted_says_where_it_came_from(science: Path, template: Path) -> None:
    adopt(science, template=str(template), answers={"ci_host": "gitlab"})
    answers = yaml.safe_load(on_branch(science, ".copier-answers.yml"))
    assert answers["_src_path"] == str(template)
    assert answers["_commit"] == "v1.0.0"
    assert answers["ci_host"] == "gitlab"
    git(science, "switch", "-q", "modelkeel/adopt")
    with pytest.raises(Refused, match="under the template already"):
        adopt(science, template=str(template))


def test_what_is_adopted_can_be_updated(tmp_path: Path, science: Path) -> None:
    source = commit(write(tmp_path / "template", TEMPLATE))
    git(source, "tag", "v1.0.0")
    adopt(science, template=str(source), switch=True)
    changes = {"template/tools/run.sh": "#!/bin/sh\necho more\n", "template/new.txt": "new\n"}
    commit(write(source, changes))
    git(source, "tag", "v1.1.0")
    plan = update(science, preview_only=True)
    assert isinstance(plan, Plan)
    assert (plan.added, plan.changed) == (["new.txt"], [".copier-answers.yml", "tools/run.sh"])
    assert not plan.conflicts


def test_a_second_run_goes_nowhere(science: Path, template: Path) -> None:
    adopt(science, template=str(template))
    before = snapshot(science, with_git=True)
    for dry_run in (True, False):
        with pytest.raises(Refused, match="there already"):
            adopt(science, template=str(template), dry_run=dry_run)
    assert snapshot(science, with_git=True) == before


def test_a_dry_run_says_the_same_and_writes_nothing(science: Path, template: Path) -> None:
    before = snapshot(science, with_git=True)
    dry = adopt(science, template=str(template), dry_run=True)
    assert snapshot(science, with_git=True) == before
    assert "Nothing was written" in dry.to_text()
    assert adopt(science, template=str(template)).files == dry.files


def test_additions_are_committed_when_asked_for(science: Path, template: Path) -> None:
    done = adopt(science, template=str(template), extend=True)
    assert done.paths("extended") == [".gitignore"]
    assert changed(science, "modelkeel/adopt") == "M\t.gitignore\n"
    assert on_branch(science, ".gitignore").startswith("*.pyc\n.env\n")


def test_uncommitted_work_is_untouched_to_the_byte(science: Path, template: Path) -> None:
    write(science, {"README.md": "# Mine\r\n", "charter.toml": "mine", "staged.py": "1\n"})
    git(science, "add", "staged.py")
    (science / "references/.gitkeep").unlink()
    write(science, {".gitignore": "*.pyc\n.env\n/data/\n", "data/README.md": "ignored, mine"})
    before = snapshot(science)
    status, staged = git(science, "status", "--porcelain"), git(science, "diff", "--cached")
    done = adopt(science, template=str(template), switch=True)
    assert done.switched
    assert {"charter.toml", "data/README.md"} <= {*done.paths("kept")}
    after = snapshot(science)
    assert {path: after.get(path) for path in before} == before
    assert git(science, "status", "--porcelain") == status
    assert git(science, "diff", "--cached") == staged
    git(science, "switch", "-q", "main")
    assert snapshot(science) == before


def test_a_cruft_repository_keeps_its_answers(tmp_path: Path, template: Path) -> None:
    context = {
        "project_name": "Late payers",
        "author_email": "eve@firm.org",
        "project_short_description": "Predict which invoices are paid late.",
        "_template": "https://example.org/t",
    }
    cruft = {
        "template": "https://example.org/t",
        "commit": "abc",
        "context": {"cookiecutter": context},
    }
    files = {".cruft.json": json.dumps(cruft), "late/__init__.py": "", ".gitlab-ci.yml": "a: {}\n"}
    folder = commit(write(tmp_path / "late", files))
    done = adopt(folder, template=str(template))
    assert (done.kind, done.origin) == ("cruft", "https://example.org/t")
    answers = {answer.key: answer for answer in done.answers}
    assert answers["project_name"].value == "Late payers"
    assert answers["project_name"].why == ".cruft.json: project_name"
    assert answers["owner_email"].value == "eve@firm.org"
    assert answers["decision"].value == "Predict which invoices are paid late."
    assert answers["ci_host"].value == "gitlab"


def test_another_copier_template_stays_beside_ours(tmp_path: Path, template: Path) -> None:
    theirs = "_commit: v3\n_src_path: gh:someone/else\nproject_name: 'Bad #name'\n"
    folder = commit(write(tmp_path / "other", {".copier-answers.yml": theirs}))
    done = adopt(folder, template=str(template))
    assert (done.kind, done.origin) == ("copier", "gh:someone/else")
    assert on_branch(folder, ".copier-answers.yml") == theirs
    ours = yaml.safe_load(on_branch(folder, ".copier-answers.modelkeel.yml"))
    assert ours["_src_path"] == str(template)
    # A name that the template does not take is not used.
    assert {a.key: a.why for a in done.answers}["project_name"] == "the template's default"
    assert "--answers-file .copier-answers.modelkeel.yml" in done.to_text()


def test_a_folder_without_git(tmp_path: Path, template: Path) -> None:
    cell = {
        "cell_type": "code",
        "source": ["from sklearn.linear_model import Ridge\n", "m.fit(X, y)"],
    }
    files = {
        "sales.ipynb": json.dumps({"cells": [cell]}),
        "sales.csv": "day;price\n1;2,5\n",
        "broken.ipynb": "{",
        ".env": "KEY=1",
    }
    folder = write(tmp_path / "sales forecast", files)
    before = snapshot(folder)
    dry = adopt(folder, template=str(template), dry_run=True)
    assert (dry.kind, dry.survey.task, dry.has_git) == ("plain", "regression", False)
    assert dry.survey.warnings == ["broken.ipynb could not be read"]
    with pytest.raises(BadInput, match="in no git repository") as caught:
        adopt(folder, template=str(template))
    assert "git init" in caught.value.remedy
    assert snapshot(folder, with_git=True) == before
    done = adopt(folder, template=str(template), init=True)
    assert snapshot(folder) == before
    assert ".env" not in git(folder, "ls-files")
    assert ".env stayed out of the first commit" in done.notes
    assert on_branch(folder, "charter.toml") == 'task = "regression"\n'
    assert {a.key: a.value for a in done.answers}["project_name"] == "Sales forecast"


def test_what_stands_in_the_way_is_left_alone(tmp_path: Path, template: Path) -> None:
    folder = write(tmp_path / "odd", {"readme.md": "# Mine\n", "data": "a file", "a.py": "1\n"})
    (folder / "tools").symlink_to(tmp_path)
    commit(folder)
    done = adopt(folder, template=str(template))
    notes = {file.path: file.note for file in done.files if file.what == "blocked"}
    assert notes == {
        "README.md": "by readme.md",
        "data/README.md": "by data",
        "tools/run.sh": "by tools",
    }
    assert changed(folder, "modelkeel/adopt") == ""


def test_a_project_in_a_folder_of_a_repository(tmp_path: Path, template: Path) -> None:
    top = commit(write(tmp_path / "mono", {"churn/a.py": "1\n", "other/README.md": "# O\n"}))
    done = adopt(top / "churn", template=str(template))
    assert done.branch == "modelkeel/adopt-churn"
    names = git(top, "diff", "--name-only", "HEAD", done.branch).split()
    assert names
    assert all(name.startswith("churn/") for name in names)


def test_a_hook_of_the_user_does_not_run(science: Path, template: Path) -> None:
    for name in ("pre-commit", "reference-transaction", "post-checkout", "commit-msg"):
        hook = science / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {science}/ran\nexit 1\n")
        hook.chmod(0o755)
    assert adopt(science, template=str(template)).commit
    assert not (science / "ran").exists()


def test_wrong_answers_are_named(science: Path, template: Path) -> None:
    with pytest.raises(BadInput, match="no question 'projectname'") as caught:
        adopt(science, template=str(template), answers={"projectname": "x"})
    assert caught.value.remedy == "did you mean project_name?"
    with pytest.raises(BadInput, match="project_name"):
        adopt(science, template=str(template), answers={"project_name": "a # b"})
    with pytest.raises(BadInput, match="no component 'nothing'"):
        adopt(science, template=str(template), component="nothing")
    assert "modelkeel/" not in git(science, "branch", "-a")


def test_one_component(tmp_path: Path, template: Path) -> None:
    mine = '[project]\nname = "mine"\n# ours\ndependencies = [\n    "numpy", # why\n]\n'
    folder = commit(write(tmp_path / "mine", {"pyproject.toml": mine, "tests/conftest.py": "1\n"}))
    done = adopt(folder, template=str(template), component="serving")
    assert done.branch == "modelkeel/adopt-serving"
    assert done.paths("added") == [
        "charter.toml",
        "governance/system.toml",
        "src/mine/__init__.py",
        "src/mine/serve.py",
        "tests/api/conftest.py",
        "tests/api/test_predict.py",
    ]
    text = on_branch(folder, "pyproject.toml", done.branch)
    assert all(line in text.splitlines() for line in mine.splitlines() if "numpy" not in line)
    assert '"numpy", # why' in text
    data = tomllib.loads(text)
    assert data["project"]["dependencies"] == ["numpy", "modelkeel[serve]==0.2.0"]
    assert data["dependency-groups"]["dev"] == ["pytest>=8", "httpx2>=2"]
    assert data["tool"]["modelkeel"]["package"] == "mine"
    assert "build-system" not in data
    assert (folder / "pyproject.toml").read_text() == mine
    git(folder, "switch", "-q", done.branch)
    with pytest.raises(Refused, match="there already"):
        adopt(folder, template=str(template), component="serving")
    git(folder, "switch", "-q", "main")
    git(folder, "merge", "-q", done.branch)
    git(folder, "branch", "-q", "-d", done.branch)
    again = adopt(folder, template=str(template), component="serving")
    assert again.commit == ""
    assert "nothing to add" in again.to_text()


def test_a_component_that_would_not_work_is_refused(science: Path, template: Path) -> None:
    with pytest.raises(Refused, match=r"ci would not work here: it needs dvc\.yaml, nox: lint"):
        adopt(science, template=str(template), component="ci")


def test_dependencies_that_another_tool_keeps_are_told(science: Path, template: Path) -> None:
    done = adopt(science, template=str(template), component="serving")
    commands = [command for command, _ in done.next_commands]
    assert "pip install 'modelkeel[serve]==0.2.0' 'pytest>=8' 'httpx2>=2'" in commands
    assert "uvicorn --app-dir src churn.serve:app" in commands
    assert [*tomllib.loads(on_branch(science, "pyproject.toml", done.branch))] == ["tool"]
