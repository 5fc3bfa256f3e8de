"""All files of a conclusion at once, or none of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from modelkeel.errors import BadInput, KeelError

_HOLD = ".keel-infer"
_JOURNAL = "journal.json"


def refuse_unsaved(root: Path, paths: Iterable[str]) -> None:
    """Stop where a file to be replaced or removed is not as git has it.

    Raises:
        BadInput: naming the files.
    """
    there = [path for path in paths if (root / path).is_file()]
    if not there:
        return
    git = ["git", "-c", "core.quotepath=off"]
    inside = subprocess.run(
        [*git, "rev-parse", "--verify", "HEAD"], cwd=root, capture_output=True, check=False
    )
    if inside.returncode:
        raise BadInput(
            f"{root}: has no commit, so what is replaced could not be brought back",
            remedy="commit first (git add -A && git commit), or replace it with --force",
        )
    listed = subprocess.run(
        [*git, "ls-files", "-z", "--", *there], cwd=root, capture_output=True, check=True
    )
    kept = set(listed.stdout.decode().split("\0"))
    status = subprocess.run(
        [*git, "status", "--porcelain", "-z", "--no-renames", "--", *there],
        cwd=root,
        capture_output=True,
        check=True,
    )
    changed = {line[3:] for line in status.stdout.decode().split("\0") if line}
    prefix = subprocess.run(
        [*git, "rev-parse", "--show-prefix"], cwd=root, capture_output=True, check=True
    )
    top = prefix.stdout.decode().strip()
    unsaved = sorted(path for path in there if path not in kept or f"{top}{path}" in changed)
    if unsaved:
        shown = ", ".join(unsaved[:5]) + (", …" if len(unsaved) > 5 else "")
        raise BadInput(
            f"{shown}: would be replaced, and git does not have it as it is",
            remedy="commit your changes, or replace them with --force",
        )


def write_all(
    root: Path, files: Mapping[str, bytes | Path], removed: Iterable[str], moved: Mapping[str, str]
) -> None:
    """Write, remove and move files of a project; on any failure all is as before.

    What is replaced is held aside with a journal, so that after a kill the next run puts it back.

    Args:
        root: the project.
        files: content by path, or the file to copy.
        removed: paths to remove.
        moved: new path by old path.

    Raises:
        KeelError: a file cannot be written.
    """
    put_back(root)
    hold = root / _HOLD
    gone = [path for path in removed if (root / path).is_file() and path not in files]
    going = {old: new for old, new in moved.items() if (root / old).is_file()}
    try:
        _stage(root, hold, files)
        touched = [*files, *gone, *going, *going.values()]
        for path in touched:
            if (root / path).is_file():
                _copy(root / path, hold / "old" / path)
        journal = {path: (root / path).is_file() for path in touched}
        (hold / _JOURNAL).write_text(json.dumps(journal), encoding="utf-8")
        for path in files:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (hold / "new" / path).replace(root / path)
        for path in gone:
            (root / path).unlink()
        for old, new in going.items():
            (root / old).replace(root / new)
    except BaseException as error:
        put_back(root)
        shutil.rmtree(hold, ignore_errors=True)
        if isinstance(error, OSError):
            raise KeelError(
                f"{error.filename or root}: {error.strerror or error}; nothing was changed",
                remedy="make room on the disk or mend the permissions, and run it again",
            ) from None
        raise
    (hold / _JOURNAL).unlink()
    shutil.rmtree(hold, ignore_errors=True)


def put_back(root: Path) -> None:
    """Undo what a run that was killed had begun."""
    hold = root / _HOLD
    if not (hold / _JOURNAL).is_file():
        shutil.rmtree(hold, ignore_errors=True)
        return
    journal = json.loads((hold / _JOURNAL).read_text(encoding="utf-8"))
    for path, was_there in journal.items():
        if was_there:
            _copy(hold / "old" / path, root / path)
        elif (root / path).is_file():
            (root / path).unlink()
    (hold / _JOURNAL).unlink()
    shutil.rmtree(hold, ignore_errors=True)


def _stage(root: Path, hold: Path, files: Mapping[str, bytes | Path]) -> None:
    for path, content in files.items():
        new = hold / "new" / path
        new.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copyfile(content, new)
        else:
            new.write_bytes(content)
        if (root / path).is_file():
            shutil.copymode(root / path, new)
        with new.open("rb") as file:
            os.fsync(file.fileno())


def _copy(old: Path, new: Path) -> None:
    new.parent.mkdir(parents=True, exist_ok=True)
    beside = new.with_name(f".{new.name}.part")
    shutil.copy2(old, beside)
    beside.replace(new)
