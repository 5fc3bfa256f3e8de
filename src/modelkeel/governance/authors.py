"""Who wrote what a bundle was made from, as git knows it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelkeel.errors import Refused
from modelkeel.governance.evidence.statements import statement_path
from modelkeel.governance.gates.gate import NotMeasured
from modelkeel.project import Project

# What decides how the model comes out; who changed it cannot be the second pair of eyes.
WRITTEN = ("src", "params.yaml", "charter.toml")
_FORMAT = "%ae%n%aE%n%(trailers:key=Co-authored-by,valueonly,separator=%x0A)"
_ADDRESS = re.compile(r"[^\s<>@]+@[^\s<>@]+")


def authors_of(root: Path, commit: str, since: str | None) -> set[str]:
    """E-mail addresses, in lower case, of who wrote a commit and what led to it.

    What changed after that commit counts too: charter and parameters come into a bundle without
    another training.

    Args:
        root: the project; it may be a part of a repository.
        commit: from which the model was trained.
        since: commit of the release before; everything counts when there is none.

    Raises:
        NotMeasured: there is no git, or not the whole of the history.
    """
    _refuse_cut(root, commit)
    spread = [commit, "HEAD", *([f"^{since}"] if since and _is_there(root, since) else [])]
    own = _git(root, "log", "-1", f"--format={_FORMAT}", commit)
    others = _git(root, "log", f"--format={_FORMAT}", *spread, "--", *WRITTEN)
    return {each.lower() for each in _ADDRESS.findall(own + others)}


def commit_before(project: Project, digest: str) -> str | None:
    """The commit of the newest release that is another bundle, if this machine can tell.

    Raises:
        Refused: the history of promotions is broken.
    """
    from modelkeel.model.promotions import read_history

    for entry in reversed(read_history(project)):
        if not entry.trial and entry.digest != digest:
            return _commit_in(project, entry.digest)
    return None


def _commit_in(project: Project, digest: str) -> str | None:
    """From its bundle if that is still there, else from the statement of its provenance."""
    from modelkeel.model.manifest import verify

    try:
        return verify(project.models_dir / "champion" / digest[:12], digest).manifest.code_commit
    except Refused:
        pass
    try:
        stated = json.loads(statement_path(project, digest, "provenance").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return next(_commits(stated), None)


def _commits(value: Any) -> Iterator[str]:
    """Git commits that a statement names as digests."""
    if isinstance(value, dict):
        if isinstance(found := value.get("gitCommit"), str):
            yield found
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _commits(each)


def _refuse_cut(root: Path, commit: str) -> None:
    if _git(root, "rev-parse", "--is-shallow-repository").strip() == "true":
        raise NotMeasured(
            f"{root}: holds only the newest commits, so not every author is known",
            "fetch the whole history: git fetch --unshallow (in CI, fetch-depth: 0)",
        )
    if not _is_there(root, commit):
        raise NotMeasured(
            f"the commit {commit[:12]} of the bundle is not in this repository",
            "fetch the branch that it was made on, or run `uv run dvc repro`",
        )


def _is_there(root: Path, commit: str) -> bool:
    try:
        _git(root, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    except NotMeasured:
        return False
    return True


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise NotMeasured("git is not on this machine", "install git") from None
    if done.returncode:
        raise NotMeasured(
            f"{root}: git does not tell who wrote it: {done.stderr.strip() or arguments[0]}",
            "put the project under git and build the bundle from a commit",
        )
    return done.stdout
