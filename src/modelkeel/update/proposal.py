"""What becomes of each file of the template in a repository whose own files win."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath

from modelkeel.update.adoption import FileNote
from modelkeel.update.branch import Content
from modelkeel.update.components import COMPONENTS
from modelkeel.update.extend import extend_pyproject, extended, keeper_of
from modelkeel.update.git import Repo, list_tree, read_blobs, split_z
from modelkeel.update.scratch import Scratch


@dataclass
class Proposal:
    """Contents by path below the project.

    Attributes:
        added: new files.
        extended: the user's files with additions, to be committed.
        extendable: the same, only offered.
        kept: the template's versions of files that stay the user's.
        notes: one a file.
        warnings: what a person should know.
    """

    added: dict[str, Content] = field(default_factory=dict)
    extended: dict[str, Content] = field(default_factory=dict)
    extendable: dict[str, Content] = field(default_factory=dict)
    kept: dict[str, Content] = field(default_factory=dict)
    notes: list[FileNote] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Existing:
    """What the user has, in the last commit, the index and the work tree.

    Attributes:
        root: the project.
        committed: files of the last commit, by path.
        by_lower: all paths of commit and index, and folders above them, by lower case.
        changed: paths with uncommitted changes.
    """

    root: Path
    committed: dict[str, Content]
    by_lower: dict[str, str]
    changed: frozenset[str]

    def at(self, path: str) -> Content | None:
        """The user's version: the committed one, else that of the work tree."""
        if path in self.committed:
            return self.committed[path]
        file = self.root / path
        if file.is_symlink():
            return Content("120000", os.fsencode(file.readlink()))
        if not file.is_file():
            return None
        mode = "100755" if os.access(file, os.X_OK) else "100644"
        return Content(mode, file.read_bytes())

    def obstacle(self, path: str) -> str | None:
        """What of the user's stands where a new file, or a folder above it, would be."""
        parts = PurePosixPath(path).parts
        for depth in range(1, len(parts) + 1):
            part = "/".join(parts[:depth])
            last = depth == len(parts)
            known = self.by_lower.get(part.lower())
            if known is not None and (known != part or last or part in self.committed):
                return known
            folder = self.root.joinpath(*parts[: depth - 1])
            name = _names(folder).get(parts[depth - 1].lower())
            if name is None:
                return None if known is None else self._below(parts, depth)
            here = folder / name
            if last or name != parts[depth - 1] or here.is_symlink() or not here.is_dir():
                return here.relative_to(self.root).as_posix()
        return None

    def _below(self, parts: tuple[str, ...], depth: int) -> str | None:
        """The same below a folder that is only in the commit."""
        for deeper in range(depth + 1, len(parts) + 1):
            known = self.by_lower.get("/".join(parts[:deeper]).lower())
            if known is None:
                return None
            if known != "/".join(parts[:deeper]) or known in self.committed:
                return known
        return None


@cache
def _names(folder: Path) -> dict[str, str]:
    try:
        return {each.name.lower(): each.name for each in folder.iterdir()}
    except OSError:
        return {}


def existing(repo: Repo | None, head: str | None, root: Path) -> Existing:
    """What the user has at a project."""
    _names.cache_clear()
    if repo is None:
        return Existing(root, {}, {}, frozenset())
    entries = list_tree(repo.top, head) if head else {}
    here = {p.removeprefix(repo.prefix): e for p, e in entries.items() if p.startswith(repo.prefix)}
    blobs = _Blobs(repo, {path: (entry.mode, entry.oid) for path, entry in here.items()})
    index = split_z(repo.git("ls-files", "-z", "--full-name", "--", repo.prefix or "."))
    staged = [p.removeprefix(repo.prefix) for p in index if p.startswith(repo.prefix)]
    by_lower: dict[str, str] = {}
    for path in [*here, *staged]:
        for name in (path, *(str(parent) for parent in PurePosixPath(path).parents)):
            by_lower.setdefault(name.lower(), name)
    said = repo.git("status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames")
    changed = {line[3:].removeprefix(repo.prefix) for line in split_z(said)}
    return Existing(root, blobs, by_lower, frozenset(changed))


