"""Repositories made once by the real command, shared by all tests that do not change them."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from generated import HOSTS, TASKS, Repo, clean_environment, keel, put_back


@pytest.fixture(scope="session")
def env(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Environment of every command: an empty HOME, uv's cache as it is."""
    return clean_environment(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def make(env: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Repo]:
    """Gives the repository of a task, taken to its first prediction when first asked for."""
    made: dict[str, Repo] = {}
    # A path with a space, a dot and a letter outside ASCII has to work like any other.
    places = {"classification": "credit-risk", "regression": "Büro v1.2/bike demand"}

    def of(task: str) -> Repo:
        if task not in made:
            folder = tmp_path_factory.mktemp(task)
            answers = ("-d", f"task={task}", "-d", f"ci_host={HOSTS[task]}")
            options = ("--defaults", "--run", "--json")
            done = keel(folder, env, "new", places[task], *answers, *options)
            made[task] = Repo(folder / places[task], task, env, json.loads(done.stdout))
        return made[task]

    return of


@pytest.fixture(scope="session", params=TASKS)
def repo(request: pytest.FixtureRequest, make: Callable[[str], Repo]) -> Repo:
    """The repository of each task, to look at."""
    return make(request.param)


@pytest.fixture(scope="session")
def credit(make: Callable[[str], Repo]) -> Repo:
    """The repository for classification, to look at."""
    return make("classification")


@pytest.fixture
def changeable(credit: Repo, tmp_path: Path) -> Iterator[Repo]:
    """The repository for classification, to change; it is set right afterwards."""
    with put_back(credit, tmp_path / "as it was") as repo:
        yield repo
