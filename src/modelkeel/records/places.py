"""Where a key stands in the text of a record, for messages that name a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"^\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"))*)\s*=")
_PART = re.compile(r"[\w-]+|\"[^\"]*\"|'[^']*'")

Place = tuple[str, ...]


def line_of(location: Sequence[str], text: str) -> int:
    """The line (from 1) where the last key found of a location stands in a TOML or YAML text.

    Items of a list are counted from 0, as in `("risk", "1", "owner")`.
    """
    places = dict(_places(text))
    known = max((n for n in range(len(location) + 1) if tuple(location[:n]) in places), default=0)
    line = places.get(tuple(location[:known]), 1)
    return _search(list(location[known:]), text.splitlines(), line)


def _places(text: str) -> Iterator[tuple[Place, int]]:
    """Tables and keys of a TOML text, each with its line; of a YAML text there are none."""
    table: Place = ()
    counts: dict[Place, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _indexed(_parts(header[2]), counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                yield table, number
                table = (*table, str(counts[table]))
            yield table, number
        elif key := _KEY.match(line):
            yield (*table, *_parts(key[1])), number


def _parts(dotted: str) -> Place:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _indexed(parts: Place, counts: dict[Place, int]) -> Place:
    """The path of a table below lists of tables: that of the newest item of each."""
    place: Place = ()
    for number, part in enumerate(parts, 1):
        place = (*place, part)
        if number < len(parts) and place in counts:
            place = (*place, str(counts[place]))
    return place


def _search(rest: list[str], lines: list[str], line: int) -> int:
    """Look further down for what stands inside values: inline tables, and all of YAML."""
    found = line
    for part in rest:
        if part.isdecimal():
            line = found = _item(int(part), lines, line)
            continue
        pattern = re.compile(
            rf"^\s*\[+.*\b{re.escape(part)}\b.*\]+|\b{re.escape(part)}[\"']?\s*[=:]"
        )
        for number in range(line, len(lines) + 1):
            if pattern.search(lines[number - 1]):
                line = found = number
                break
    return found


def _item(index: int, lines: list[str], line: int) -> int:
    """The line with the opening brace of an item of a list of inline tables, if there is one."""
    seen = 0
    for number in range(line, len(lines) + 1):
        seen += lines[number - 1].count("{")
        if seen > index:
            return number
        if number > line and (_HEADER.match(lines[number - 1]) or _KEY.match(lines[number - 1])):
            break
    return line
