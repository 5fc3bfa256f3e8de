"""Reads the JSON of a request so that nothing of it is lost: repeated keys, NaN, huge numbers."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

from modelkeel.serving.problems import FieldProblem, ProblemError, invalid_input


class JsonObject:
    """A JSON object that remembers which keys were repeated."""

    __slots__ = ("repeated", "values")

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.values = dict(pairs)
        self.repeated: list[str] = []
        if len(self.values) < len(pairs):
            counts = Counter(name for name, _ in pairs)
            self.repeated = [name for name, count in counts.items() if count > 1]


class NotJson:
    """NaN, Infinity or -Infinity, which JSON does not have."""


def parse(body: bytes) -> Any:
    """The JSON of a body.

    Raises:
        ProblemError: 422; it is none, or no UTF-8, or too deep.
    """
    if not body.strip():
        raise invalid("#", "the body is empty; send a JSON object")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise invalid(
            "#", f"the body is not UTF-8: byte {error.start} cannot be read; encode it as UTF-8"
        ) from None
    try:
        return json.loads(
            text,
            object_pairs_hook=JsonObject,
            parse_constant=lambda _: NotJson(),
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        raise invalid(
            "#",
            f"the body is not JSON: line {error.lineno}, column {error.colno}: {error.msg}",
        ) from None
    except RecursionError:
        raise invalid("#", "the body is nested too deeply; a row is a flat object") from None


def _integer(text: str) -> int | float:
    # Longer ones fit no feature, and Python refuses to convert them.
    return int(text) if len(text) < 400 else math.inf


def type_name(value: Any) -> str:
    """What kind of JSON a value is, in words."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, JsonObject):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return "text"
    if value is None:
        return "null"
    return "NaN or Infinity" if isinstance(value, NotJson) else "a number"


def invalid(place: str, detail: str) -> ProblemError:
    """The answer to a request with one problem."""
    return invalid_input([FieldProblem(place, detail)])
