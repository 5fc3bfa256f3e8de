"""Which files have a structure that is known here, and how their parsers fail."""

from __future__ import annotations

from pathlib import PurePosixPath

from libcst import ParserSyntaxError
from ruamel.yaml.error import YAMLError

from modelkeel.update.structured import lines, makefile
from modelkeel.update.structured.data import Unclear

# Parsers meet any text at all: what they raise on it only says that it is not theirs.
FAILURES = (
    Unclear,
    ValueError,
    SyntaxError,
    LookupError,
    ArithmeticError,
    AttributeError,
    TypeError,
    AssertionError,
    RecursionError,
    MemoryError,
    NotImplementedError,
    ParserSyntaxError,
    YAMLError,
)

_SUFFIXES = {
    ".toml": "toml",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".json": "json",
    ".jsonc": "json",
    ".code-workspace": "json",
    ".md": "markdown",
    ".markdown": "markdown",
    ".py": "python",
    ".pyi": "python",
    ".ini": "ini",
    ".cfg": "ini",
}
_INI = {".editorconfig", ".flake8", ".coveragerc", ".pylintrc", ".style.yapf", ".bumpversion.cfg"}
# What a tool computes from other files is computed again, not merged.
_COMPUTED = {"package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "pixi.lock"}


def format_of(path: str) -> str | None:
    """Return the format of a file by its name, None when its structure is not known."""
    file = PurePosixPath(path)
    if file.name in _COMPUTED:
        return None
    if makefile.is_makefile(file.name):
        return "makefile"
    if file.name in _INI:
        return "ini"
    return lines.kind_of(path) or _SUFFIXES.get(file.suffix.lower())
