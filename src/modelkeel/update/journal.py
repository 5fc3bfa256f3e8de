"""The journal of an update: what it does to the user's files, so that it can be taken back.

`.git/modelkeel/updates/N/` holds one update: `state.json`, the files to come in `new/`, those that
were replaced or removed in `old/`, the index before and after. A folder without `state.json` never
touched anything. Phases:

    applying   files are being put in place; taken back after a kill, unless all is in place
    conflicts  in place, and waiting for the user
    done       in place and committed; kept for undo
    undoing    being taken back; finished after a kill
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelkeel.errors import Refused
from modelkeel.update.git import Repo

LOCK_TOKEN = b"keel update\n"


@dataclass
class Record:
    """One update in the journal.

    Attributes:
        folder: of this update.
        state: what `state.json` holds.
        notes: files that were set aside while it was taken back.
    """

    folder: Path
    state: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def number(self) -> int:
        """Its place in the order of updates."""
        return int(self.folder.name)

    @property
    def phase(self) -> str:
        """Where it stands; empty when it has touched nothing."""
        return str(self.state.get("phase", ""))

    @property
    def items(self) -> dict[str, dict[str, Any]]:
        """By path: `had` a file before, print of the `new` file, `alone` when left as it is."""
        items: dict[str, dict[str, Any]] = self.state.get("items", {})
        return items

    def save(self, **changes: Any) -> None:
        """Write the state; it is the old or the new one, whatever happens."""
        self.state.update(changes)
        target = self.folder / "state.json"
        fresh = target.with_suffix(".tmp")
        with fresh.open("w", encoding="utf-8") as stream:
            json.dump(self.state, stream)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(target)
        _sync_folder(self.folder)

    def remove(self) -> None:
        """Forget it; the state goes first, so that a rest is known as rubbish."""
        (self.folder / "state.json").unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def records(repo: Repo) -> list[Record]:
    """All updates in the journal, oldest first; those without a state too."""
    folder = repo.state_dir / "updates"
    found: list[Record] = []
    for each in folder.iterdir() if folder.is_dir() else ():
        if each.name.isdecimal():
            record = Record(each)
            with suppress(FileNotFoundError):
                record.state = json.loads((each / "state.json").read_text(encoding="utf-8"))
            found.append(record)
    return sorted(found, key=lambda record: record.number)


def new_record(repo: Repo) -> Record:
    """An empty folder for the next update."""
    number = max((record.number for record in records(repo)), default=0) + 1
    folder = repo.state_dir / "updates" / str(number)
    folder.mkdir(parents=True)
    return Record(folder)


def chain(repo: Repo, record: Record) -> list[Record]:
    """A record and those that it goes on from, the newest first."""
    by_number = {each.number: each for each in records(repo)}
    found = [record]
    while found[-1].state.get("follows") in by_number:
        found.append(by_number[found[-1].state["follows"]])
    return found


def fingerprint(path: Path) -> str | None:
    """Kind, executable bit and content of a file or link; None when there is none."""
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(mode):
        return f"link:{path.readlink()}"
    if not stat.S_ISREG(mode):
        return "other"
    kind = "exec" if mode & 0o100 else "file"
    with path.open("rb") as stream:
        return f"{kind}:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def signature(path: Path) -> tuple[int, ...] | None:
    """What changes when a file is written to; None when there is none."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode)


def move(source: Path, target: Path, mark: str) -> None:
    """Move a file over another in one step, also from another file system."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != 18:  # EXDEV
            raise
        fresh = _beside(target, mark)
        shutil.copy2(source, fresh, follow_symlinks=False)
        fresh.replace(target)
        source.unlink()


def keep_copy(source: Path, target: Path) -> None:
    """A second name for a file, or a copy where the file system has none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        fresh = target.with_name(f"{target.name}.part")
        shutil.copy2(source, fresh, follow_symlinks=False)
        fresh.replace(target)


