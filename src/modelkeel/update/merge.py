"""The three-way merge: git's own on whole trees, then meaning where lines conflict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from modelkeel.update import git
from modelkeel.update.contents import (
    Sides,
    has_markers,
    mark_whole,
    merge_contents,
    recheck_contents,
    relabel,
)
from modelkeel.update.git import Entries, Entry
from modelkeel.update.scratch import Scratch

_DELETED = {"modify/delete", "rename/delete"}


@dataclass(frozen=True)
class Conflict:
    """A path on which both sides disagree.

    Attributes:
        path: below the project.
        kind: content, add/add, binary, type, file/directory, rename, or another that git names.
        stages: entries of base (1), yours (2) and the template (3), as far as they exist.
    """

    path: str
    kind: str
    stages: dict[int, Entry]


@dataclass(frozen=True)
class Note:
    """Something that a person should know: the template's change or the user's file stays out.

    Attributes:
        path: below the project.
        kind: deleted-by-you, kept, moved, project, left-out, answer.
        text: one sentence.
    """

    path: str
    kind: str
    text: str


@dataclass
class Merged:
    """Outcome of a merge.

    Attributes:
        entries: the merged tree; a conflicting file is in it with its markers.
        conflicts: what is left to the user.
        by_structure: paths that were merged by meaning.
        notes: what was settled without a merge.
    """

    entries: Entries
    conflicts: list[Conflict] = field(default_factory=list)
    by_structure: set[str] = field(default_factory=set)
    notes: list[Note] = field(default_factory=list)


@dataclass
class _Raw:
    """What git says of a merge."""

    stages: dict[str, dict[int, Entry]]
    kinds: dict[str, set[str]]
    messages: list[tuple[str, list[str]]]


def merge(scratch: Scratch, base: Entries, ours: Entries, theirs: Entries, version: str) -> Merged:
    """Merge trees of the project; `version` is that of the template, for the labels."""
    label = f"template-{re.sub(r'[^A-Za-z0-9._-]|[.]{2,}|[.]lock$|[.]$', '-', version)}"
    root = scratch.commit(scratch.tree_of(base))
    scratch.commit(scratch.tree_of(ours), root, ref="yours")
    scratch.commit(scratch.tree_of(theirs), root, ref=label)
    _honour_unions(scratch, ours)
    said = scratch.git(
        "merge-tree", "--write-tree", "-z", "--messages", "yours", label, allowed=(0, 1)
    )
    tree, found = _parse(said)
    merged = Merged(scratch.entries(tree))
    sides = Sides(base, ours, theirs, label, f"template {version}")
    _settle_moves(scratch, merged, found, sides)
    _settle_types(merged, found, sides)
    _settle_deletions(merged, found)
    _settle_contents(scratch, merged, found, sides)
    _recheck(scratch, merged, sides)
    merged.conflicts.sort(key=lambda conflict: conflict.path)
    return merged


def _honour_unions(scratch: Scratch, ours: Entries) -> None:
    """Have git keep both sides' lines where the user's .gitattributes ask for that."""
    entry = ours.get(".gitattributes")
    if entry is None or not entry.is_file:
        return
    lines = scratch.blobs([entry.oid])[entry.oid].splitlines()
    unions = [line for line in lines if b"merge=union" in line.split()[1:]]
    (scratch.git_dir / "info").mkdir(exist_ok=True)
    (scratch.git_dir / "info/attributes").write_bytes(b"\n".join([*unions, b""]))


def _parse(said: str) -> tuple[str, _Raw]:
    tree, *fields = said.split("\0")
    found = _Raw({}, {}, [])
    at = 0
    while at < len(fields) and fields[at]:
        head, path = fields[at].split("\t", 1)
        mode, oid, stage = head.split(" ")
        found.stages.setdefault(path, {})[int(stage)] = Entry(mode, oid)
        at += 1
    at += 1
    while at < len(fields) and fields[at].strip().isdecimal():
        count = int(fields[at])
        paths, kind = fields[at + 1 : at + 1 + count], fields[at + 1 + count]
        at += count + 3
        if kind.startswith("CONFLICT"):
            kind = kind[kind.index("(") + 1 : kind.rindex(")")]
            found.messages.append((kind, paths))
            for path in paths:
                found.kinds.setdefault(path, set()).add(kind)
    return tree, found


def _settle_moves(scratch: Scratch, merged: Merged, found: _Raw, sides: Sides) -> None:
    """Both sides renamed one file: the user's name wins, with the content of both."""
    for kind, paths in found.messages:
        if kind != "rename/rename" or len(paths) != 3:
            continue
        old, mine, new = paths
        if {old, mine, new} - found.stages.keys():
            continue
        text = f"the template renamed {old} to {new}; yours stays at {mine}, with its changes"
        merged.notes.append(Note(mine, "moved", text))
        # For such a file git 2.39 names no conflict of contents, so its markers are looked for.
        oid = merged.entries[mine].oid
        conflicting = has_markers(scratch.blobs([oid])[oid], sides)
        kinds = found.kinds[old] | found.kinds[mine] | found.kinds[new]
        conflicting |= bool(kinds & {"contents", "binary"})
        for path in (old, mine, new):
            del found.stages[path]
        merged.entries.pop(new, None)
        if conflicting:
            stages = {1: sides.base[old], 2: sides.ours[mine], 3: sides.theirs[new]}
            found.stages[mine] = stages
            found.kinds[mine] = {"contents"}


