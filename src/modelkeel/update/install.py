"""Putting a prepared update in place: all of it, or nothing.

Everything that needs room on the disk is written beside the user's files first. Then files are
exchanged by renames, the index by one, the branch by one. What happens in between is in the
journal, and is taken back after an error here, or after a kill by the next verb.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelkeel.errors import KeelError, Refused
from modelkeel.update import git
from modelkeel.update.git import Entry, Repo
from modelkeel.update.journal import (
    Record,
    chain,
    fingerprint,
    keep_copy,
    lock_index,
    move,
    new_record,
    parents,
    records,
    remove_empty,
    signature,
    take_back,
    unlock_index,
)
from modelkeel.update.overlap import Change, find_overlaps, refuse_overlaps
from modelkeel.update.scratch import Scratch, disk_error


@dataclass(frozen=True)
class Outfit:
    """What is to be put in place.

    Attributes:
        tree: of the whole repository, with the contents for the work tree.
        changes: by path below the top.
        stages: unmerged index entries by path.
        commit: to go to; None leaves the branch where it is.
        head: commit that the branch must be at.
        message: for the branch's log.
        facts: kept with the record.
        staged: paths that the user has staged, None for all that differ from HEAD.
    """

    tree: str
    changes: Mapping[str, Change]
    head: str
    commit: str | None
    message: str
    facts: dict[str, Any]
    stages: Mapping[str, Mapping[int, Entry]] = field(default_factory=dict)
    staged: frozenset[str] | None = None


def copy_objects(scratch: Scratch, wanted: Sequence[str], known: Sequence[str]) -> None:
    """Copy objects from the scratch repository into the user's, where nothing points to them."""
    asked = "\n".join([*wanted, *(f"^{oid}" for oid in known)]) + "\n"
    pack = git.raw(
        scratch.root, "pack-objects", "--revs", "--stdout", "--quiet", data=git.encode(asked),
        env=scratch.env(),
    )  # fmt: skip
    git.raw(scratch.repo.top, "unpack-objects", "-q", data=pack)


def install(repo: Repo, outfit: Outfit, held: int, follows: Record | None = None) -> Record:
    """Put an update in place.

    Args:
        repo: the user's repository.
        outfit: what.
        held: descriptor of the lock, which the processes that write keep open.
        follows: the update in the journal that this one goes on from.

    Raises:
        Refused: it would touch uncommitted work; nothing has changed.
        KeelError: the disk is full, or git refuses; nothing has changed.
    """
    overlaps, alone = find_overlaps(repo, outfit.changes, outfit.staged)
    refuse_overlaps(overlaps)
    signatures = {path: signature(repo.top / path) for path in outfit.changes}
    record = new_record(repo)
    try:
        _stage(repo, record, outfit, alone)
        record.save(
            phase="applying",
            head=outfit.head,
            commit=outfit.commit,
            follows=follows.number if follows else None,
            items={
                path: {
                    "had": change.old is not None,
                    "new": fingerprint(record.folder / "new" / path),
                    "alone": path in alone,
                }
                for path, change in outfit.changes.items()
            },
            stages=bool(outfit.stages),
            made=[f for f in parents(outfit.changes) if not os.path.lexists(repo.top / f)],
            **outfit.facts,
        )
        _apply(repo, record, outfit, signatures, held)
    except BaseException as error:
        _give_up(repo, record)
        if isinstance(error, OSError):
            raise disk_error(error) from error
        if isinstance(error, git.GitFailed) and "No space left" in error.said:
            raise KeelError(
                "the disk is full; the repository is as it was",
                remedy="make room, then run it again",
            ) from error
        raise
    record.save(phase="done" if outfit.commit else "conflicts")
    tidy(repo, record)
    return record


def tidy(repo: Repo, record: Record) -> None:
    """What may come after an update is in place: empty folders, the rest of the preparation."""
    gone = [path for path, item in record.items.items() if item["new"] is None]
    remove_empty(repo.top, reversed(parents(gone)))
    for name in ("new", "files", "index.new"):
        target = record.folder / name
        if target.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        else:
            target.unlink(missing_ok=True)
    if record.phase != "done":
        return  # it may be aborted, and the one before it can be undone then
    needed = {each.number for each in chain(repo, record)}
    for other in records(repo):
        if other.number not in needed:
            other.remove()


