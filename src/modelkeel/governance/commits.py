"""What git says of the commit that a model was made from."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

_HASH = re.compile(r"[0-9a-f]{7,64}")


def has_commit(root: Path, commit: str) -> bool:
    """Whether git has this commit here; a shallow clone may not."""
    if not _HASH.fullmatch(commit):
        return False
    return _git(root, "cat-file", "-e", f"{commit}^{{commit}}") is not None


def text_at(root: Path, commit: str, name: str) -> str | None:
    """A file of the project as a commit has it; None if that commit has no such file."""
    found = _git(root, "show", f"{commit}:./{name}")
    return None if found is None else found.decode("utf-8", "replace")


def is_in_history(root: Path, commit: str) -> bool:
    """Whether the commit is HEAD or came before it."""
    return _git(root, "merge-base", "--is-ancestor", commit, "HEAD") is not None


def _git(root: Path, *arguments: str) -> bytes | None:
    """What git prints; None where it fails or is not installed."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
