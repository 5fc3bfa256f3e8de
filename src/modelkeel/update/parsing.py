"""Does a file still mean something? Formats that a merge by lines can break without a conflict."""

from __future__ import annotations

import ast
import json
import tomllib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

_JSON = {".json", ".ipynb", ".jsonc", ".webmanifest"}


def parser_of(path: str) -> Callable[[str], Any] | None:
    """What reads a file into comparable data, None for formats that are not looked into."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix == ".toml":
        return tomllib.loads
    if suffix in _JSON:
        return _json
    if suffix in {".yaml", ".yml"}:
        return _yaml
    if suffix == ".py":
        return _python
    return None


def parses(path: str, text: str) -> bool:
    """Is the file valid in its format? True for formats that are not looked into."""
    parser = parser_of(path)
    if parser is None:
        return True
    return read(parser, text) is not None


def read(parser: Callable[[str], Any], text: str) -> list[Any] | None:
    """The data in a list of one, None when the text is not valid."""
    try:
        return [parser(text)]
    except (ValueError, SyntaxError, RecursionError):
        return None


def is_data(path: str) -> bool:
    """Is it a format in which places have names: TOML, YAML, JSON?"""
    return parser_of(path) not in (None, _python)


def _json(text: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key occurs twice")
        return found

    return json.loads(text, object_pairs_hook=unique)


def _yaml(text: str) -> Any:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return [_plain(node) for node in yaml.compose_all(text, Loader=loader)]
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def _plain(node: Any) -> Any:
    """A node with its tags, so that tags without a meaning here are no error."""
    if isinstance(node.value, str):
        return (node.tag, node.value)
    if node.value and isinstance(node.value[0], tuple):
        pairs = [(_plain(key), _plain(value)) for key, value in node.value]
        keys = [repr(key) for key, _ in pairs]
        if len(set(keys)) != len(keys):
            raise ValueError("a key occurs twice")
        return (node.tag, pairs)
    return (node.tag, [_plain(item) for item in node.value])


def _python(text: str) -> Any:
    return ast.dump(ast.parse(text))
