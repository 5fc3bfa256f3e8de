"""Plain data of TOML, YAML and JSON in one form in which equal means the same value and type."""

from __future__ import annotations

from typing import TypeAlias

# A scalar is (type, text): 1, 1.0, true and "1" differ, and nan equals itself.
Scalar: TypeAlias = tuple[str, str]
Data: TypeAlias = "Scalar | dict[str, Data] | list[Data]"


class Unclear(Exception):
    """Both sides' changes have no merge that is beyond doubt; git's conflict stays."""


def canonical(value: object) -> Data:
    """Return the data of what a parser gave: dicts, lists and scalars."""
    if isinstance(value, dict):
        return {str(key): canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return (type(value).__name__, value if isinstance(value, str) else repr(value))


def text_of(value: Data) -> str | None:
    """Return the text of a string, None for any other value."""
    return value[1] if isinstance(value, tuple) and value[0] == "str" else None
