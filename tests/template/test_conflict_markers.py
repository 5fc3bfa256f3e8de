"""What CI runs first refuses a tree that holds conflict markers, wherever they stand."""

import functools
import importlib.util
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import rendering
from conftest import commit, run_git

pytestmark = pytest.mark.filterwarnings("ignore:The session .* has already been registered")

MARKERS = "<<<<<<< yours\none\n=======\ntwo\n>>>>>>> template v9.9.9\n"
FILES = (
    "README.md",
    "src/credit_risk/features.py",
    "pyproject.toml",
    "dvc.yaml",
    ".gitignore",
    ".github/workflows/ci.yml",
    "reviewed/new.txt",
)


class Refused(Exception):
    pass


class Session:
    """Runs for real the command that looks for markers, and notes the others."""

    posargs: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.said = ""

    def run(self, *command: str, success_codes: Sequence[int] = (0,)) -> None:
        self.commands.append(command[0])
        if command[0] != "git":
            return
        done = subprocess.run(command, check=False, capture_output=True, encoding="utf-8")
        self.said = done.stdout + done.stderr
        if done.returncode not in success_codes:
            raise Refused(self.said)


@functools.cache
def noxfile(root: Path) -> Any:
    """The noxfile of a rendered repository."""
    spec = importlib.util.spec_from_file_location("rendered_noxfile", root / "noxfile.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lint(root: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Run its session `lint`."""
    monkeypatch.chdir(root)
    session = Session()
    noxfile(root).lint(session)
    return session


@pytest.fixture(scope="module", params=["in git", "without git"])
def rendered(
    request: pytest.FixtureRequest, plain: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    root = rendering.render(plain, tmp_path_factory.mktemp("lint") / "x", {})
    if request.param == "in git":
        run_git(root, "init", "--quiet")
        commit(root, "First")
    return root


def test_a_clean_tree_passes(rendered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = lint(rendered, monkeypatch)
    assert session.said == ""
    assert session.commands[0] == "git"
    assert len(session.commands) > 5


@pytest.mark.parametrize("name", FILES)
def test_markers_are_refused(name: str, rendered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = rendered / name
    before = path.read_bytes() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((before or b"") + MARKERS.encode())
    try:
        with pytest.raises(Refused, match=re.escape(name)):
            lint(rendered, monkeypatch)
    finally:
        path.unlink() if before is None else path.write_bytes(before)


@pytest.mark.parametrize("host", rendering.values("ci_host"))
def test_ci_runs_that_session_on_every_change(host: str, plain: Path, tmp_path: Path) -> None:
    root = rendering.render(plain, tmp_path / "x", {"ci_host": host})
    ci = root / {"github": ".github/workflows/ci.yml", "gitlab": ".gitlab-ci.yml"}[host]
    assert "uv run nox -s lint\n" in ci.read_text(encoding="utf-8")
