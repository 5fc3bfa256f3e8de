"""What made a repository, and what it says of itself: the answers that need not be asked."""

from __future__ import annotations

import ast
import configparser
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from modelkeel.update.survey import Survey, survey

Kind = Literal["copier", "cruft", "cookiecutter", "plain"]

# Ours, by what other templates call it; the first that is there counts.
_NAMES = {
    "project_name": ("project_name", "project_title", "repo_name", "project_slug", "name",
                     "module_name", "package_name"),
    "decision": ("decision", "project_short_description", "project_description", "description",
                 "short_description"),
    "owner_email": ("owner_email", "author_email", "email", "maintainer_email", "contact_email"),
}  # fmt: skip
_FOLDERS = ("data/raw", "data/processed", "data/interim", "data/external", "models", "notebooks",
            "references", "reports/figures", "reports")  # fmt: skip
_DECLARED = ("pyproject.toml", "setup.py", "setup.cfg", "Pipfile", "environment.yml",
             "environment.yaml", "conda.yaml")  # fmt: skip
_EMAIL = re.compile(r"[^@\s\"\\<>]+@[^@\s\"\\<>]+\.[A-Za-z]{2,}")


@dataclass(frozen=True)
class Guess:
    """An answer, and where it was read."""

    value: str
    why: str


@dataclass
class Found:
    """What is known of a repository before it is adopted.

    Attributes:
        kind: the tool that made it.
        template: the template it was made from, "" when unknown.
        answers_files: those of Copier.
        answers: what the tool had been told.
        requirements: files that name dependencies.
        dependencies: requirements read from them, as written.
        guesses: answers to our questions.
        survey: what the files seem to be.
    """

    kind: Kind = "plain"
    template: str = ""
    answers_files: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    requirements: list[str] = field(default_factory=list)
    dependencies: list[str] = field(default_factory=list)
    guesses: dict[str, Guess] = field(default_factory=dict)
    survey: Survey = field(default_factory=Survey)


def detect(root: Path, *, email: str = "", remote: str = "") -> Found:
    """Read a project's records, names and files; nothing is executed.

    Args:
        root: the project.
        email: of its git identity, "" for none.
        remote: URL of its git remote.
    """
    found = Found(survey=survey(root))
    origin = _origin(root, found)
    metadata, where = _metadata(root)
    _requirements(root, found)
    guesses = found.guesses
    for key, names in _NAMES.items():
        for name in names:
            value = found.answers.get(name)
            if isinstance(value, str) and _fits(key, value):
                guesses[key] = Guess(_plain(key, value), f"{origin}: {name}")
                break
        if key not in guesses and _fits(key, metadata.get(key, "")):
            guesses[key] = Guess(_plain(key, metadata[key]), where)
    if "project_name" not in guesses:
        guesses["project_name"] = Guess(_plain("project_name", root.name), "the folder's name")
    if "owner_email" not in guesses and _EMAIL.fullmatch(email):
        guesses["owner_email"] = Guess(email, "git's user.email")
    if metadata.get("task"):
        guesses["task"] = Guess(metadata["task"], where)
    elif found.survey.task:
        guesses["task"] = Guess(found.survey.task, found.survey.task_why)
    gitlab = (root / ".gitlab-ci.yml").is_file() or "gitlab" in remote
    if gitlab or (root / ".github").is_dir() or "github" in remote:
        why = "its remote" if remote else "its CI files"
        guesses["ci_host"] = Guess("gitlab" if gitlab else "github", why)
    return found


def _origin(root: Path, found: Found) -> str:
    """Set what made the repository; the name of the record that says so."""
    for path in sorted([*root.glob(".copier-answers*.yml"), *root.glob(".copier-answers*.yaml")]):
        data = _yaml(path)
        if data.get("_src_path"):
            found.answers_files[path.name] = data
    if found.answers_files:
        name, data = next(iter(found.answers_files.items()))
        found.kind, found.template = "copier", str(data["_src_path"])
        found.answers = {key: value for key, value in data.items() if not key.startswith("_")}
        return name
    cruft = _json(root / ".cruft.json")
    if cruft.get("template"):
        found.kind, found.template = "cruft", str(cruft["template"])
        found.answers = _context(cruft.get("context"))
        return ".cruft.json"
    for name, data in _cookiecutter_records(root):
        found.kind, found.answers = "cookiecutter", _context(data)
        found.template = str(found.answers.get("_template", ""))
        return name
    if sum((root / folder).is_dir() for folder in _FOLDERS) >= 5:
        found.kind = "cookiecutter"
        found.template = "cookiecutter-data-science, by its folders"
    return "its folders"


def _cookiecutter_records(root: Path) -> list[tuple[str, dict[str, Any]]]:
    """Answers kept in the repository, or replayed from the user's home."""
    kept = [
        (name, data)
        for name in (".cookiecutter.json", ".cookiecutterrc", ".cookiecutter.yaml")
        if (data := _yaml(root / name))
    ]
    replays = Path.home() / ".cookiecutter_replay"
    for path in sorted(replays.glob("*.json")) if replays.is_dir() else []:
        data = _json(path)
        context = _context(data)
        names = {str(context.get(key)) for key in ("repo_name", "project_slug", "directory_name")}
        if root.name in names:
            context.setdefault("_template", path.stem)
            kept.append((f"~/.cookiecutter_replay/{path.name}", {"cookiecutter": context}))
    return kept


