"""Migrations: code of the template that adapts a repository to a release.

The template keeps them in `hooks/migrations/`, one module a release; what they look like is told
there. They are found and ordered here without being run; `migration_worker` runs them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from packaging.version import InvalidVersion, Version

from modelkeel.errors import KeelError, Refused
from modelkeel.update import git
from modelkeel.update.contents import by_lines, by_structure, recheck_contents
from modelkeel.update.template import Release

if TYPE_CHECKING:
    import libcst

# Texts of a file in the old and in the new template by its path; None: not there, or not text.
OwnFiles: TypeAlias = Mapping[str, tuple[str | None, str | None]]
FOLDER = "hooks/migrations"
_MARKERS = re.compile(r"^(<{7} |>{7} )", re.MULTILINE)


@dataclass(frozen=True)
class Step:
    """A migration that has been found.

    Attributes:
        name: of the module.
        first: oldest version it starts from.
        last: version it leads to.
        code: of the module.
        maps_answers: does it change answers?
    """

    name: str
    first: Version
    last: Version
    code: str
    maps_answers: bool


def find_steps(mirror: Path, old: Release, new: Release) -> list[Step]:
    """Migrations of the new version's template between two releases, in order.

    Raises:
        Refused: the repository is older than a migration can start from.
        KeelError: a module has no valid FROM, TO and migrate.
    """
    env = {"GIT_DIR": str(mirror)}
    found = git.list_tree(mirror, f"{new.commit}^{{tree}}", env)
    paths = {
        path: entry.oid
        for path, entry in found.items()
        if re.fullmatch(rf"{FOLDER}/[A-Za-z0-9]\w*\.py", path)
    }
    if not paths or old.version is None or new.version is None:
        return []
    blobs = git.read_blobs(mirror, paths.values(), env)
    steps = [_read(path, blobs[oid].decode("utf-8")) for path, oid in paths.items()]
    due = [step for step in steps if old.version < step.last <= new.version]
    for step in due:
        if old.version < step.first:
            raise Refused(
                f"migration {step.name} starts from {step.first}, this repository is at {old.name}",
                remedy=f"update to {step.first} first: keel update --to {step.first}",
            )
    return sorted(due, key=lambda step: (step.last, step.name))


def _read(path: str, code: str) -> Step:
    name = Path(path).stem
    values: dict[str, Any] = {}
    functions: set[str] = set()
    try:
        for node in ast.parse(code).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                if node.targets[0].id in ("FROM", "TO"):
                    values[node.targets[0].id] = ast.literal_eval(node.value)
            elif isinstance(node, ast.FunctionDef):
                functions.add(node.name)
        first, last = Version(values["FROM"]), Version(values["TO"])
    except (SyntaxError, ValueError, KeyError, TypeError, InvalidVersion) as error:
        raise KeelError(
            f"migration {path} of the template is not usable: {type(error).__name__}: {error}",
            remedy="it needs FROM and TO as texts, and migrate(repo)",
        ) from None
    if "migrate" not in functions:
        raise KeelError(f"migration {path} of the template has no function migrate(repo)")
    return Step(name, first, last, code, "answers" in functions)


class Stopped(Exception):
    """A migration refuses to go on."""


@dataclass
class Migration:
    """What a migration works on, with helpers that can run twice.

    Attributes:
        root: the generated project in the update's work tree.
        notes: told to the user after the update.
        own: files of the project as the template had them and as it has them now, by path, where
            the two differ; None: it had, or has, no such file.
    """

    root: Path
    notes: list[str] = field(default_factory=list)
    own: OwnFiles = field(default_factory=dict)

    def exists(self, path: str) -> bool:
        """Is there a file or folder?"""
        return self._at(path).exists()

    def read(self, path: str) -> str:
        """Text of a file, line ends as they are."""
        return self._at(path).read_bytes().decode("utf-8")

    def write(self, path: str, text: str) -> None:
        """Write a file, line ends as given."""
        target = self._at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode("utf-8"))

    def move(self, old: str, new: str) -> bool:
        """Move a file or folder; nothing happens when it is moved already.

        Raises:
            Stopped: something else is at the new path.
        """
        source, target = self._at(old), self._at(new)
        if not source.exists() and not source.is_symlink():
            return False
        if target.exists():
            raise Stopped(f"{old} should become {new}, but there is a {new} already")
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
        return True

    def replace(self, path: str, old: str, new: str) -> bool:
        """Replace a text where it is found."""
        if not self.exists(path):
            return False
        text = self.read(path)
        if old not in text:
            return False
        self.write(path, text.replace(old, new))
        return True

    def follow(self, *patterns: str) -> bool:
        """Bring files of the project to the template's new version, with the user's edits kept.

        All of them or, where an edit stands in the way of one, none: they belong together. What the
        user deleted stays deleted.

        Args:
            patterns: of paths below the project, as "src/*/train.py".

        Returns:
            Whether all of them follow; else the user is told which do not.
        """
        merged: dict[str, str] = {}
        stuck: list[str] = []
        for path, (old, new) in sorted(self.own.items()):
            wanted = any(fnmatchcase(path, pattern) for pattern in patterns)
            if not wanted or new is None or not self.exists(path):
                continue
            mine = self.read(path)
            found = new if mine == old else merge_versions(path, old or "", mine, new)
            if found is None:
                stuck.append(path)
            else:
                merged[path] = found
        if stuck:
            names = ", ".join(stuck)
            self.note(
                f"your edits of {names} do not go with the template's: none of them follows it"
            )
            return False
        for path, text in merged.items():
            self.write(path, text)
        return True

    def codemod(self, pattern: str, change: Callable[[libcst.Module], libcst.Module]) -> list[str]:
        """Change Python files by libcst; files that do not parse are noted and left.

        Args:
            pattern: of paths below the project, as "src/**/*.py".
            change: takes a module and returns it changed, or as it is.

        Returns:
            Paths that changed.
        """
        import libcst

        changed: list[str] = []
        for target in sorted(self.root.glob(pattern)):
            path = target.relative_to(self.root).as_posix()
            if target.is_symlink() or not target.is_file():
                continue
            data = target.read_bytes()
            try:
                module = libcst.parse_module(data)
            except (libcst.ParserSyntaxError, UnicodeDecodeError):
                self.notes.append(f"{path} is no valid Python and was not migrated")
                continue
            done = change(module).bytes
            if done != data:
                target.write_bytes(done)
                changed.append(path)
        return changed

    def rename_import(self, old: str, new: str, pattern: str = "**/*.py") -> list[str]:
        """Rename a module in the imports of Python files: `import old`, `from old.x import y`."""
        import libcst

        class Rename(libcst.CSTTransformer):
            """Dotted names in import statements."""

            def leave_Import(  # noqa: N802
                self, _: libcst.Import, node: libcst.Import
            ) -> libcst.Import:
                """Rename the modules of `import a, b as c`."""
                names = [n.with_changes(name=_renamed(n.name, old, new)) for n in node.names]
                return node.with_changes(names=names)

            def leave_ImportFrom(  # noqa: N802
                self, _: libcst.ImportFrom, node: libcst.ImportFrom
            ) -> libcst.ImportFrom:
                """Rename the module of `from a import b`."""
                if node.relative or node.module is None:
                    return node
                return node.with_changes(module=_renamed(node.module, old, new))

        return self.codemod(pattern, lambda module: module.visit(Rename()))

    def set_answer(self, key: str, value: object, file: str = ".copier-answers.yml") -> None:
        """Write an answer into the answers file; `answers(old)` of a module is for all others."""
        from ruamel.yaml import YAML

        yaml = YAML()
        yaml.preserve_quotes = True
        target = self._at(file)
        data = yaml.load(target.read_text(encoding="utf-8"))
        if data.get(key) == value and key in data:
            return
        data[key] = value
        with target.open("w", encoding="utf-8", newline="") as stream:
            yaml.dump(data, stream)

    def conflicted(self, paths: Iterable[str]) -> list[str]:
        """Which of these files hold conflict markers."""
        return [p for p in paths if self.exists(p) and _MARKERS.search(self.read(p))]

    def note(self, text: str) -> None:
        """Tell the user something after the update."""
        self.notes.append(text)

    def refuse(self, reason: str) -> NoReturn:
        """Stop the update; nothing of it stays."""
        raise Stopped(reason)

    def _at(self, path: str) -> Path:
        target = self.root / path
        if not target.resolve().is_relative_to(self.root.resolve()):
            raise Stopped(f"{path} is outside of the repository")
        return target


def merge_versions(path: str, old: str, mine: str, new: str) -> str | None:
    """The user's and the template's changes of a file together; None where they conflict."""
    texts = {n: text.encode("utf-8") for n, text in enumerate((old, mine, new), start=1)}
    if mine == new:
        return mine
    lines, clean = by_lines(texts, "template")
    data = recheck_contents(path, texts, lines) if clean and lines else by_structure(path, texts)
    return None if data is None else data.decode("utf-8")


def _renamed(node: Any, old: str, new: str) -> Any:
    import libcst

    dotted = libcst.Module([]).code_for_node(node)
    if dotted != old and not dotted.startswith(f"{old}."):
        return node
    return libcst.parse_expression(new + dotted[len(old) :])