def take_back(repo: Repo, record: Record, known: dict[str, list[str]]) -> None:
    """Put the files of the work tree back as they were; it may be done twice.

    Args:
        repo: the user's repository.
        record: of the update.
        known: prints of contents by path that need not be kept; any other content that has come to
            be at a path is set aside in `.git/modelkeel/kept`.
    """
    active = {path: item for path, item in record.items.items() if not item["alone"]}
    old = record.folder / "old"
    for path, item in reversed(active.items()):
        with suppress(FileNotFoundError, NotADirectoryError):
            _beside(repo.top / path, record.folder.name).unlink()
        if not item["had"] and not _is_folder(repo.top / path):
            _clear(repo, record, path, [item["new"], *known.get(path, [])])
    remove_empty(repo.top, reversed(record.state.get("made", [])))
    for path, item in active.items():
        backup, target = old / path, repo.top / path
        if not item["had"] or not os.path.lexists(backup):
            continue
        if os.path.lexists(target) and _same_file(backup, target):
            backup.unlink()  # it was not replaced yet
            continue
        _clear(repo, record, path, [item["new"], *known.get(path, [])])
        target.parent.mkdir(parents=True, exist_ok=True)
        move(backup, target, record.folder.name)


def remove_empty(top: Path, folders: Iterable[str]) -> None:
    """Remove folders, as far as they are empty."""
    for folder in folders:
        with suppress(OSError):
            (top / folder).rmdir()


def parents(paths: Iterable[str]) -> list[str]:
    """All folders above paths, outer ones first."""
    found: dict[str, None] = {}
    for path in paths:
        parts = path.split("/")
        for end in range(1, len(parts)):
            found.setdefault("/".join(parts[:end]))
    return sorted(found, key=lambda folder: (folder.count("/"), folder))


def lock_index(repo: Repo) -> None:
    """Keep git from writing the index, as git's own commands do.

    Raises:
        Refused: a git command is at work.
    """
    path = repo.git_dir / "index.lock"
    token = repo.state_dir / "token"
    token.write_bytes(LOCK_TOKEN)
    try:
        os.link(token, path)  # it appears with its content, so that it is known after a kill
    except FileExistsError:
        if path.read_bytes() == LOCK_TOKEN:
            return
        raise Refused(
            f"git is at work in {repo.top} ({path} exists)",
            remedy="let it finish; if no git runs, remove that file",
        ) from None
    except OSError:
        with path.open("xb") as stream:  # a file system without links
            stream.write(LOCK_TOKEN)


def unlock_index(repo: Repo) -> None:
    """Give the index back, if it was locked here."""
    path = repo.git_dir / "index.lock"
    with suppress(FileNotFoundError):
        if path.read_bytes() == LOCK_TOKEN:
            path.unlink()


def waiting(repo: Repo) -> Record | None:
    """The update that waits for the user to settle its conflicts."""
    found = records(repo)
    last = found[-1] if found else None
    return last if last and last.phase == "conflicts" else None


def last_done(repo: Repo) -> Record | None:
    """The last update that was finished."""
    found = [record for record in records(repo) if record.phase == "done"]
    return found[-1] if found else None


def refuse_waiting(repo: Repo) -> None:
    """Stop when an update waits for its conflicts to be settled.

    Raises:
        Refused: it does.
    """
    record = waiting(repo)
    if record:
        raise Refused(
            f"the update to template {record.state['to']} waits for its conflicts",
            remedy="settle them, then keel update --continue; or keel update --abort",
        )


def _clear(repo: Repo, record: Record, path: str, known: list[str | None]) -> None:
    """Make a path free; a content that is nobody else's goes to a safe place."""
    target = repo.top / path
    found = fingerprint(target)
    if found is None:
        return
    if found == "other":
        with suppress(OSError):
            target.rmdir()
            return
    if found in known:
        target.unlink()
        return
    kept = repo.state_dir / "kept" / record.folder.name / path
    while os.path.lexists(kept):
        kept = kept.with_name(kept.name + "~")
    kept.parent.mkdir(parents=True, exist_ok=True)
    move(target, kept, record.folder.name)
    record.notes.append(f"{path} had been changed meanwhile; that version is in {kept}")


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _beside(path: Path, mark: str) -> Path:
    return path.with_name(f".{path.name}.keel-{mark}")


def _same_file(left: Path, right: Path) -> bool:
    one, other = left.lstat(), right.lstat()
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
