"""Which projects a fleet has: from a list or a folder, each once."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from modelkeel.errors import BadInput, KeelError
from modelkeel.update import git
from modelkeel.update.branch import locate

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[A-Za-z0-9_.-]+@[^/]+:")


@dataclass
class Target:
    """A project of a fleet.

    Attributes:
        name: for its row, log and pull request.
        given: path or URL, as listed.
        folder: the project, for a URL its clone.
        key: of the repository; projects of one repository are done one after the other.
        prefix: of the project in its repository.
        url: to clone from, "" for a path.
        notes: about the list.
    """

    name: str
    given: str
    folder: Path
    key: str
    prefix: str = ""
    url: str = ""
    notes: list[str] = field(default_factory=list)


def find_targets(source: Path, clones: Path) -> list[Target]:
    """The projects of a list, one path or URL a line, or of a folder's children.

    Args:
        source: the list or the folder.
        clones: where repositories that are given by URL are kept.

    Raises:
        BadInput: there is no such list or folder, or nothing in it.
    """
    if source.is_dir():
        children = sorted(path for path in source.iterdir() if path.is_dir())
        given = [str(c.resolve()) for c in children if not c.name.startswith(".")]
        given = [name for name in given if Path(name) != clones.parent]
    elif source.is_file():
        lines = source.read_text(encoding="utf-8-sig").splitlines()
        given = [re.sub(r"(?:^|\s)#.*", "", line).strip() for line in lines]
    else:
        raise BadInput(
            f"{source} is not there", remedy="give a list of paths and URLs, or a folder"
        )
    base = source.parent if source.is_file() else source
    found: dict[tuple[str, str], Target] = {}
    for line in filter(None, given):
        target = _target(line, base, clones)
        first = found.setdefault((target.key, target.prefix), target)
        if first is not target:
            first.notes.append(f"listed again as {line}; done once")
    if not found:
        raise BadInput(f"{source} names no repository")
    _name_apart([*found.values()])
    return [*found.values()]


def groups(targets: list[Target]) -> list[list[Target]]:
    """Targets by repository, in the order of the list."""
    by_key: dict[str, list[Target]] = {}
    for target in targets:
        by_key.setdefault(target.key, []).append(target)
    return [*by_key.values()]


def fetch(target: Target) -> None:
    """Clone a repository that is given by URL, or bring its clone up to date.

    Raises:
        KeelError: it cannot be reached.
    """
    if not target.url:
        return
    if not (target.folder / ".git").is_dir():
        target.folder.parent.mkdir(parents=True, exist_ok=True)
        beside = target.folder.with_name(f"{target.folder.name}.part")
        shutil.rmtree(beside, ignore_errors=True)  # of a clone that was ended half-way
        git.run(target.folder.parent, "clone", "--quiet", "--", target.url, str(beside))
        beside.rename(target.folder)
        return
    repo = locate(target.folder)
    if repo is None:
        raise KeelError(f"{target.folder} is no clone of {target.url}", remedy="remove that folder")
    repo.git("fetch", "--quiet", "--prune", "--tags", "origin")
    repo.git("remote", "set-head", "origin", "--auto")
    repo.git("reset", "--quiet", "--hard", "origin/HEAD")


def _target(line: str, base: Path, clones: Path) -> Target:
    if _URL.match(line):
        plain = re.sub(r"(?:\.git)?/*$", "", line)
        name = re.split(r"[/:]", plain)[-1]
        digest = hashlib.sha256(plain.encode()).hexdigest()[:8]
        return Target(name, line, clones / f"{name}-{digest}", key=plain, url=line)
    folder = (base / Path(line).expanduser()).resolve()
    key, prefix = str(folder), ""
    if folder.is_dir():
        try:
            repo = locate(folder)
        except KeelError:
            repo = None
        if repo is not None:
            key, prefix = str(repo.common_dir), repo.prefix
    return Target(folder.name, line, folder, key, prefix)


def _name_apart(targets: list[Target]) -> None:
    used: set[str] = set()
    for target in targets:
        plain = re.sub(r"[^\w.-]+", "-", target.name) or "repository"
        name, number = plain, 1
        while name.lower() in used:
            number += 1
            name = f"{plain}-{number}"
        used.add(name.lower())
        target.name = name
