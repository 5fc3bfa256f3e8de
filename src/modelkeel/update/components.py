"""Capabilities that work alone: which files of the template they are, and what they depend on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from modelkeel.errors import BadInput, Refused


@dataclass(frozen=True)
class Component:
    """A capability that a repository can take on without the rest.

    Attributes:
        about: what it brings.
        files: patterns of rendered paths; a folder ends with /, * matches within a name.
        extras: of the library, as a dependency of the project; None when it needs no library there.
        tools: what the group `dev` gets; "modelkeel" stands for the library.
        settings: does it read `[tool.modelkeel]`?
        moved: rendered paths that go elsewhere when the component stands alone.
        needs: nox sessions and files without which it does not work.
        commands: what to run afterwards, with what it does.
    """

    about: str
    files: tuple[str, ...]
    extras: tuple[str, ...] | None = None
    tools: tuple[str, ...] = ()
    settings: bool = False
    moved: tuple[tuple[str, str], ...] = ()
    needs: tuple[str, ...] = ()
    commands: tuple[tuple[str, str], ...] = ()


COMPONENTS = {
    "serving": Component(
        about="an HTTP API over the promoted model, and its tests",
        # The API names its owner and risk tier, which stand in the two records.
        files=(
            "src/*/__init__.py", "src/*/serve.py", "tests/api/", "tests/conftest.py",
            "charter.toml", "governance/system.toml",
        ),
        extras=("serve",),
        tools=("pytest", "httpx2"),
        settings=True,
        moved=(("tests/conftest.py", "tests/api/conftest.py"),),
        commands=(
            (
                "uv run uvicorn --app-dir src {package}.serve:app",
                "the API; it serves the bundle in models/champion once there is one",
            ),
        ),
    ),
    "governance": Component(
        about="the charter, the system record and the gates' thresholds",
        files=("charter.toml", "governance/system.toml", "governance/gates.toml", "params.yaml"),
        tools=("modelkeel",),
        settings=True,
        commands=(("uv run keel charter check", "checks them, and says which risk tier follows"),),
    ),
    "contract": Component(
        about="a data contract with example data, and the settings that name them",
        files=(
            "governance/data/", "governance/gates.toml", "governance/system.toml", "params.yaml",
            "charter.toml", "data/source/",
        ),
        tools=("modelkeel[data]",),
        settings=True,
        commands=(("uv run keel contract check", "checks the source table, row by row"),),
    ),
    "hooks": Component(
        about="checks at each commit: style, secrets, notebook outputs, formats",
        files=(".pre-commit-config.yaml", ".secrets.baseline"),
        tools=(
            "detect-secrets", "modelkeel", "nbstripout", "pre-commit", "pre-commit-hooks", "ruff",
        ),
        commands=(("uv run pre-commit install", "switches them on"),),
    ),
    "devcontainer": Component(
        about="a development container",
        files=(".devcontainer/",),
        commands=(("code .", "then: reopen in container"),),
    ),
    "ci": Component(
        about="the checks of a pull request",
        files=(".github/workflows/ci.yml", ".gitlab-ci.yml"),
        needs=(
            "dvc.yaml", "nox: lint", "nox: types", "nox: pipeline", "nox: tests", "nox: notebook",
        ),
        commands=(("uv run nox", "what it will run"),),
    ),
}  # fmt: skip


def choose(name: str) -> Component:
    """The component of a name.

    Raises:
        BadInput: there is none.
    """
    if name not in COMPONENTS:
        known = "; ".join(f"{key}: {each.about}" for key, each in COMPONENTS.items())
        raise BadInput(f"there is no component {name!r}", remedy=f"choose from {known}")
    return COMPONENTS[name]


def check_needs(name: str, root: Path) -> None:
    """Refuse a component that could not work in a repository.

    Raises:
        Refused: names what is missing.
    """
    file = root / "noxfile.py"
    nox = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    missing = [
        need
        for need in choose(name).needs
        if not (
            re.search(rf"^def {need[5:]}\(", nox, re.MULTILINE)
            if need.startswith("nox: ")
            else (root / need).is_file()
        )
    ]
    if missing:
        raise Refused(
            f"{name} would not work here: it needs {', '.join(missing)}",
            remedy="adopt the whole template, which has them: keel adopt",
        )


def destination(component: Component, path: str) -> str | None:
    """Where a rendered file goes when the component stands alone; None: it is no part of it."""
    if not any(_matches(pattern, path) for pattern in component.files):
        return None
    return dict(component.moved).get(path, path)


def commands(component: Component, package: str, keeper: str, needed: str) -> list[tuple[str, str]]:
    """What to run to use a component.

    Args:
        component: the component.
        package: the Python package that was rendered.
        keeper: what keeps the environment: "uv", "poetry" or "pip".
        needed: requirements to install by hand, for a shell; "" for none.
    """
    begin = (
        [] if keeper == "uv" or not needed else [(f"{keeper} install {needed}", "what it needs")]
    )
    if keeper == "poetry" and needed:
        begin = [(f"poetry add {needed}", "what it needs")]
    runner = {"uv": "uv run ", "poetry": "poetry run ", "pip": ""}[keeper]
    return begin + [
        (run.format(package=package).replace("uv run ", runner, 1), what)
        for run, what in component.commands
    ]


def package_of(paths: Iterable[str]) -> str:
    """Name of the rendered package, "" when there is none."""
    for path in paths:
        found = re.fullmatch(r"src/([^/]+)/__init__\.py", path)
        if found:
            return found[1]
    return ""


def _matches(pattern: str, path: str) -> bool:
    whole = re.escape(pattern).replace(r"\*", "[^/]*") + (".*" if pattern.endswith("/") else "")
    return re.fullmatch(whole, path) is not None
