"""Hints on a TOML text that was written as YAML would be."""

from __future__ import annotations

import re

_LOCATED = re.compile(r"\(at line (\d+), column \d+\)")
_PAIR = re.compile(r"""^\s*(["']?[\w.-]+["']?)\s*:(?:\s+(.*))?$""")
_SWITCH = re.compile(r"=\s*(yes|no|on|off|true|false|null|none|~)\s*(?:#.*)?$", re.IGNORECASE)
_BARE = re.compile(r"""^\s*[\w.-]+\s*=\s*([^\s"'\[{\d+-][^"'#]*?)\s*(?:#.*)?$""")

_SWITCHES = {"yes": "true", "on": "true", "true": "true"}
_NOTHING = ("null", "none", "~")


def line_of_error(message: str, text: str) -> int:
    """The line (from 1) that a message of `tomllib` names; the last one if it names the end."""
    lines = max(1, len(text.splitlines()))
    named = _LOCATED.search(message)
    return min(int(named[1]), lines) if named else lines


def hint(line: str) -> str | None:
    """What to write in place of a line with a habit of YAML; None if it has none."""
    if line.strip() in ("---", "..."):
        return "TOML has no document marker; remove the line"
    if re.match(r"^\s*- ", line):
        return "this is a list of YAML; write key = [ … ], or a [[key]] for each table of the list"
    if pair := _PAIR.match(line):
        return f"this is YAML; {_in_place_of(pair[1], (pair[2] or '').strip())}"
    if switch := _SWITCH.search(line):
        return _instead(switch[1])
    if bare := _BARE.match(line):
        return f'text stands in quotes; write "{bare[1]}"'
    return None


def _in_place_of(key: str, value: str) -> str:
    if not value:
        return f"write [{key}] for a table"
    if re.fullmatch(r"yes|no|on|off|true|false", value, re.IGNORECASE):
        value = _SWITCHES.get(value.lower(), "false")
    elif re.fullmatch(r"[^\"'\[{\d+-].*", value):
        value = f'"{value}"'
    return f"write {key} = {value}"


def _instead(word: str) -> str | None:
    if word in ("true", "false"):
        return None
    if word.lower() in _NOTHING:
        return "TOML has no word for nothing; leave the key out"
    return f"TOML knows true and false only; write {_SWITCHES.get(word.lower(), 'false')}"
