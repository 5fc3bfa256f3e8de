"""Templates to render from, as they occur: a plain folder, and a git checkout."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import rendering

IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@example.com")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "-F",
        "--fast",
        action="count",
        default=0,
        help="template: the defaults of each task only; -FF: also each answer flipped alone",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the wanted speed leaves no time for."""
    wanted = config.getoption("fast")
    if not wanted:
        return
    left_out = {"test_pairs_of_answers"} | ({"test_one_answer_flipped"} if wanted == 1 else set())
    modules = {"test_sources", "test_cookiecutter"}
    quick = [
        item
        for item in items
        if getattr(item, "originalname", "") not in left_out and item.path.stem not in modules
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in quick])
    items[:] = quick


@pytest.fixture(autouse=True, scope="session")
def _apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty HOME, and no git or Copier settings of the machine."""
    home = tmp_path_factory.mktemp("home")
    (home / "settings.yml").write_text("{}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("COPIER_CACHE_DIR", str(home / "copier"))
        patch.setenv("COPIER_SETTINGS_PATH", str(home / "settings.yml"))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        for name in ("XDG_CONFIG_HOME", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
            patch.delenv(name, raising=False)
        yield


def run_git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *IDENTITY, *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    return done.stdout.strip()


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
