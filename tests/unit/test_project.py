from pathlib import Path

import pytest

from modelkeel.errors import BadInput
from modelkeel.project import Project, load_project


def test_found_from_a_folder_inside(project: Project) -> None:
    assert load_project(project.root / "governance" / "data").root == project.root


def test_no_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    with pytest.raises(BadInput, match=r"no pyproject\.toml with \[tool\.modelkeel\]"):
        load_project(tmp_path)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('name = "a"\npackage = "a"\n', "needs"),
        ('name = "a"\npackage = "a"\ntask = "ranking"\n', "tool.modelkeel.task is 'ranking'"),
        ("name =\n", "no valid TOML"),
    ],
)
def test_broken_settings_are_named(tmp_path: Path, table: str, said: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.modelkeel]\n{table}")
    with pytest.raises(BadInput, match=said):
        load_project(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[tool.modelkeel]\n# caf\xe9\n", r"pyproject\.toml:2: is not UTF-8"),
        (b"a = " + b"[" * 3000 + b"]" * 3000, r"pyproject\.toml: is nested too deeply"),
        (b"[tool]\nmodelkeel = 3\n", r"pyproject\.toml:2: tool\.modelkeel is 3, no table"),
        (b"tool = 3\n", r"no pyproject\.toml with \[tool\.modelkeel\]"),
        (b"[tool.modelkeel]\nname =\n", r"pyproject\.toml:2: no valid TOML"),
    ],
)
def test_a_pyproject_that_cannot_be_read(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(BadInput, match=said):
        load_project(tmp_path)


def test_charter_of_another_task(project: Project) -> None:
    path = project.root / "pyproject.toml"
    path.write_text(path.read_text().replace("classification", "regression"))
    with pytest.raises(BadInput, match="describes classification"):
        _ = load_project(project.root).charter
