"""After a kill: what was left half-way is finished or taken back, before anything else happens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from modelkeel.errors import KeelError
from modelkeel.update import git
from modelkeel.update.git import Repo
from modelkeel.update.install import move_branch, restore_index, tidy
from modelkeel.update.journal import (
    Record,
    chain,
    lock_index,
    move,
    records,
    take_back,
    unlock_index,
)
from modelkeel.update.lock import hold
from modelkeel.update.scratch import sweep


@contextmanager
def working(repo: Repo) -> Iterator[int]:
    """Hold the repository's lock for an update, after `recover`: the lock's descriptor.

    Raises:
        Refused: another update is running.
    """
    repo.state_dir.mkdir(parents=True, exist_ok=True)
    with hold(repo.state_dir / "lock") as held:
        _recover(repo, held)
        yield held


def recover(repo: Repo) -> list[str]:
    """Finish or take back what a killed process left; what was done, in sentences.

    Raises:
        Refused: another update is running.
    """
    if not repo.state_dir.is_dir():
        return []
    left = any(r.phase not in {"done", "conflicts"} for r in records(repo))
    locked = (repo.git_dir / "index.lock").exists()
    if not left and not locked:
        sweep(repo)
        return []
    with hold(repo.state_dir / "lock", wait=10.0) as held:
        return _recover(repo, held)


def _recover(repo: Repo, held: int) -> list[str]:
    said: list[str] = []
    for record in reversed(records(repo)):
        if record.phase == "applying":
            said += _finish_or_take_back(repo, record)
        elif record.phase == "undoing":
            finish_undo(repo, record, held)
            said.append(f"the update to template {record.state['to']} has been taken back")
            said += record.notes
        elif record.phase == "":
            record.remove()
    unlock_index(repo)
    sweep(repo)
    return said


def head_of(repo: Repo) -> str:
    """Commit that the user's HEAD is at.

    Raises:
        KeelError: there is none.
    """
    try:
        return repo.git("rev-parse", "--verify", "--quiet", "HEAD^{commit}").strip()
    except git.GitFailed:
        raise KeelError(
            f"{repo.top} has no commit yet", remedy="git add -A && git commit"
        ) from None


def _finish_or_take_back(repo: Repo, record: Record) -> list[str]:
    head, commit = head_of(repo), record.state["commit"]
    _free_refs(repo, record)
    in_place = not (record.folder / "index.new").exists()
    if (commit and head == commit) or (not commit and in_place and record.state.get("stages")):
        record.save(phase="done" if commit else "conflicts")
        tidy(repo, record)
        return [f"the update to template {record.state['to']} was complete"]
    if head != record.state["head"]:
        kept = repo.state_dir / "kept" / f"{record.folder.name}-{head[:12]}"
        kept.parent.mkdir(parents=True, exist_ok=True)
        record.folder.rename(kept)
        text = f"an update was ended half-way and {repo.top} has new commits since; "
        return [f"{text}the files that it replaced are in {kept / 'old'}"]
    lock_index(repo)
    take_back(repo, record, {})
    restore_index(repo, record)
    unlock_index(repo)
    record.remove()
    return ["an update was ended half-way; the repository is as it was before", *record.notes]


def finish_undo(repo: Repo, record: Record, held: int) -> None:
    """Take an update back whose record says `undoing`; it may be done twice."""
    undo = record.state["undo"]
    lock_index(repo)
    for each in chain(repo, record):
        take_back(repo, each, undo["known"])
        record.notes.extend(n for n in each.notes if n not in record.notes)
    fresh = record.folder / "index.undo"
    if fresh.exists():
        move(fresh, repo.git_dir / "index", record.folder.name)
    unlock_index(repo)
    if undo["target"] and head_of(repo) == undo["head"]:
        move_branch(repo, undo["head"], undo["target"], undo["message"], held)
    with suppress(FileNotFoundError):
        message = repo.git_dir / "MERGE_MSG"
        if message.read_text(encoding="utf-8") == record.state.get("message"):
            message.unlink()
    for each in reversed(chain(repo, record)):
        each.remove()  # the newest, which says `undoing`, last


def _free_refs(repo: Repo, record: Record) -> None:
    """Remove lock files of the branch that a killed `git update-ref` of ours left."""
    name = repo.git("rev-parse", "--symbolic-full-name", "HEAD").strip()
    commit = (record.state["commit"] or "").encode()
    for path in (repo.git_dir / "HEAD.lock", repo.common_dir / f"{name}.lock"):
        with suppress(FileNotFoundError, NotADirectoryError):
            said = path.read_bytes().strip()
            old = time.time() - path.stat().st_mtime > 1
            if commit and (said == commit or (not said and old)):
                path.unlink()