def _settle_types(merged: Merged, found: _Raw, sides: Sides) -> None:
    """A file against a link: the user's stays, both are offered at one path."""
    for kind, paths in found.messages:
        if kind != "distinct modes":
            continue
        path = min(paths, key=len)
        for each in paths:
            found.stages.pop(each, None)
            if each != path:
                merged.entries.pop(each, None)
        stages = sides.stages(path)
        kept = stages.get(2, stages.get(3))
        if kept:
            merged.entries[path] = kept
        merged.conflicts.append(Conflict(path, "type", stages))


def _settle_deletions(merged: Merged, found: _Raw) -> None:
    """What the user deleted stays so, what the user changed stays; both are told."""
    for path, stages in list(found.stages.items()):
        if not found.kinds.get(path) or found.kinds[path] - _DELETED:
            continue
        if 2 not in stages:
            merged.entries.pop(path, None)
            text = f"the template changed {path}, which you deleted or moved away: left out"
            merged.notes.append(Note(path, "deleted-by-you", text))
        elif 3 not in stages:
            text = f"the template no longer has {path}, which you changed: yours is kept"
            merged.notes.append(Note(path, "kept", text))
        else:
            continue
        del found.stages[path]


def _settle_contents(scratch: Scratch, merged: Merged, found: _Raw, sides: Sides) -> None:
    wanted = [e.oid for stages in found.stages.values() for e in stages.values() if e.is_file]
    wanted += [
        merged.entries[p].oid
        for p in found.stages
        if p in merged.entries and merged.entries[p].mode != "160000"  # of a submodule
    ]
    blobs = scratch.blobs(wanted)
    for path, stages in found.stages.items():
        kinds = found.kinds.get(path, set())
        current = merged.entries.get(path)
        texts = {number: blobs[e.oid] for number, e in stages.items() if e.is_file}
        whole = {2, 3} <= texts.keys() and len(texts) == len(stages)
        if current is None or not whole or kinds - {"contents", "add/add", "binary"}:
            other = sorted(kinds - {"contents"}) or ["content"]
            merged.conflicts.append(Conflict(path, other[0], stages))
            continue
        done = merge_contents(path, texts, blobs[current.oid], sides)
        if done.data != blobs[current.oid]:
            merged.entries[path] = Entry(current.mode, scratch.write_blob(done.data))
        if done.kind:
            kind = "add/add" if 1 not in stages and done.kind == "content" else done.kind
            merged.conflicts.append(Conflict(path, kind, stages))
        elif done.structured:
            merged.by_structure.add(path)


def _recheck(scratch: Scratch, merged: Merged, sides: Sides) -> None:
    """Look again at files that both sides changed and git merged by lines.

    In repeated structure lines can end in the wrong place, and two equal keys are no conflict of
    lines: meaning decides, and what no longer parses becomes a conflict. So does a file with
    markers, should git have named no conflict for it.
    """
    conflicting = {conflict.path for conflict in merged.conflicts}
    clean = [
        path
        for path, entry in merged.entries.items()
        if entry.is_file and path not in conflicting and path not in merged.by_structure
    ]
    found = _stages_of(scratch, clean, sides)
    both = [path for path in clean if _both_changed(found[path])]
    blobs = scratch.blobs(
        [e.oid for p in both for e in (*found[p].values(), merged.entries[p]) if e.is_file]
    )
    for path in both:
        stages = found[path]
        line_merge = blobs[merged.entries[path].oid]
        if has_markers(line_merge, sides):
            merged.conflicts.append(Conflict(path, "content", stages))
            data = relabel(line_merge, sides)
        elif not {2, 3} <= stages.keys() or not all(e.is_file for e in stages.values()):
            continue
        else:
            texts = {number: blobs[e.oid] for number, e in stages.items()}
            better = recheck_contents(path, texts, line_merge)
            if better is None:
                merged.conflicts.append(Conflict(path, "content", stages))
                data = mark_whole(texts[2], texts[3], sides.shown)
            elif better != line_merge:
                merged.by_structure.add(path)
                data = better
            else:
                continue
        merged.entries[path] = Entry(merged.entries[path].mode, scratch.write_blob(data))


def _both_changed(stages: Mapping[int, Entry]) -> bool:
    """Did the sides change a file in two ways? What one side alone changed needs no second look."""
    base, ours, theirs = (stages[n].oid if n in stages else None for n in (1, 2, 3))
    return ours != theirs and base not in (ours, theirs)


def _stages_of(scratch: Scratch, paths: list[str], sides: Sides) -> dict[str, dict[int, Entry]]:
    """Entries of the three sides of each merged path, followed through the renames of a side."""
    found = {path: sides.stages(path) for path in paths}
    gone = sides.base.keys() - (sides.ours.keys() & sides.theirs.keys())
    if not gone:
        return found
    moved = [path for path, stages in found.items() if not {2, 3} <= stages.keys()]
    base = scratch.tree_of(sides.base)
    mine = find_moves(scratch, base, scratch.tree_of(sides.ours))
    new = find_moves(scratch, base, scratch.tree_of(sides.theirs))
    origins = {name: old for moves in (mine, new) for old, name in moves.items()}
    for path in moved:
        old = origins.get(path, path)
        places = {
            1: sides.base.get(old),
            2: sides.ours.get(mine.get(old, old)),
            3: sides.theirs.get(new.get(old, old)),
        }
        found[path] = {number: entry for number, entry in places.items() if entry}
    return found


def find_moves(scratch: Scratch, old: str, new: str) -> dict[str, str]:
    """Renames between two trees as git finds them: new path by old path."""
    said = scratch.git("diff-tree", "-r", "-M", "-z", "--diff-filter=R", "--raw", old, new)
    fields = git.split_z(said)
    return {fields[i + 1]: fields[i + 2] for i in range(0, len(fields), 3)}
