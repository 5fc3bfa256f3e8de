"""What a repository says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelkeel.update.detect import detect


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_a_replay_of_cookiecutter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    context = {"project_name": "Stock levels", "repo_name": "stock", "email": "b@firm.org"}
    write(
        tmp_path / "home/.cookiecutter_replay",
        {"ccds.json": json.dumps({"cookiecutter": context}), "other.json": "{}"},
    )
    found = detect(write(tmp_path / "stock", {"a.py": ""}))
    assert (found.kind, found.template) == ("cookiecutter", "ccds")
    assert found.guesses["project_name"].value == "Stock levels"
    assert found.guesses["owner_email"].why == "~/.cookiecutter_replay/ccds.json: email"


@pytest.mark.parametrize(
    ("files", "name", "email"),
    [
        (
            {"pyproject.toml": '[project]\nname = "a-b"\nauthors = [{email = "x@y.org"}]\n'},
            "A b",
            "x@y.org",
        ),
        (
            {"pyproject.toml": '[tool.poetry]\nname = "p"\nauthors = ["X <x@y.org>"]\n'},
            "P",
            "x@y.org",
        ),
        ({"setup.cfg": "[metadata]\nname = s\nauthor_email = x@y.org\n"}, "S", "x@y.org"),
        ({"README.md": "text\n\n# Late payers\n"}, "Late payers", "git@firm.org"),
        ({"README.rst": "Late\n====\n"}, "Late", "git@firm.org"),
        ({"setup.py": "import os; setup(name=os.name)"}, "Folder", "git@firm.org"),
        ({"pyproject.toml": "broken = = "}, "Folder", "git@firm.org"),
    ],
)
def test_names(tmp_path: Path, files: dict[str, str], name: str, email: str) -> None:
    found = detect(write(tmp_path / "folder", files), email="git@firm.org")
    assert found.guesses["project_name"].value == name
    assert found.guesses["owner_email"].value == email


def test_dependencies_of_every_kind(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "numpy>=1  # n\n-r other.txt\n\n",
        "requirements-dev.txt": "pytest\n",
        "environment.yml": "dependencies:\n- pandas=1.2\n- pip:\n  - dvc\n",
        "Pipfile": '[packages]\nflask = "*"\n',
        "setup.py": "setup(name='x', install_requires=['click'])",
    }
    found = detect(write(tmp_path / "x", files))
    assert found.dependencies == ["pytest", "numpy>=1", "pandas=1.2", "dvc", "flask", "click"]
    assert found.requirements[:2] == ["requirements-dev.txt", "requirements.txt"]


def test_code_is_read_and_not_run(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "source": "import xgboost\nXGBRegressor().fit(X, y)\n"}
    files = {
        "train.py": "raise SystemExit\nimport torch\nloss.backward()\n",
        "look.ipynb": json.dumps({"cells": [cell, {"cell_type": "markdown", "source": "x"}]}),
        "use.py": "import sklearn\n",
        "venv/pyvenv.cfg": "",
        "venv/lib/sklearn.py": "import sklearn\nm.fit(1)\n",
        "weights/model.h5": "",
        "data/table.h5": "",
        "data/big.csv.dvc": "",
    }
    found = detect(write(tmp_path / "x", files)).survey
    assert found.training == {"look.ipynb": ["xgboost"], "train.py": ["torch"]}
    assert found.models == ["weights/model.h5"]
    assert found.data == ["data/big.csv.dvc", "data/table.h5"]
    assert found.task == "regression"


@pytest.mark.parametrize("text", ["", "\n", "a", "y\n1\n", 'y;"x\n'])
def test_odd_tables_are_no_trouble(tmp_path: Path, text: str) -> None:
    assert detect(write(tmp_path / "x", {"a.csv": text})).survey.data == ["a.csv"]
