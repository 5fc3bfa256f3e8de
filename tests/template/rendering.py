"""Renders the template in process, and names every answer there is."""

import hashlib
import shutil
from collections.abc import Iterable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import copier
import yaml

ROOT = Path(__file__).parents[2]
PARTS = (
    "copier.yml",
    "cookiecutter.json",
    "constraints.txt",
    "hooks",
    "template",
    "{{cookiecutter.project_slug}}",
)
ANSWERS_FILE = ".copier-answers.yml"
CONFIG = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
QUESTIONS: dict[str, dict[str, Any]] = {
    name: details
    for name, details in CONFIG.items()
    if not name.startswith("_") and details.get("when", True) is not False
}
# Of free text: the default, and one that needs care in TOML, YAML, Markdown and Python.
TEXTS = {
    "project_name": "Crédit & Co's Risque 2.0",
    "decision": "Say \"yes\" or 'no' to a #1 crédit: 50 % of \\ {all} | <cases>?",
    "owner_email": "o'neil+ml@sub.example.org",
}
DEFAULT = None

Answers = dict[str, Any]


def values(name: str) -> list[Any]:
    """Every value of a question that is tried; `DEFAULT` leaves it to the template."""
    details = QUESTIONS[name]
    if "choices" not in details:
        return [DEFAULT, TEXTS[name]]
    choices = list(details["choices"].values())
    if details.get("multiselect"):
        return [[choice] for choice in choices] + [choices]
    return choices


def one_flips() -> list[Answers]:
    """Each value of each question alone, everything else at the default of classification.

    For regression one value of each question: what differs by task is in `pairwise`.
    """
    rows: list[Answers] = []
    for name in QUESTIONS:
        tried = [value for value in values(name) if value is not DEFAULT]
        if name != "task":
            rows += [{"task": "classification", name: value} for value in tried]
            rows.append({"task": "regression", name: tried[-1]})
    return rows


def pairwise() -> list[Answers]:
    """Answers in which every pair of values of two questions occurs: greedy, the same each time."""
    names = list(QUESTIONS)
    options = {name: list(range(len(values(name)))) for name in names}
    open_pairs = {
        ((a, i), (b, j)) for a, b in combinations(names, 2) for i in options[a] for j in options[b]
    }
    rows: list[Answers] = []
    while open_pairs:
        row = dict(min(open_pairs))
        for name in names:
            if name not in row:
                row[name] = max(
                    options[name],
                    key=lambda i, name=name: len(_covered({**row, name: i}, names) & open_pairs),
                )
        open_pairs -= _covered(row, names)
        picked = {name: values(name)[row[name]] for name in names}
        rows.append({name: value for name, value in picked.items() if value is not DEFAULT})
    return rows


def _covered(row: Mapping[str, int], names: list[str]) -> set[Any]:
    given = [(name, row[name]) for name in names if name in row]
    return set(combinations(given, 2))


def label(answers: Mapping[str, Any]) -> str:
    """A short name of answers for a test's id."""
    parts = [
        "+".join(value) if isinstance(value, list) else "text" if key in TEXTS else str(value)
        for key, value in answers.items()
    ]
    return "-".join(parts).replace(" ", "_")


def copy_parts(folder: Path) -> Path:
    """A copy of what is rendered from, without git."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", ".*cache")
            )
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / part, folder / part)
    return folder


def render(template: Path, dest: Path, answers: Mapping[str, Any]) -> Path:
    """Render a folder by Copier's public API, as `copier copy --defaults` does."""
    copier.run_copy(str(template), dest, dict(answers), defaults=True, quiet=True, unsafe=False)
    return dest


def files(root: Path) -> list[Path]:
    """Every file but those of git, in order."""
    return sorted(
        path
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(root).parts
    )


def digest(root: Path, paths: Iterable[Path]) -> str:
    """SHA-256 over names and content."""
    total = hashlib.sha256()
    for path in paths:
        total.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()


def tree(root: Path) -> dict[str, bytes]:
    """Content by path."""
    return {str(path.relative_to(root)): path.read_bytes() for path in files(root)}
