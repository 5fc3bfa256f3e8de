"""The text of a pull request that brings a template's update."""

from __future__ import annotations

import re
from collections.abc import Sequence

from modelkeel.update.outcome import Plan

_MANY = 20


def title(plan: Plan) -> str:
    """Its title."""
    return f"Update from template {plan.old} to {plan.new}"


def body(plan: Plan, notes: Sequence[str] | None = None) -> str:
    """Its body in Markdown: what the releases bring, files by what happens to them, conflicts.

    Args:
        plan: of the update.
        notes: what to know; None for those of the plan.
    """
    said = [note.text for note in plan.notes] if notes is None else notes
    parts = [f"Updates this repository from template `{plan.old}` to `{plan.new}` ({plan.source})."]
    if plan.conflicts:
        parts.append(
            "**This branch holds conflict markers.** Settle them before you merge it:\n\n"
            + _list(f"{_code(path)} ({kind})" for path, kind in plan.conflicts)
        )
    if plan.changelog:
        parts.append(
            "## What the releases bring\n\n" + re.sub(r"(?m)^(#+) ", r"#\1 ", plan.changelog)
        )
    files = {what: paths for what, paths in plan.files().items() if what != "in conflict"}
    if files:
        rows = [f"| {what} | {len(paths)} |" for what, paths in files.items()]
        parts.append("## Files\n\n| what | files |\n|---|---|\n" + "\n".join(rows))
        parts += [_folded(what, paths) for what, paths in files.items()]
    for heading, items in (
        ("Questions", [str(question) for question in plan.questions]),
        ("Migrations", [_code(name) for name in plan.migrations]),
        ("To know", list(said)),
    ):
        if items:
            parts.append(f"## {heading}\n\n{_list(items)}")
    return "\n\n".join(parts) + "\n"


def _folded(what: str, paths: list[str]) -> str:
    listed = _list(map(_code, paths))
    if len(paths) <= _MANY:
        return f"{what[0].upper()}{what[1:]}:\n\n{listed}"
    return f"<details><summary>{what[0].upper()}{what[1:]}</summary>\n\n{listed}\n\n</details>"


def _list(items: object) -> str:
    return "\n".join(f"- {item}" for item in items)  # type: ignore[attr-defined]


def _code(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence}{text}{fence}" if not longest else f"{fence} {text} {fence}"
