"""The files of a repository as git has them, for whatever looks at files alone."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

# What tools write; nobody commits it, and outside git it would be looked through in vain.
_WRITTEN = frozenset(
    {".git", ".venv", "venv", "node_modules", "__pycache__", ".dvc", ".nox", ".tox", "mlruns"}
)
_LARGEST = 256 * 1024
_KEY_NAMES = re.compile(
    r"(^|/)(id_(rsa|dsa|ecdsa|ed25519)|\.env(\.(?!example$|sample$|template$)[^/]+)?"
    r"|[^/]+\.(key|p12|pfx|jks|keystore))$",
    re.IGNORECASE,
)
_KEY_TEXT = re.compile(rb"^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\s*$", re.MULTILINE)


def tracked_files(root: Path) -> list[str] | None:
    """Paths that git tracks below a folder, relative to it; None outside a repository."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--", "."]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        return None
    if done.returncode:
        return None
    names = done.stdout.decode("utf-8", "surrogateescape").split("\0")
    return sorted(name for name in names if name)


def walked_files(root: Path) -> list[str]:
    """Paths below a folder, relative to it, without what tools write; symbolic links stay."""
    found = []
    for folder, inner, names in os.walk(root):
        inner[:] = sorted(name for name in inner if name not in _WRITTEN)
        found += [Path(folder, name).relative_to(root).as_posix() for name in names]
    return sorted(found)


def private_keys(root: Path, names: list[str]) -> list[str]:
    """Those of the files that hold a private key or secrets, by name or by what they say."""
    return [name for name in names if _KEY_NAMES.search(name) or _says_key(root / name)]


def _says_key(path: Path) -> bool:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _LARGEST:
            return False
        return _KEY_TEXT.search(path.read_bytes()) is not None
    except OSError:
        return False
