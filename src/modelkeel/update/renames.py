"""Paths that move because an answer names them."""

from __future__ import annotations

from typing import Any

from modelkeel.update.git import Entries


def renames_by_answers(
    before: Entries, after: Entries, old: dict[str, Any], new: dict[str, Any]
) -> dict[str, str]:
    """New path by old path, between one version rendered with old and with new answers."""
    changed = [
        (str(old[key]), str(new[key]))
        for key in old.keys() & new.keys()
        if isinstance(old[key], str) and isinstance(new[key], str) and old[key] != new[key]
    ]
    changed = sorted({pair for pair in changed if pair[0]}, key=lambda pair: -len(pair[0]))
    found: dict[str, str] = {}
    for path in before.keys() - after.keys():
        for was, now in changed:
            moved = path.replace(was, now)
            if moved != path and moved in after and moved not in before:
                found[path] = moved
                break
    return found


def folders_renamed(renames: dict[str, str], after: Entries) -> dict[str, str]:
    """Folders that moved as a whole: nothing of the template is left in them."""
    left = {folder for path in after for folder in _parents(path)}
    return {
        was: now
        for old, new in renames.items()
        for was, now in zip(_parents(old), _parents(new), strict=False)
        if was != now and was not in left
    }


def rename_entries(
    entries: Entries, renames: dict[str, str], folders: dict[str, str]
) -> tuple[Entries, dict[str, str]]:
    """Entries at their new paths, and which moved; a path that is taken already stays."""
    result: Entries = {}
    moved: dict[str, str] = {}
    for path, entry in entries.items():
        target = renames.get(path)
        if target is None:
            parents = [folder for folder in _parents(path) if folder in folders]
            target = folders[parents[-1]] + path[len(parents[-1]) :] if parents else path
        if target != path and target not in entries and target not in result:
            moved[path] = target
            result[target] = entry
        else:
            result[path] = entry
    return result, moved


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]
