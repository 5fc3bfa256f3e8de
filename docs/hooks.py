"""Writes the parts of the site that the code says: questions, commands, sessions, obligations.

A page asks for one with a line such as `<!-- generated: questions -->`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_ASKED = re.compile(r"^<!-- generated: ([a-z]+) -->$", re.MULTILINE)


def questions(root: Path = ROOT) -> str:
    """The questions of copier.yml, in the order they are asked, then the derived answers."""
    import yaml

    document = yaml.safe_load((root / "copier.yml").read_text(encoding="utf-8"))
    entries = {name: entry for name, entry in document.items() if not name.startswith("_")}
    asked = {name: entry for name, entry in entries.items() if entry.get("when", True) is not False}
    parts = [_question(name, entry) for name, entry in asked.items()]
    derived = ", ".join(f"`{name}`" for name in entries if name not in asked)
    parts.append(f"## Derived, never asked\n\n{derived}. An answer to one of them is refused.")
    return "\n\n".join(parts)


def commands() -> str:
    """The help of every command of the typer app."""
    import typer
    from typer.testing import CliRunner

    from modelkeel.cli import app

    runner = CliRunner(env={"COLUMNS": "88", "NO_COLOR": "1"})
    parts = []
    for path in command_paths(typer.main.get_command(app)):
        words = ["keel", *path]
        told = runner.invoke(app, [*path, "--help"], prog_name="keel")
        parts.append(f"### {' '.join(words)}\n\n```text\n{told.output.strip()}\n```")
    return "\n\n".join(parts)


def command_paths(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of each command that runs something, groups opened."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path
        return
    for name, each in inner.items():
        yield from command_paths(each, (*path, name))


def sessions(root: Path = ROOT) -> str:
    """The sessions of noxfile.py and what each one says it does."""
    tree = ast.parse((root / "noxfile.py").read_text(encoding="utf-8"))
    rows = ["| session | what it does |", "|---|---|"]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and any(_is_session(d) for d in node.decorator_list):
            said = (ast.get_docstring(node) or "").split("\n\n")[0].replace("\n", " ")
            rows.append(f"| `{node.name}` | {said} |")
    return "\n".join(rows)


def obligations() -> str:
    """The catalogue of obligations, law by law, then the vocabularies."""
    from modelkeel.governance.obligations.catalogue import load_catalogue

    by_law: dict[str, list[Any]] = {}
    for entry in load_catalogue():
        by_law.setdefault(entry.law, []).append(entry)
    parts = []
    for law, entries in by_law.items():
        first = entries[0]
        told = f"[Text]({first.source})."
        told += f" Looked up in: {first.checked}." if first.checked else ""
        if first.status == "voluntary":
            told += f" {first.note}"
            rows = ["| id | what it names | gates |", "|---|---|---|", *map(_item, entries)]
        else:
            rows = ["| id | what it asks | of whom |", "|---|---|---|", *map(_duty, entries)]
        parts.append("\n".join([f"### {law}", "", told, "", *rows]))
    return "\n\n".join(parts)


GENERATED: dict[str, Callable[[], str]] = {
    "questions": questions,
    "commands": commands,
    "sessions": sessions,
    "obligations": obligations,
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs with the text of each page."""
    return _ASKED.sub(lambda found: GENERATED[found[1]](), markdown)


def _question(name: str, entry: dict[str, Any]) -> str:
    lines = [f"## {name}", "", str(entry["help"]).strip(), ""]
    choices = entry.get("choices")
    if choices:
        several = "Several may be chosen." if entry.get("multiselect") else "One is chosen."
        lines += [several, "", "| answer | meaning |", "|---|---|"]
        pairs = choices.items() if isinstance(choices, dict) else ((c, c) for c in choices)
        lines += [f"| `{value}` | {meaning} |" for meaning, value in pairs]
        lines.append("")
    lines.append(f"Default: {_default(entry.get('default'))}")
    return "\n".join(lines)


def _default(value: Any) -> str:
    """A default in words; those that depend on the task are given for both."""
    if isinstance(value, list):
        return ", ".join(f"`{each}`" for each in value)
    text = " ".join(str(value).split())
    either = re.fullmatch(r"\{\{ '(.*)' if task == 'classification' else '(.*)' \}\}", text)
    if either:
        return f"`{either[1]}` for classification, `{either[2]}` for regression"
    return f"`{text}`"


def _item(entry: Any) -> str:
    """A row of a vocabulary."""
    return f"| {entry.id} | {entry.title} | {_code(entry.needs.gates) or 'none'} |"


def _duty(entry: Any) -> str:
    """A row of a law."""
    needs = (*entry.needs.records, *entry.needs.gates, *entry.needs.documents)
    asks = f"**{entry.title}** ({entry.cite}). {entry.duty}"
    asks += f"<br>Needs {_code(needs) or 'nothing here'}."
    asks += f"<br>*{entry.note}*" if entry.note else ""
    conditions = [
        f"{key}: {_code(str(value) for value in values)}"
        for key, values in entry.applies_if.model_dump().items()
        if values
    ]
    conditions += [f"only if {entry.only_if}"] if entry.only_if else []
    since = f"{_since(entry.applies_from)}<br>{entry.status.replace('_', ' ')}".removeprefix("<br>")
    return f"| {entry.id}<br>{since} | {asks} | {'<br>'.join(conditions)} |"


def _since(day: Any) -> str:
    """A date, or one for each annex."""
    annexes = {"annex_iii": "Annex III", "annex_i": "Annex I"}
    if day is None or not hasattr(day, "annex_iii"):
        return str(day or "")
    known = {name: getattr(day, key) for key, name in annexes.items() if getattr(day, key)}
    return "<br>".join(f"{name} {date}" for name, date in known.items())


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _is_session(decorator: ast.expr) -> bool:
    return ast.unparse(decorator).startswith("nox.session")