def _context(data: Any) -> dict[str, Any]:
    for key in ("cookiecutter", "default_context"):
        if isinstance(data, dict) and isinstance(data.get(key), dict):
            return dict(data[key])
    return dict(data) if isinstance(data, dict) else {}


def _metadata(root: Path) -> tuple[dict[str, str], str]:
    """Name, description and e-mail that the packaging files or the README state."""
    project = _toml(root / "pyproject.toml")
    tool = project.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    own = tool.get("modelkeel") if isinstance(tool, dict) else None
    if isinstance(own, dict) and isinstance(own.get("name"), str):  # a component is there already
        return {"project_name": own["name"], "task": str(own.get("task", ""))}, "pyproject.toml"
    table = project.get("project") or poetry or {}
    if isinstance(table, dict) and table.get("name"):
        return _named(table, _author(table.get("authors"))), "pyproject.toml"
    keywords = _setup(root / "setup.py")
    if keywords.get("name"):
        return _named(keywords, str(keywords.get("author_email", ""))), "setup.py"
    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read(root / "setup.cfg", encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        config.clear()
    if config.has_option("metadata", "name"):
        return _named(config["metadata"], config["metadata"].get("author_email", "")), "setup.cfg"
    for name in ("README.md", "README.rst", "README.txt", "README"):
        text = _text(root / name)
        heading = re.search(r"^#\s+(\S.*?)\s*$|\A\s*(\S.*?)\n[=-]{3,}", text, re.MULTILINE)
        if heading:
            return {"project_name": heading[1] or heading[2]}, name
    return {}, ""


def _named(table: Mapping[str, Any], email: str) -> dict[str, str]:
    description = str(table.get("description") or "")
    return {"project_name": str(table["name"]), "decision": description, "owner_email": email}


def _author(authors: Any) -> str:
    for author in authors if isinstance(authors, list) else []:
        said = author.get("email", "") if isinstance(author, dict) else str(author)
        address = _EMAIL.search(str(said))
        if address:
            return address[0]
    return ""


def _fits(key: str, value: str) -> bool:
    """Could the value be an answer to the question? The template has the last word."""
    value = value.strip()
    if key == "owner_email":
        return bool(_EMAIL.fullmatch(value))
    if key == "decision":
        return 10 <= len(value) <= 300 and "\n" not in value
    return bool(value) and "\n" not in value and "{{" not in value


def _plain(key: str, value: str) -> str:
    value = value.strip()
    if key == "project_name" and " " not in value:
        value = re.sub(r"[-_]+", " ", value).strip() or value
    return value[0].upper() + value[1:] if key == "project_name" else value


def _requirements(root: Path, found: Found) -> None:
    listed = [
        path.relative_to(root).as_posix()
        for pattern in ("*requirements*.txt", "requirements/*.txt", "*requirements*.in")
        for path in sorted(root.glob(pattern))
    ]
    found.requirements = [*listed, *(name for name in _DECLARED if (root / name).is_file())]
    wanted: list[str] = []
    for name in listed:
        lines = (line.split(" #")[0].strip() for line in _text(root / name).splitlines())
        wanted += [line for line in lines if line and line[0] not in "#-" and line != "."]
    conda = next((_yaml(root / n) for n in _DECLARED[4:] if (root / n).is_file()), {})
    for entry in conda.get("dependencies") or []:
        if isinstance(entry, str):
            wanted.append(entry)
        elif isinstance(entry, dict):
            wanted += [str(item) for item in entry.get("pip") or []]
    packages = _toml(root / "Pipfile").get("packages", {})
    wanted += [str(name) for name in packages] if isinstance(packages, dict) else []
    install = _setup(root / "setup.py").get("install_requires", [])
    wanted += [str(item) for item in install] if isinstance(install, list) else []
    found.dependencies = list(dict.fromkeys(wanted))


def _setup(path: Path) -> dict[str, Any]:
    """Literal keywords of setup() in a setup.py, which is parsed and never run."""
    try:
        tree = ast.parse(_text(path))
    except (SyntaxError, ValueError, RecursionError):
        return {}
    for node in ast.walk(tree):
        named = getattr(node, "func", None)
        if isinstance(node, ast.Call) and "setup" in (
            getattr(named, "id", ""), getattr(named, "attr", "")
        ):  # fmt: skip
            found: dict[str, Any] = {}
            for keyword in node.keywords:
                try:
                    found[keyword.arg or ""] = ast.literal_eval(keyword.value)
                except (ValueError, TypeError):
                    continue
            return found
    return {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(_text(path))
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        data = yaml.safe_load(_text(path))
    except yaml.YAMLError:
        return {}
    return {str(k): v for k, v in data.items()} if isinstance(data, dict) else {}


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError:
        return {}
