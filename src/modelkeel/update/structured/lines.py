"""Files of lines: ignore and attribute files, code owners, requirements, environment examples."""

from __future__ import annotations

import re
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import product
from pathlib import PurePosixPath

from modelkeel.update.structured.combine import Manner, merge_nodes
from modelkeel.update.structured.data import Unclear
from modelkeel.update.structured.node import Node, checked
from modelkeel.update.structured.rules import requirement_name

_IGNORES = {".gitignore", ".dockerignore", ".dvcignore", ".prettierignore", ".eslintignore"}
_OWNERS = {"CODEOWNERS", ".gitattributes"}
_REQUIREMENTS = re.compile(r"(?:.*[-_.])?(?:requirements|constraints)(?:[-_.].*)?\.(?:txt|in)")
_ENVIRONMENT = re.compile(r"\.env\.(?:example|sample|template|dist)|(?:example|sample)\.env")
_OWNER_PATTERN = re.compile(r"(?:\\.|\S)+")


def kind_of(path: str) -> str | None:
    """Return "ignore", "owners", "requirements" or "environment" for a file of lines."""
    file = PurePosixPath(path)
    if file.name in _IGNORES:
        return "ignore"
    if file.name in _OWNERS:
        return "owners"
    if _REQUIREMENTS.fullmatch(file.name) or (
        file.suffix in (".txt", ".in") and file.parent.name == "requirements"
    ):
        return "requirements"
    return "environment" if _ENVIRONMENT.fullmatch(file.name) else None


def merge(kind: str, base: str, ours: str, theirs: str) -> str:
    """Return the merged file.

    Raises:
        Unclear: both sides' changes do not go together, or their order counts.
    """
    old, our, their = (parse(kind, text) for text in (base, ours, theirs))
    manner = Manner(by_name=lambda _: kind in ("requirements", "environment"))
    result = merge_nodes(old, our, their, manner)
    if kind in ("ignore", "owners"):
        _check_order(kind, old, our, their)
    return result.text


def parse(kind: str, text: str) -> Node:
    """Return the tree of a file: one node an entry or comment, with the blank lines above it."""
    items: list[Node] = []
    lead = pending = ""
    for line in text.splitlines(keepends=True):
        if not pending and not line.strip():
            lead += line
            continue
        if not pending and items and not lead and re.match(r"[ \t]+#", line):
            items[-1] = replace(items[-1], trail=items[-1].trail + line)  # `# via` below a package
            continue
        pending += line
        entry = pending.rstrip()
        if kind == "requirements" and entry.endswith("\\"):
            continue
        name = entry if entry.startswith("#") else _name(kind, entry)
        items.append(Node("scalar", name=name, lead=lead, head=entry, trail=pending[len(entry) :]))
        lead = pending = ""
    if pending:
        raise Unclear("a line that goes on after the end")
    return checked(Node("map", items=tuple(_numbered(items)), tail=lead), text)


def data(kind: str, text: str) -> dict[str, str]:
    """Return the entries of a file by what identifies them."""
    return {item.name: " ".join(item.head.split()) for item in parse(kind, text).items}


def _name(kind: str, entry: str) -> str:
    if kind == "requirements":
        plain = re.split(r"\s#|\s--|\s*\\\n", entry)[0].strip()
        return requirement_name(plain) or plain
    if kind == "environment":
        return entry.partition("=")[0].removeprefix("export ").strip()
    if kind == "owners":
        found = _OWNER_PATTERN.match(entry.strip())
        return found[0] if found and not entry.startswith("[") else entry
    return entry


def _numbered(items: list[Node]) -> list[Node]:
    """Tell apart the entries of a pattern or package that occurs again."""
    seen: dict[str, int] = {}
    numbered: list[Node] = []
    for item in items:
        count = seen[item.name] = seen.get(item.name, 0) + 1
        numbered.append(replace(item, name=f"{item.name}\n{count}"))
    return numbered


def _check_order(kind: str, base: Node, ours: Node, theirs: Node) -> None:
    """Refuse lines of both sides whose order decides and stood in no version.

    Raises:
        Unclear: two lines may match the same file, and the later one would win.
    """
    old, our, their = ({item.name for item in tree.items} for tree in (base, ours, theirs))
    mine = [item.head for item in ours.items if item.name not in old | their]
    yours = [item.head for item in theirs.items if item.name not in old | our]
    for one, other in product(mine, yours):
        if one.startswith("#") or other.startswith("#"):
            continue
        negations = one.startswith("!") + other.startswith("!")
        if (kind == "owners" or negations == 1) and _overlap(one.split()[0], other.split()[0]):
            raise Unclear(f"{one} and {other}: the later one wins")


def _overlap(one: str, other: str) -> bool:
    """Tell whether two patterns may match the same file."""
    parts = [[p for p in text.lstrip("!").split("/") if p] or ["*"] for text in (one, other)]
    globs = [any(set(part) & set("*?[\\") for part in some) for some in parts]
    if all(globs):
        ends = [some[-1] for some in parts]
        if all(len(some) == 1 and re.fullmatch(r"\*[^*?\[\\]+", some[0]) for some in parts):
            return ends[0].endswith(ends[1][1:]) or ends[1].endswith(ends[0][1:])
        return True
    return any(
        fnmatchcase(part, some[-1]) or part == "**"
        for some, others in (parts, parts[::-1])
        for part in others
    )
