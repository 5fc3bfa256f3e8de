"""Who owns a file: the project, the template, or both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from modelkeel.update.git import Entries
from modelkeel.update.merge import Note

DOCUMENT = "docs/reference/ownership.md"
_OWNERS = {"project": "project", "template": "template", "shared": "shared"}


def read_owners(document: str | None) -> dict[str, str]:
    """Owner by path or folder, from the tables of a template's ownership document."""
    found: dict[str, str] = {}
    owner = ""
    for line in (document or "").splitlines():
        if line.startswith("## "):
            owner = _OWNERS.get(line[3:].strip().lower(), "")
        elif owner and line.startswith("| `"):
            for name in re.findall(r"`([^`]+)`", line.split("|")[1]):
                found[name] = owner
    return found


def owner_of(path: str, owners: Mapping[str, str], project: Iterable[str]) -> str:
    """Owner class of a file of the template: project, template or shared."""
    if path in project:
        return "project"
    best = ""
    for name in owners:
        folder = name.endswith("/") and path.startswith(name)
        if (folder or fnmatchcase(path, name)) and len(name) > len(best):
            best = name
    return owners[best] if best else "template"


def leave_to_project(
    base: Entries,
    ours: Entries,
    theirs: Entries,
    project: frozenset[str],
    renames: Mapping[str, str],
) -> tuple[Entries, Entries, list[Note]]:
    """Base and theirs without what is the project's own, and the notes on it.

    A file of the project is written once. Then neither a newer version of the template's nor its
    removal touches it, and one that the user removed does not come back.

    Args:
        base: old template with old answers.
        ours: the user's tree.
        theirs: new template with new answers.
        project: paths that belong to the project.
        renames: new path by old path, from base to theirs.
    """
    base, theirs = dict(base), dict(theirs)
    came_from = {new: old for old, new in renames.items() if old in project}
    notes: list[Note] = []
    for path in sorted(project):
        was, now, here = base.get(path), theirs.get(path), path in ours
        if not here and was is None:
            old = came_from.get(path)
            if old is None:
                continue  # new in the template: written now, once
            text = f"the template renamed its {old} to {path}; {old} is yours and stays"
            notes.append(Note(path, "project", text))
        elif was != now and (here or now is not None):
            happened = "no longer has" if now is None else "changed" if was else "now has"
            stays = "stays as it is" if here else "stays deleted"
            notes.append(Note(path, "project", f"the template {happened} {path}; yours {stays}"))
        base.pop(path, None)
        theirs.pop(path, None)
    return base, theirs, notes
