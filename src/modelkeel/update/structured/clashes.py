"""What only a merge by lines brings: one name twice, or a use of what the other side removed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from modelkeel.update.structured import formats, ini, json, lines, makefile, toml, yaml
from modelkeel.update.structured.agree import Maybe
from modelkeel.update.structured.data import Data, Unclear
from modelkeel.update.structured.names import check_names
from modelkeel.update.structured.node import Node, squeezed
from modelkeel.update.structured.rules import list_rule

_DATA: dict[str, Callable[[str], Data]] = {
    "toml": toml.load,
    "yaml": yaml.load,
    "json": json.load,
    "ini": ini.load,
}


def clashes(path: str, base: str | None, ours: str, theirs: str, result: str) -> bool:
    """Tell whether both sides' changes, each in its lines, do not go together in one file.

    Args:
        path: of the file in its repository.
        base: the text both sides began with; None: both added the file.
        ours: the user's text.
        theirs: the template's text.
        result: what a merge by lines made of them.
    """
    kind = formats.format_of(path)
    try:
        if kind == "python":
            return _names_clash(base or "", ours, theirs, result)
        if kind in _DATA:
            return _data_clash(_DATA[kind], ours, theirs, result)
        if kind in (None, "markdown", "ignore"):
            return False
        return _entries_clash(kind, [base or "", ours, theirs, result])
    except formats.FAILURES:
        return False  # nothing is known of it


def _names_clash(base: str, ours: str, theirs: str, result: str) -> bool:
    try:
        check_names(base, ours, theirs, result, in_place=True)
    except Unclear:
        return True
    return False


def _data_clash(load: Callable[[str], Data], ours: str, theirs: str, result: str) -> bool:
    mine, yours = load(ours), load(theirs)
    try:
        merged = load(result)
    except ValueError:
        return True
    return _twice(mine, yours, merged, ())


def _twice(ours: Maybe, theirs: Maybe, result: Maybe, steps: tuple[str, ...]) -> bool:
    """Tell whether a list has two items of one identity, as it has on neither side."""
    if isinstance(ours, dict) and isinstance(theirs, dict) and isinstance(result, dict):
        return any(
            _twice(ours.get(key), theirs.get(key), item, (*steps, key))
            for key, item in result.items()
        )
    if not (isinstance(ours, list) and isinstance(theirs, list) and isinstance(result, list)):
        return False
    rule = list_rule(steps, [ours, theirs])
    if rule is None:
        return False
    keys = rule.keys(result)
    if len(set(keys)) < len(keys):
        return True
    mine, yours = (dict(zip(rule.keys(side), side, strict=True)) for side in (ours, theirs))
    return any(
        _twice(mine.get(key), yours.get(key), item, (*steps, "*"))
        for key, item in zip(keys, result, strict=True)
    )


def _entries_clash(kind: str, texts: Iterable[str]) -> bool:
    base, ours, theirs, result = (_entries(kind, text) for text in texts)
    return any(
        len(found) > max(len(side[name]) for side in (base, ours, theirs))
        for name, found in result.items()
    )


def _entries(kind: str, text: str) -> defaultdict[str, set[str]]:
    """Return the different texts of each entry's name."""
    tree: Node = makefile.parse(text) if kind == "makefile" else lines.parse(kind, text)
    found: defaultdict[str, set[str]] = defaultdict(set)
    for item in tree.items:
        name = item.name.partition("\n")[0]
        if not name.startswith(("#", "statement ", "phony ")):
            found[name].add(squeezed(item.bare))
    return found
