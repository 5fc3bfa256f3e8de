"""A repository as files: names, and texts read once; nothing of it is imported or run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from modelkeel.governance.tracked import tracked_files, walked_files

_LARGEST_TEXT = 2_000_000
_MOST_TEXTS = 2000


@dataclass(frozen=True)
class Repository:
    """A folder that modelkeel did not make.

    Attributes:
        root: the folder.
        names: its files: what git tracks, or all of them where there is no git.
        in_git: whether it is a git repository.
    """

    root: Path
    names: tuple[str, ...]
    in_git: bool

    @classmethod
    def read(cls, root: Path) -> Repository:
        """List the files of a folder."""
        tracked = tracked_files(root)
        names = walked_files(root) if tracked is None else tracked
        return cls(root, tuple(names), tracked is not None)

    def matching(self, *patterns: str) -> list[str]:
        """Files whose path matches a pattern; one without a slash is matched with the name."""
        compiled = [re.compile(pattern, re.IGNORECASE) for pattern in patterns]
        return [
            name
            for name in self.names
            if any(
                each.fullmatch(name if "/" in each.pattern else PurePosixPath(name).name)
                for each in compiled
            )
        ]

    def size(self, name: str) -> int:
        """Bytes of a file; 0 for one that is not there."""
        try:
            return (self.root / name).stat().st_size
        except OSError:
            return 0

    def text(self, name: str) -> str:
        """A file's text; empty for a large, missing or linked one."""
        path = self.root / name
        try:
            if path.is_symlink() or self.size(name) > _LARGEST_TEXT:
                return ""
            return path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    @cached_property
    def code(self) -> dict[str, str]:
        """Python files and notebooks with their text; of very many only the first."""
        names = [name for name in self.names if name.endswith((".py", ".ipynb"))]
        return {name: self.text(name) for name in names[:_MOST_TEXTS]}

    def importing(self, *packages: str) -> Iterator[tuple[str, str]]:
        """Files that import one of the packages, with the package, in order."""
        listed = "|".join(map(re.escape, packages))
        pattern = re.compile(rf'(?:^|["\s])(?:import|from)\s+({listed})\b', re.MULTILINE)
        for name, text in self.code.items():
            if found := pattern.search(text):
                yield name, found[1]
