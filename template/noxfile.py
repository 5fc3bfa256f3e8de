"""The checks of this repository.

`uv run nox` runs all of them in order, `uv run nox -s NAME` one of them; what follows `--` goes to
the tool. They run in the project's own environment, the one that `uv sync` makes.
"""

import os
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "types", "pipeline", "tests", "documents", "notebook"]

# Folders at the top that tools write: not ours to check.
WRITTEN = {".cache", ".dvc", ".git", ".venv", "mlartifacts", "mlruns", "models", "reports"}


def _files(*endings: str) -> list[str]:
    """The files with these endings, found without git: there may be no repository yet."""
    found: list[str] = []
    for folder, inner, names in os.walk("."):
        skipped = WRITTEN if folder == "." else set[str]()
        inner[:] = [name for name in inner if name not in skipped and not name.endswith("_cache")]
        found += [str(Path(folder, name)) for name in names if name.endswith(endings)]
    return sorted(found)


@nox.session
def lint(session: nox.Session) -> None:
    """Conflict markers, style, the charter, notebooks, data formats, secrets; changes nothing."""
    # The lines that it finds are what is left of a merge; it exits with 1 when there are none.
    find = ("git", "grep", "--no-index", "--exclude-standard", "-nIE", "^(<{7}|>{7})( |$)")
    session.run(*find, success_codes=[1])
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")
    session.run("keel", "charter", "check")
    if notebooks := _files(".ipynb"):
        session.run("nbstripout", "--verify", *notebooks)
    session.run("check-toml", *_files(".toml"))
    session.run("check-yaml", *_files(".yaml", ".yml"))
    text = (".ipynb", ".json", ".md", ".py", ".toml", ".yaml", ".yml")
    session.run("detect-secrets-hook", "--baseline", ".secrets.baseline", *_files(*text))


@nox.session
def types(session: nox.Session) -> None:
    """The types of what `[tool.mypy]` in pyproject.toml names."""
    session.run("mypy", *session.posargs)


@nox.session
def pipeline(session: nox.Session) -> None:
    """Run the stages whose inputs changed, from the source data to the bundle."""
    session.run("dvc", "repro", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Test the code, the data contract, the model's behaviour and the API."""
    session.run("pytest", *(session.posargs or ["--junitxml=reports/junit.xml"]))


@nox.session
def documents(session: nox.Session) -> None:
    """What is rendered from records and evidence is up to date; `keel govern render` writes it."""
    session.run("keel", "govern", "render", "--check", *session.posargs)


@nox.session
def notebook(session: nox.Session) -> None:
    """Execute the notebooks, leaving the files as they are."""
    notebooks = session.posargs or _files(".ipynb")
    if not notebooks:
        session.skip("there are no notebooks")
    session.run("jupyter-execute", *notebooks)
