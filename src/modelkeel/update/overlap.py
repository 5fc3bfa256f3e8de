"""What of the user's uncommitted work an update would have to touch."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelkeel.errors import Refused
from modelkeel.update import git
from modelkeel.update.git import Entry, Repo

_OPERATIONS = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "BISECT_LOG": "bisect",
}


@dataclass(frozen=True)
class Overlap:
    """A path that both the update and uncommitted work of the user would change.

    Attributes:
        path: below the top of the repository.
        kind: staged, modified, untracked, ignored, in-the-way, submodule.
    """

    path: str
    kind: str


@dataclass(frozen=True)
class Change:
    """One path of an update: what HEAD has and what the update puts there; None for nothing."""

    old: Entry | None
    new: Entry | None


Changes = dict[str, Change]


def refuse_unfinished(repo: Repo) -> None:
    """Stop when git itself is in the middle of something.

    Raises:
        Refused: a merge, rebase or the like is under way, or files are unmerged.
    """
    for name, what in _OPERATIONS.items():
        if (repo.git_dir / name).exists():
            raise Refused(
                f"a {what} is under way in {repo.top}", remedy=f"finish or abort the {what}"
            )
    unmerged = repo.git("ls-files", "--unmerged", "-z")
    if unmerged:
        raise Refused(
            f"{repo.top} has unmerged files", remedy="settle them and commit, then update again"
        )


def changes_between(old: git.Entries, new: git.Entries) -> Changes:
    """Paths in which two trees differ."""
    return {
        path: Change(old.get(path), new.get(path))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    }


def find_overlaps(
    repo: Repo, changes: Mapping[str, Change], staged: frozenset[str] | None = None
) -> tuple[list[Overlap], set[str]]:
    """Overlaps of an update with uncommitted work, and paths that only the index needs.

    A new file that the user has already, with the same content, is no overlap: it is taken over as
    it is. Files outside a sparse checkout need no file.

    Args:
        repo: the user's repository.
        changes: what is to be touched, against what the index and the work tree have.
        staged: paths that the user has staged; None for all whose index differs from HEAD.

    Returns:
        The overlaps, and paths at which the work tree is to be left alone.
    """
    if not changes:
        return [], set()
    found: list[Overlap] = []
    dirty = _dirty(repo)
    if staged is not None:
        dirty = {p: kind for p, kind in dirty.items() if kind != "staged" or p in staged}
    flagged = _flagged(repo, changes)
    alone: set[str] = set()
    there: dict[str, Entry] = {}
    for path, change in changes.items():
        if path in dirty:
            found.append(Overlap(path, dirty[path]))
        elif change.old is None:
            obstacle = _in_the_way(repo, path, changes)
            if obstacle:
                found.append(Overlap(obstacle, "in-the-way"))
            elif change.new and os.path.lexists(repo.top / path) and not _is_folder(repo, path):
                there[path] = change.new
        elif path in flagged:
            if not os.path.lexists(repo.top / path):
                alone.add(path)  # outside of a sparse checkout
            else:
                there[path] = change.old
    same = _same_content(repo, there)
    for path in there:
        if path not in same:
            kind = "modified" if changes[path].old else _untracked_kind(repo, path)
            found.append(Overlap(path, kind))
        elif changes[path].old is None:
            alone.add(path)
    found += [Overlap(path, "submodule") for path in _below_submodules(repo, changes)]
    return found, alone


def refuse_overlaps(overlaps: list[Overlap], verb: str = "update") -> None:
    """Stop on overlaps.

    Raises:
        Refused: naming every path, and what is the matter with it.
    """
    if not overlaps:
        return
    shown = "\n".join(f"  {o.path} ({o.kind.replace('-', ' ')})" for o in overlaps[:30])
    more = f"\n  and {len(overlaps) - 30} more" if len(overlaps) > 30 else ""
    raise Refused(
        f"the {verb} would touch what is not committed; nothing has changed:\n{shown}{more}",
        remedy="commit or stash what is modified; move an untracked or ignored file away, or keep "
        "it and do without the template's: --keep PATH",
    )


def _dirty(repo: Repo) -> dict[str, str]:
    """Tracked paths whose index or file differs from HEAD."""
    said = git.split_z(
        repo.git("status", "--porcelain=v2", "-z", "--untracked-files=no", "--no-renames",
                 "--ignore-submodules=all")
    )  # fmt: skip
    found: dict[str, str] = {}
    for line in said:
        if line.startswith("1 "):
            fields = line.split(" ", 8)
            found[fields[8]] = "modified" if fields[1][1] != "." else "staged"
        elif line.startswith("u "):
            found[line.split(" ", 10)[10]] = "unmerged"
    return found


def _flagged(repo: Repo, changes: Mapping[str, Change]) -> set[str]:
    """Tracked paths that git does not look at: assume-unchanged, skip-worktree."""
    said = git.split_z(repo.git("ls-files", "-v", "-z"))
    found = {line[2:] for line in said if line[0] == "S" or line[0].islower()}
    return found & changes.keys()


def _in_the_way(repo: Repo, path: str, changes: Mapping[str, Change]) -> str:
    """A file of the user where the update needs a folder, or a folder where it needs a file."""
    target = repo.top / path
    parts = path.split("/")
    for end in range(1, len(parts)):
        parent = "/".join(parts[:end])
        try:
            mode = (repo.top / parent).lstat().st_mode
        except FileNotFoundError:
            break
        if not stat.S_ISDIR(mode):
            leaves = parent in changes and changes[parent].new is None
            return "" if leaves else parent
    if _is_folder(repo, path):
        for folder, folders, files in os.walk(target):
            for name in files + [f for f in folders if Path(folder, f).is_symlink()]:
                inner = os.path.relpath(os.path.join(folder, name), repo.top)  # noqa: PTH118
                if inner not in changes or changes[inner].new is not None:
                    return inner
    return ""


def _is_folder(repo: Repo, path: str) -> bool:
    target = repo.top / path
    return target.is_dir() and not target.is_symlink()


def _same_content(repo: Repo, wanted: Mapping[str, Entry]) -> set[str]:
    """Paths whose file in the work tree is what an entry says."""
    files = [p for p, e in wanted.items() if e.is_file and _is_plain(repo, p, e)]
    same: set[str] = set()
    if files:
        # One a line; a path with a line break is hashed alone.
        plain = [p for p in files if "\n" not in p and not p.startswith('"')]
        said = repo.git("hash-object", "--stdin-paths", data="".join(f"{p}\n" for p in plain))
        oids = dict(zip(plain, said.split(), strict=True))
        for path in set(files) - set(plain):
            oids[path] = repo.git("hash-object", "--", path).strip()
        same = {p for p, oid in oids.items() if wanted[p].oid == oid}
    for path, entry in wanted.items():
        target = repo.top / path
        if entry.mode == "120000" and target.is_symlink():
            said = repo.git("hash-object", "--stdin", data=os.readlink(target))  # noqa: PTH115
            if said.strip() == entry.oid:
                same.add(path)
    return same


def _is_plain(repo: Repo, path: str, entry: Entry) -> bool:
    mode = (repo.top / path).lstat().st_mode
    executable = entry.mode == "100755"
    keeps_mode = repo.config.get("core.filemode", "true") != "false"
    return stat.S_ISREG(mode) and (not keeps_mode or bool(mode & 0o100) == executable)


def _untracked_kind(repo: Repo, path: str) -> str:
    said = repo.git("check-ignore", "-z", "--stdin", data=f"{path}\0", allowed=(0, 1))
    return "ignored" if said else "untracked"


def _below_submodules(repo: Repo, changes: Mapping[str, Change]) -> list[str]:
    said = git.split_z(repo.git("ls-files", "--stage", "-z"))
    links = [line.split("\t", 1)[1] + "/" for line in said if line.startswith("160000")]
    return [path for path in changes if any(path.startswith(link) for link in links)]