def _stage(repo: Repo, record: Record, outfit: Outfit, alone: set[str]) -> None:
    """Write the files to come, and the index to come, into the record's folder."""
    new, files = record.folder / "new", record.folder / "files"
    new.mkdir()
    wanted = [p for p, c in outfit.changes.items() if c.new is not None and p not in alone]
    # The user's own settings decide on line ends and filters, the new .gitattributes included.
    env = {"GIT_DIR": str(repo.git_dir), "GIT_WORK_TREE": str(new), "GIT_INDEX_FILE": str(files)}
    if wanted:
        git.run(new, "read-tree", outfit.tree, env=env)
        data = "".join(f"{path}\0" for path in wanted)
        git.run(new, "checkout-index", "--force", "-z", "--stdin", data=data, env=env)
    missing = [path for path in wanted if not os.path.lexists(new / path)]
    _keep_permissions(repo, new, [p for p in wanted if outfit.changes[p].old is not None])
    links = [p for p in missing if getattr(outfit.changes[p].new, "mode", "") == "160000"]
    if set(missing) - set(links):
        raise KeelError(f"git did not write {missing[0]}; the repository is as it was")
    if not outfit.changes and not outfit.stages:
        return
    index = repo.git_dir / "index"
    # The time of an index tells git which files it must look into again.
    shutil.copy2(index, record.folder / "index.old")
    shutil.copy2(index, record.folder / "index.new")
    lines = {path: c.new for path, c in outfit.changes.items() if path not in outfit.stages}
    text = git.index_lines(lines, repo.oid_width)
    for path, stages in outfit.stages.items():
        text += git.index_lines({path: None}, repo.oid_width)
        for number, entry in sorted(stages.items()):
            text += f"{entry.mode} {entry.oid} {number}\t{path}\0"
    env = {"GIT_INDEX_FILE": str(record.folder / "index.new")}
    repo.git("update-index", "-z", "--index-info", data=text, env=env)
    hidden = [p for p in alone if outfit.changes[p].old is not None]
    if hidden:
        data = "".join(f"{path}\0" for path in hidden)
        repo.git("update-index", "--skip-worktree", "-z", "--stdin", data=data, env=env)


def _keep_permissions(repo: Repo, new: Path, paths: Sequence[str]) -> None:
    """Give files to come the permissions of those they replace; git decides on execution."""
    for path in paths:
        target, fresh = repo.top / path, new / path
        if not all(each.is_file() and not each.is_symlink() for each in (target, fresh)):
            continue
        bits = stat.S_IMODE(target.stat().st_mode) & 0o666
        had = stat.S_IMODE(fresh.stat().st_mode)
        bits |= (bits & 0o444) >> 2 if had & 0o100 else 0
        if bits != had:
            fresh.chmod(bits)


def _apply(
    repo: Repo,
    record: Record,
    outfit: Outfit,
    signatures: Mapping[str, tuple[int, ...] | None],
    held: int,
) -> None:
    active = {p: c for p, c in outfit.changes.items() if not record.items[p]["alone"]}
    lock_index(repo)
    for path, change in active.items():
        if signature(repo.top / path) != signatures[path]:
            raise Refused(f"{path} changed while the update was prepared; nothing has changed")
        if change.new is None:
            backup = record.folder / "old" / path
            backup.parent.mkdir(parents=True, exist_ok=True)
            move(repo.top / path, backup, record.folder.name)
    for path, change in active.items():
        target, fresh = repo.top / path, record.folder / "new" / path
        if change.new is None:
            continue
        if change.old is not None:
            if signature(target) != signatures[path]:
                raise Refused(f"{path} changed while the update was put in place")
            keep_copy(target, record.folder / "old" / path)
        elif target.is_dir() and not target.is_symlink():
            _remove_tree_of_empty(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        move(fresh, target, record.folder.name)
    fresh_index = record.folder / "index.new"
    if fresh_index.exists():
        env = {"GIT_INDEX_FILE": str(fresh_index)}
        repo.git("update-index", "-q", "--refresh", env=env, allowed=(0, 1))
        fresh_index.replace(repo.git_dir / "index")
    unlock_index(repo)
    if outfit.commit:
        move_branch(repo, outfit.head, outfit.commit, outfit.message, held)


def move_branch(repo: Repo, old: str, new: str, message: str, held: int) -> None:
    """Move the branch, or a detached HEAD, if it is still where it was."""
    repo.git("update-ref", "-m", message, "HEAD", new, old, hold=[held])


def _give_up(repo: Repo, record: Record) -> None:
    """Take back what was done so far; the index too."""
    if record.phase == "applying":
        take_back(repo, record, {})
        restore_index(repo, record)
    unlock_index(repo)
    record.remove()


def restore_index(repo: Repo, record: Record) -> None:
    """Put the old index back if the new one is in place."""
    old = record.folder / "index.old"
    if old.exists() and not (record.folder / "index.new").exists():
        move(old, repo.git_dir / "index", record.folder.name)


def _remove_tree_of_empty(folder: Path) -> None:
    for inner, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(inner).rmdir()