class _Blobs(dict[str, Content]):
    """Committed files whose contents are read when they are asked for."""

    def __init__(self, repo: Repo, entries: dict[str, tuple[str, str]]) -> None:
        super().__init__(dict.fromkeys(entries, Content("", b"")))
        self._repo, self._entries = repo, entries

    def __getitem__(self, path: str) -> Content:
        mode, oid = self._entries[path]
        if mode == "160000":  # a submodule
            return Content(mode, oid.encode())
        return Content(mode, read_blobs(self._repo.top, [oid])[oid])


def propose(
    scratch: Scratch,
    repo: Repo | None,
    head: str | None,
    root: Path,
    wanted: Mapping[str, Content],
    component: str | None,
    *,
    take: bool,
) -> Proposal:
    """Sort the template's files by what the user has.

    Args:
        scratch: where differences are counted.
        repo: the user's repository, None when there is none.
        head: its commit.
        root: the project.
        wanted: the template's files.
        component: the capability that is taken on, None for all.
        take: commit additions to the user's files.
    """
    own = existing(repo, head, root)
    found = Proposal()
    for path, content in sorted(wanted.items()):
        if component is not None and path == "pyproject.toml":
            _settle_pyproject(found, own, content, component)
            continue
        obstacle = own.obstacle(path)
        if obstacle is None:
            found.added[path] = content
            found.notes.append(FileNote(path, "added"))
        elif obstacle != path:
            found.notes.append(FileNote(path, "blocked", note=f"by {obstacle}"))
        else:
            _settle(scratch, found, own, path, content, take=take)
    return found


def _settle(
    scratch: Scratch, found: Proposal, own: Existing, path: str, content: Content, *, take: bool
) -> None:
    """A path that both have."""
    mine = own.at(path)
    if mine is None or mine.mode[:3] != "100" or content.mode[:3] != "100":
        found.notes.append(FileNote(path, "blocked", note="by what is no ordinary file there"))
        return
    if mine.data.replace(b"\r\n", b"\n") == content.data:
        found.notes.append(FileNote(path, "same"))
        return
    note = "with uncommitted changes" if path in own.changed else ""
    longer = _longer(path, mine, content)
    if longer is None:
        found.kept[path] = content
        found.notes.append(FileNote(path, "kept", *_stat(scratch, mine, content), note))
    elif take and path in own.committed:
        found.extended[path] = longer
        found.notes.append(FileNote(path, "extended", *_stat(scratch, mine, longer), note))
        _warn(found, own, path)
    else:
        found.extendable[path] = longer
        found.notes.append(FileNote(path, "extendable", *_stat(scratch, mine, longer), note))


def _settle_pyproject(found: Proposal, own: Existing, content: Content, component: str) -> None:
    """Dependencies and settings of one component."""
    path = "pyproject.toml"
    mine = own.at(path)
    part = COMPONENTS[component]
    packed = next((n for n in ("setup.py", "setup.cfg") if (own.root / n).is_file()), "")
    ours = mine.data.decode("utf-8", "replace") if mine else ""
    elsewhere = keeper_of(ours, packed) != "uv"
    try:
        text = extend_pyproject(ours, content.data.decode(), part, elsewhere=elsewhere)
    except UnicodeDecodeError:
        text = None
    if text is None:
        return
    changed = Content(mine.mode if mine else content.mode, text.encode())
    if mine is None:
        found.added[path] = changed
        found.notes.append(FileNote(path, "added"))
    elif path in own.committed:
        added = len(text.splitlines()) - len(ours.splitlines())
        found.extended[path] = changed
        found.notes.append(FileNote(path, "extended", max(added, 1), note="what it needs"))
        _warn(found, own, path)
    else:
        found.notes.append(FileNote(path, "kept", note="it is not committed"))
        found.warnings.append(f"{path} is not committed; commit it to have dependencies added")


def _warn(found: Proposal, own: Existing, path: str) -> None:
    if path in own.changed:
        found.warnings.append(f"{path} has uncommitted changes: commit them before you switch")


def _longer(path: str, mine: Content, content: Content) -> Content | None:
    try:
        text = extended(path, mine.data.decode(), content.data.decode())
    except UnicodeDecodeError:
        return None
    return None if text is None else Content(mine.mode, text.encode())


def _stat(scratch: Scratch, old: Content, new: Content) -> tuple[int, int]:
    """Lines added and removed."""
    oids = [scratch.write_blob(content.data) for content in (old, new)]
    fields = scratch.git("diff", "--numstat", *oids).split("\t")
    return (int(fields[0]), int(fields[1])) if fields[0].isdecimal() else (0, 0)
