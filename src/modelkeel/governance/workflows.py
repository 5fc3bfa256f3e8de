"""What a repository's CI files say: what they pin, what they may do, who is asked to review."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelkeel.errors import BadInput

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_OWNERS = ("CODEOWNERS", ".github/CODEOWNERS", ".gitlab/CODEOWNERS", "docs/CODEOWNERS")


def ci_files(root: Path) -> list[Path]:
    """The workflows of GitHub and the pipeline of GitLab."""
    folder = root / ".github" / "workflows"
    found = sorted([*folder.glob("*.yml"), *folder.glob("*.yaml")])
    gitlab = root / ".gitlab-ci.yml"
    return [*found, gitlab] if gitlab.is_file() else found


def ci_problems(root: Path, path: Path) -> list[str]:
    """What is not pinned, or may do more than it needs, each with its place.

    Raises:
        BadInput: the file is no YAML.
    """
    name = path.relative_to(root).as_posix()
    text = path.read_text(encoding="utf-8")
    document = _read(path, text)
    lines = text.splitlines()
    found = [
        f"{name}:{_line(lines, used)}: {used} is {how}" for used, how in _unpinned(document, name)
    ]
    if not name.startswith(".gitlab"):
        found += [f"{name}:{_line(lines, 'permissions')}: {each}" for each in _rights(document)]
    return found


def _read(path: Path, text: str) -> dict[str, Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        """GitLab has tags of its own, such as !reference; they hold no image."""

    Loader.add_multi_constructor("!", lambda *_: None)
    try:
        document = yaml.load(text, Loader=Loader)  # noqa: S506  derived from SafeLoader
    except yaml.YAMLError as error:
        raise BadInput(f"{path}: no valid YAML: {error}", remedy="mend that line") from None
    if not isinstance(document, dict):
        raise BadInput(f"{path}: holds no mapping", remedy="write the jobs, or remove the file")
    return document


def _line(lines: list[str], text: str) -> int:
    """The line (from 1) where a text first stands."""
    return next((at for at, line in enumerate(lines, 1) if text in line), 1)


def _unpinned(document: dict[str, Any], name: str) -> Iterator[tuple[str, str]]:
    for key, value in _pairs(document):
        if key == "uses" and isinstance(value, str):
            if not value.startswith((".", "docker://")):
                _, _, ref = value.partition("@")
                if not _COMMIT.fullmatch(ref):
                    yield value, "not pinned to a commit"
            elif value.startswith("docker://") and _moves(value.removeprefix("docker://")):
                yield value, "not pinned to a tag or digest"
        elif key in ("image", "container", "services"):
            for image in _images(value):
                if _moves(image):
                    yield image, "not pinned to a tag or digest"
        elif key == "remote" and isinstance(value, str) and name.startswith(".gitlab"):
            yield value, "included from elsewhere, where it may change"


def _pairs(node: Any) -> Iterator[tuple[str, Any]]:
    """Every key of a document with its value, however deep."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield str(key), value
            yield from _pairs(value)
    elif isinstance(node, list):
        for each in node:
            yield from _pairs(each)


def _images(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        inner = value.get("image", value.get("name"))
        if isinstance(inner, str):
            yield inner
    elif isinstance(value, list):
        for each in value:
            yield from _images(each)


def _moves(image: str) -> bool:
    """Whether another image may be behind the same name tomorrow; a variable is not judged."""
    if "$" in image or "@sha256:" in image:
        return False
    tag = image.rpartition("/")[2].partition(":")[2]
    return tag in ("", "latest")


def _rights(document: dict[str, Any]) -> Iterator[str]:
    """What a GitHub workflow may do beyond what it names."""
    jobs = document.get("jobs")
    each = list(jobs.values()) if isinstance(jobs, dict) else []
    own = [job.get("permissions") for job in each if isinstance(job, dict)]
    if document.get("permissions") is None and (not own or any(given is None for given in own)):
        yield "permissions are not stated, so a job has the default ones"
    if any(given == "write-all" for given in (document.get("permissions"), *own)):
        yield "permissions: write-all lets a job write everything"


def codeowners(root: Path) -> Path | None:
    """The file that names who is asked to review."""
    return next((root / name for name in _OWNERS if (root / name).is_file()), None)


def owners_of(path: Path, folder: str) -> list[str]:
    """Whom the last rule that names a folder asks; nobody where no rule names it."""
    found: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        pattern, *owners = line.partition("#")[0].split() or [""]
        if pattern.strip("/").removesuffix("/**").removesuffix("/*") == folder:
            found = owners
    return found
