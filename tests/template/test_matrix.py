"""Every answer flipped alone, and every pair of answers: each render is whole and sound."""

import os
import tomllib
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import checks
import pytest
import rendering
import workflow_checks
from rendering import Answers, label

FLIPS = rendering.one_flips()
PAIRS = rendering.pairwise()
DOCUMENTATION = (".md",)


class Once:
    """Runs a check once for each digest of what it reads; the same files give the same findings."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[str]] = {}

    def __call__(
        self, check: Callable[[Path], list[str]], root: Path, read: tuple[str, ...], also: str = ""
    ) -> list[str]:
        paths = sorted({p for pattern in read for p in root.glob(pattern) if p.is_file()})
        key = (check.__name__, rendering.digest(root, paths) + also)
        if key not in self._found:
            self._found[key] = check(root)
        return self._found[key]


@pytest.fixture(scope="session")
def once() -> Once:
    return Once()


@pytest.fixture(scope="session")
def mypy_cache() -> Path:
    """Kept between runs, so that the library is not checked anew; one for each worker."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    return rendering.ROOT / ".cache" / f"mypy-of-renders-{worker}"


@pytest.fixture(scope="session")
def defaults(
    plain: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[str, bytes]]:
    """The tree of each task with every other answer at its default."""
    trees: dict[str, dict[str, bytes]] = {}

    def of(task: str) -> dict[str, bytes]:
        if task not in trees:
            folder = tmp_path_factory.mktemp("default") / "x"
            trees[task] = rendering.tree(rendering.render(plain, folder, {"task": task}))
        return trees[task]

    return of


def findings(root: Path, answers: Answers, once: Once, mypy_cache: Path) -> list[str]:
    def mypy(root: Path) -> list[str]:
        return checks.mypy(root, mypy_cache)

    python = ("**/*.py", "**/*.ipynb")
    tools = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    settings = repr([tools.get(name) for name in ("ruff", "mypy")])
    ci = (".github/workflows/*", ".gitlab-ci.yml", "renovate.json", ".pre-commit-config.yaml")
    given = [value for value in answers.values() if isinstance(value, str)]
    return [
        *checks.parse(root),
        *checks.names(root),
        *checks.leftovers(root, [value for value in given if value in rendering.TEXTS.values()]),
        *checks.links(root),
        *checks.records(root),
        *once(checks.ruff, root, python, settings),
        *once(mypy, root, python, settings),
        *workflow_checks.json_files(root),
        *workflow_checks.codeowners(root),
        *once(workflow_checks.findings, root, ci),
    ]


@pytest.mark.parametrize("task", rendering.values("task"))
def test_defaults(task: str, plain: Path, tmp_path: Path, once: Once, mypy_cache: Path) -> None:
    root = rendering.render(plain, tmp_path / "x", {"task": task})
    assert findings(root, {"task": task}, once, mypy_cache) == []


@pytest.mark.parametrize("answers", FLIPS, ids=label)
def test_one_answer_flipped(
    answers: Answers,
    plain: Path,
    tmp_path: Path,
    once: Once,
    mypy_cache: Path,
    defaults: Callable[[str], dict[str, bytes]],
) -> None:
    root = rendering.render(plain, tmp_path / "x", answers)
    assert findings(root, answers, once, mypy_cache) == []
    (name, value) = next((k, v) for k, v in answers.items() if k != "task")
    if value == _default(name, answers["task"]):
        return
    before, after = defaults(answers["task"]), rendering.tree(root)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    told = {p for p in changed if not p.endswith(DOCUMENTATION) and p != rendering.ANSWERS_FILE}
    assert told, f"{name}={value} changes nothing but documentation: {sorted(changed)}"


@pytest.mark.parametrize("answers", PAIRS, ids=label)
def test_pairs_of_answers(
    answers: Answers, plain: Path, tmp_path: Path, once: Once, mypy_cache: Path
) -> None:
    root = rendering.render(plain, tmp_path / "x", answers)
    assert findings(root, answers, once, mypy_cache) == []


def test_the_tasks_differ(defaults: Callable[[str], dict[str, bytes]]) -> None:
    assert defaults("classification") != defaults("regression")


def test_the_matrix_has_every_pair() -> None:
    names = list(rendering.QUESTIONS)
    wanted = {
        (a, repr(x), b, repr(y))
        for a, b in combinations(names, 2)
        for x in rendering.values(a)
        for y in rendering.values(b)
    }
    found = {
        (a, repr(row.get(a)), b, repr(row.get(b)))
        for row in PAIRS
        for a, b in combinations(names, 2)
    }
    assert wanted <= found


def _default(name: str, task: str) -> Any:
    by_task = {
        "output_use": {"classification": "decides_about_people", "regression": "internal"},
        "domain": {"classification": "credit", "regression": "none"},
        "personal_data": {"classification": "personal", "regression": "none"},
    }
    if name in by_task:
        return by_task[name][task]
    return rendering.QUESTIONS[name]["default"]
