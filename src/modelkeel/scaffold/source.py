"""Where the template is taken from, and what it asks."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from modelkeel.errors import BadInput

REPOSITORY = "https://github.com/modelkeel/modelkeel"
_URL = re.compile(r"gh:|gl:|git@|git\+|[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True)
class Source:
    """A template.

    Attributes:
        address: absolute path or git URL.
        ref: tag, branch or commit; HEAD means with uncommitted changes; None means the newest
            release.
        folder: the template on this machine, None for a URL.
    """

    address: str
    ref: str | None
    folder: Path | None


def find_source(template: str | None, ref: str | None) -> Source:
    """The template to render.

    Args:
        template: a path or git URL; None for the one that this library belongs to: the checkout it
            runs from, else the release of its own version.
        ref: tag, branch or commit; None for HEAD of a checkout, the newest release of a URL.

    Raises:
        BadInput: the path holds no template.
    """
    if template is None:
        root = checkout()
        if root is None:
            return Source(REPOSITORY, ref or f"v{version('modelkeel')}", None)
        template = str(root)
    if _URL.match(template):
        return Source(template, ref, None)
    folder = Path(template).expanduser().resolve()
    if folder.name.endswith(".git") and (folder / "HEAD").is_file():
        return Source(folder.as_uri(), ref, None)  # a bare repository
    if not (folder / "copier.yml").is_file():
        raise BadInput(
            f"{folder} is no template: it has no copier.yml",
            remedy="give the folder of a modelkeel checkout, or a git URL",
        )
    if is_checkout(folder):
        # Copier reads HEAD of a checkout with what is uncommitted; without a ref it would go back
        # to the newest tag, and the library beside the template would be newer than that.
        return Source(str(folder), ref or "HEAD", folder)
    if ref is not None:
        raise BadInput(
            f"{folder} is in no git repository, so it has no {ref!r}",
            remedy="leave out --ref, or give a git checkout",
        )
    return Source(str(folder), None, folder)


def checkout() -> Path | None:
    """The folder of the template that this library lies in, None when it is installed alone."""
    root = Path(__file__).resolve().parents[3]
    beside = (root / "copier.yml").is_file() and (root / "src" / "modelkeel").is_dir()
    return root if beside else None


def is_checkout(folder: Path) -> bool:
    """Is the folder the root of a git work tree?"""
    found = _git(folder, "rev-parse", "--show-toplevel")
    return found is not None and Path(found.strip()).resolve() == folder


def read_questions(source: Source) -> dict[str, dict[str, Any]] | None:
    """The template's questions by name, None when they are not on this machine."""
    import yaml

    if source.folder is None:
        return None
    if source.ref in (None, "HEAD"):
        text: str | None = (source.folder / "copier.yml").read_text(encoding="utf-8")
    else:
        text = _git(source.folder, "show", f"{source.ref}:copier.yml")
    if text is None:
        return None
    return {
        name: details if isinstance(details, dict) else {"default": details}
        for name, details in yaml.safe_load(text).items()
        if not name.startswith("_")
    }


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, check=True, encoding="utf-8"
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout
