"""Git commits of a new repository."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from modelkeel.errors import KeelError

# Set by git for its hooks, and true for another repository.
_GIT_STATE = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
)


def first_commit(root: Path, message: str, email: str) -> None:
    """Make a rendered folder a git repository with one commit on `main`.

    Raises:
        KeelError: git refuses.
    """
    _git(root, "init", "--quiet")
    _git(root, "symbolic-ref", "HEAD", "refs/heads/main")  # as `init -b main`, for any git
    # From here on DVC works with git; the setting is for a folder that git does not keep.
    (root / ".dvc" / "config.local").unlink(missing_ok=True)
    commit_all(root, message, email)


def commit_all(root: Path, message: str, email: str) -> None:
    """Commit everything that git does not ignore; nothing happens when that is nothing.

    Git hooks do not run: they belong to an environment that may not exist yet.

    Args:
        root: the repository.
        message: of the commit.
        email: whose commit it is when git has no identity of its own.

    Raises:
        KeelError: git refuses.
    """
    _git(root, "add", "--all")
    if not _git(root, "status", "--porcelain"):
        return
    _git(root, *_identity(root, email), "commit", "--quiet", "--no-verify", "--message", message)


def without_git_state(environment: dict[str, str]) -> dict[str, str]:
    """An environment without the variables that point git at another repository."""
    return {key: value for key, value in environment.items() if key not in _GIT_STATE}


def _identity(root: Path, email: str) -> list[str]:
    """Options that stand in for what git's configuration and environment leave out."""
    options: list[str] = []
    for key, value in (("name", email.partition("@")[0]), ("email", email)):
        variables = [f"GIT_{role}_{key.upper()}" for role in ("AUTHOR", "COMMITTER")]
        if all(os.environ.get(variable) for variable in variables):
            continue
        if key == "email" and os.environ.get("EMAIL"):
            continue
        if not _git(root, "config", "--default", "", "--get", f"user.{key}").strip():
            options += ["-c", f"user.{key}={value}"]
    return options


def _git(root: Path, *arguments: str) -> str:
    shown = " ".join(("git", *arguments))
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=root,
            env=without_git_state(dict(os.environ)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
    except FileNotFoundError:
        raise KeelError("git was not found", remedy="install git, and put it on PATH") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or "no reason given"
        raise KeelError(
            f"`{shown}` ended with exit code {done.returncode} in {root}:\n{said}",
            remedy="set that right, then commit the folder yourself: git add -A && git commit",
        )
    return done.stdout
