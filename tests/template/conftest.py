"""Templates to render from, as they occur: a plain folder, and a git checkout."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import rendering

IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.com")


@pytest.fixture(autouse=True, scope="session")
def _apart(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An empty HOME, and no git or Copier settings of the machine."""
    home = tmp_path_factory.mktemp("home")
    os.environ["HOME"] = str(home)
    os.environ["COPIER_CACHE_DIR"] = str(home / "copier")
    os.environ["COPIER_SETTINGS_PATH"] = str(home / "settings.yml")
    (home / "settings.yml").write_text("{}\n")
    os.environ["GIT_CONFIG_NOSYSTEM"] = "1"
    for name in ("XDG_CONFIG_HOME", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        os.environ.pop(name, None)


def run_git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *IDENTITY, *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    return done.stdout.strip()


@pytest.fixture(scope="session")
def git() -> Callable[..., str]:
    """Runs git in a folder."""
    return run_git


def commit(folder: Path, message: str) -> str:
    run_git(folder, "add", "--all")
    run_git(folder, "commit", "--quiet", "--message", message)
    return run_git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a folder that git does not know."""
    return rendering.copy_parts(tmp_path_factory.mktemp("plain") / "modelkeel")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The template as a git checkout with one commit and no tag."""
    folder = rendering.copy_parts(tmp_path / "template source" / "modelkeel")
    run_git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "One")
    return folder


@pytest.fixture
def released(checkout: Path) -> Path:
    """The same with the tag v0.1.0."""
    run_git(checkout, "tag", "v0.1.0")
    return checkout
