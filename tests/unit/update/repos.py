"""Folders and git repositories as the tests of adoption and of fleets lay them."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@firm.org")
    command = ["git", *identity, *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def commit(folder: Path, tag: str = "") -> Path:
    """Commit all that is there, in a repository made on the way; and tag it."""
    if not (folder / ".git").exists():
        git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "work")
    if tag:
        git(folder, "tag", tag)
    return folder


def snapshot(folder: Path, *, with_git: bool = False) -> dict[str, str]:
    """Digests of all files below a folder, without what git keeps unless asked."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(
            bytes(path.readlink()) if path.is_symlink() else path.read_bytes()
        ).hexdigest()
        for path in sorted(folder.rglob("*"))
        if (path.is_symlink() or path.is_file())
        and (with_git or ".git" not in path.relative_to(folder).parts)
    }
