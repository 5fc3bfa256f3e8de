"""The checks of this repository.

`uv run nox` runs what needs no root; `uv run nox -s NAME -- …` runs one and hands the rest on.
"""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv"
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "tests", "template", "docs", "e2e"]

PINS = ("-c", "constraints.txt")
LIBRARY = (*PINS, "-e", ".[data,train,serve,govern,update]")


def _pytest(session: nox.Session, *defaults: str) -> None:
    session.run("pytest", *(session.posargs or defaults))


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and imports that point down."""
    session.install(*PINS, "-e", ".", "--group", "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """mypy in strict mode over the library and this file."""
    session.install(*LIBRARY, "--group", "types")
    session.run("mypy", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Fast tests of the library; `-- tests/unit -m slow` runs those that kill and fill disks."""
    session.install(*LIBRARY, "--group", "test")
    _pytest(session, "tests/unit", "-n", "auto", "-m", "not slow")


@nox.session
def template(session: nox.Session) -> None:
    """Every question, a pairwise matrix of answers, and the CI files that are generated.

    `-- -F` renders the defaults only, `-- -FF` adds each answer flipped alone.
    """
    session.install(*LIBRARY, "--group", "test", "--group", "template")
    session.run("pytest", "tests/template", "-n", "auto", *session.posargs)


@nox.session
def e2e(session: nox.Session) -> None:
    """Generated repositories, installed and run for real; `-- -m integration` adds a browser."""
    session.install(*LIBRARY, "--group", "test", "--group", "template")
    # A file stays with one process: its tests share a repository that takes a minute to make.
    usual = ("-m", "not integration", "-n", "2", "--dist", "loadfile")
    session.run("pytest", "tests/e2e", *(session.posargs or usual))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; warnings are errors."""
    session.install(*PINS, "-e", ".[update]", "--group", "docs")
    session.run("mkdocs", "build", "--strict", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Time the first prediction, rendering, updates, data checks and serving, beside others."""
    session.install(*LIBRARY)
    for name in ("first_prediction", "render", "update", "data", "serving"):
        session.run("python", f"bench/{name}.py", *session.posargs)


@nox.session
def pins(session: nox.Session) -> None:
    """Write the tested versions anew: the newest releases that fit together.

    constraints.txt holds those of generated repositories; `tool.uv.constraint-dependencies` in
    pyproject.toml those that `uv run keel` and `uv run nox` need here.
    """
    session.install("copier>=9.10", "tomlkit", "uv")
    with tempfile.TemporaryDirectory() as folder:
        repo = Path(folder, "repo")
        session.run("copier", "copy", "--defaults", "--quiet", ".", str(repo))
        theirs = _compile(session, Path(folder), _requirements(repo / "pyproject.toml"))
        ours = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
        own = [*ours["project"]["dependencies"], *ours["dependency-groups"]["dev"]]
        own += ours["project"]["optional-dependencies"]["update"]
        tools = _compile(session, Path(folder), [o for o in own if not o.startswith("modelkeel")])
    head = "# Versions that were tested together, for generated repositories. Made by: nox -s pins"
    Path("constraints.txt").write_text("\n".join([head, *theirs]) + "\n", encoding="utf-8")
    session.run("python", "-c", _SET_PINS, *tools)


_SET_PINS = """
import pathlib, sys, tomlkit
path = pathlib.Path("pyproject.toml")
document = tomlkit.parse(path.read_text(encoding="utf-8"))
pins = tomlkit.array(repr(sys.argv[1:])).multiline(True)
document["tool"]["uv"]["constraint-dependencies"] = pins
path.write_text(tomlkit.dumps(document), encoding="utf-8")
"""


def _compile(session: nox.Session, folder: Path, requirements: list[str]) -> list[str]:
    wanted = folder / "requirements.in"
    wanted.write_text("\n".join(requirements), encoding="utf-8")
    options = ("--no-header", "--no-annotate", "--no-config", "--upgrade", "--quiet")
    found = session.run(
        "uv", "pip", "compile", "--universal", "--python-version=3.11", *options, str(wanted),
        silent=True,
    )  # fmt: skip
    return [line for line in str(found).splitlines() if "==" in line]


def _requirements(generated: Path) -> list[str]:
    """What a generated repository and this library ask for, without each other."""
    theirs = tomllib.loads(generated.read_text(encoding="utf-8"))
    ours = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [each for group in theirs["dependency-groups"].values() for each in group]
    asked += ours["dependencies"]
    asked.append("dvc[s3]")
    for name in ("data", "govern", "postgres", "s3", "serve", "train", "update"):
        asked += ours["optional-dependencies"][name]
    texts = [each for each in asked if isinstance(each, str)]
    return sorted({each for each in texts if not each.startswith("modelkeel")})
