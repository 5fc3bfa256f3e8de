"""The Python packages of a project: those its lock pins, or those that are installed."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import Distribution, PackageMetadata, distributions
from pathlib import Path

from modelkeel.data.digest import sha256_file
from modelkeel.errors import KeelError
from modelkeel.project import Project

_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;]+)\s*(?:;\s*(.+))?")
_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*@")
_EXPORT = (
    *("uv", "export", "--frozen", "--quiet", "--no-hashes", "--no-header", "--no-annotate"),
    "--no-emit-project",
)


@dataclass(frozen=True)
class Installed:
    """A package that is installed: its name and version, what it says of itself, its files."""

    name: str
    version: str
    about: PackageMetadata
    files: Distribution


@dataclass(frozen=True)
class Environment:
    """Packages by name, and where they are known from.

    Attributes:
        source: `uv.lock` or `installed packages`.
        digest: SHA-256 of the lock, or of the list of what is installed.
        pinned: version by name.
        local: names of those that come from a folder, an address or git, not from an index.
    """

    source: str
    digest: str
    pinned: dict[str, str]
    local: tuple[str, ...]


def environment_digest(project: Project) -> tuple[str, str]:
    """Where the packages are known from, and its SHA-256; quick."""
    lock = project.root / "uv.lock"
    if lock.is_file():
        return "uv.lock", sha256_file(lock)
    lines = (f"{each.name}=={each.version}\n" for each in installed())
    return "installed packages", sha256("".join(lines).encode()).hexdigest()


def environment(project: Project) -> Environment:
    """The packages that the lock pins for this machine, or else those that are installed.

    Raises:
        KeelError: there is a lock, and uv cannot read it.
    """
    source, digest = environment_digest(project)
    if source == "uv.lock":
        pinned, local = _of_lock(project.root)
    else:
        pinned, local = _installed()
    return Environment(source, digest, pinned, tuple(sorted(local)))


def installed() -> list[Installed]:
    """What is installed, each name once, sorted."""
    found: dict[str, Installed] = {}
    for each in distributions():
        about = each.metadata  # read once: every access parses the file
        if about["Name"]:
            name = normal(about["Name"])
            found.setdefault(name, Installed(name, about["Version"] or "0", about, each))
    return [found[name] for name in sorted(found)]


def normal(name: str) -> str:
    """A package's name as an index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _installed() -> tuple[dict[str, str], set[str]]:
    pinned: dict[str, str] = {}
    local: set[str] = set()
    for each in installed():
        if each.files.read_text("direct_url.json"):
            local.add(each.name)
        else:
            pinned[each.name] = each.version
    return pinned, local


def _of_lock(root: Path) -> tuple[dict[str, str], set[str]]:
    from packaging.markers import Marker

    remedy = "run `uv lock`, and install uv where it is missing"
    try:
        done = subprocess.run(_EXPORT, cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise KeelError(f"{root / 'uv.lock'}: uv is not installed", remedy=remedy) from None
    if done.returncode:
        said = " ".join(done.stderr.split()) or "no reason given"
        raise KeelError(
            f"{root / 'uv.lock'}: uv cannot read it: {said[:300]}",
            remedy=remedy,
        )
    pinned: dict[str, str] = {}
    local: set[str] = set()
    for line in (line.strip() for line in done.stdout.splitlines()):
        if found := _PIN.fullmatch(line):
            name, version, marker = found.groups()
            if marker is None or Marker(marker).evaluate():
                pinned[normal(name)] = version
        elif line and not line.startswith("#"):
            named = _NAMED.match(line.removeprefix("-e "))
            local.add(normal(named[1]) if named else line.rstrip("/").rpartition("/")[2])
    return pinned, local
