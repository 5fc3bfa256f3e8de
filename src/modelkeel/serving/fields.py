"""One field of a request: its value as the data contract reads it, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelkeel.data.contract.values import clean
from modelkeel.model.rules import RowRule
from modelkeel.model.signature import MOMENTS, Feature
from modelkeel.serving.bodies import NotJson, type_name

_MAX_NAMES = 50
_INT64 = 2**63
_KINDS = {
    "number": "a number",
    "integer": "an integer",
    "category": "text",
    "boolean": "true or false",
    "date": "a date like 2024-01-31",
    "timestamp": "a timestamp like 2024-01-31T10:15:00Z",
}


def rule_problem(rule: RowRule) -> str:
    """What is said of a row that breaks a rule."""
    *others, last = rule.columns
    names = f"fields {', '.join(others)} and {last} break" if others else f"field {last} breaks"
    return f"{names} the rule {rule.name}: {rule.condition}"


def as_number(feature: Feature, value: Any) -> Any:
    """An integer as int and a number as float, however it was written."""
    if value is not None and feature.kind == "integer":
        return int(value)
    return float(value) if value is not None and feature.kind == "number" else value


def read_value(feature: Feature, value: Any) -> tuple[Any, str]:
    """A value with its text read as the data contract reads it, and a problem if it is none."""
    moment = feature.kind in MOMENTS
    if not isinstance(value, str):
        # A number would pass for days; they are sent as text.
        sent = moment and value is not None and not isinstance(value, NotJson)
        return value, f"is {type_name(value)}; send {asked(feature)}" if sent else ""
    if feature.normalise is None and not moment:
        return value, ""
    read = feature.read(value)
    if read is not None:
        return read, ""
    how = feature.normalise
    missing = how is not None and clean(value, how) is None
    if missing and feature.nullable:
        return None, ""
    gap = "; send null or leave it out when unknown" if feature.nullable else ""
    said = "stands for a missing value" if missing and value else f"is {_no_kind(feature, value)}"
    return value, f"{said}; send {asked(feature)}{gap}"


def _no_kind(feature: Feature, value: str) -> str:
    if not value:
        return "empty text"
    if feature.kind in MOMENTS:
        return f"no {feature.kind}"
    return f"text that is no {'number' if feature.kind == 'number' else feature.kind}"


def value_problem(feature: Feature, value: Any) -> str:
    """What is wrong with a value and what to send; never the value itself."""
    unit = f" {feature.unit}" if feature.unit else ""
    gap = "; send null or leave it out when unknown" if feature.nullable else ""
    if isinstance(value, NotJson):
        remedy = "send null or leave it out" if feature.nullable else f"send {asked(feature)}"
        return f"is NaN or Infinity, which JSON does not have; {remedy}"
    if value is None:
        return "" if feature.nullable else f"is null; send {asked(feature)}"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        "number": number,
        "integer": number,
        "category": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "date": number,
        "timestamp": number,
    }[feature.kind]
    if not fits:
        return f"is {type_name(value)}; send {asked(feature)}{gap}"
    if feature.kind == "boolean":
        return ""
    if feature.kind == "category":
        if value == "" and feature.categories is None:
            return f"is empty text; send some text{gap}"
        if feature.categories is not None:
            known = value in feature.categories
            return "" if known else f"is not one of {listed(feature.categories)}{gap}"
        try:
            value.encode()
        except UnicodeEncodeError:
            return "holds half of a surrogate pair; send valid Unicode"
        problem = feature.problem(value)
        return f"{problem}; send {asked(feature)}{gap}" if problem else ""
    problem = feature.problem(value)
    if problem.startswith(("is below", "is above")):
        return f"{problem}{unit}; send {asked(feature)}{gap}"
    if problem:
        return f"{problem}; send {asked(feature)}{gap}"
    if feature.kind == "integer" and not -_INT64 <= value < _INT64:
        return f"is too large; send {asked(feature)}"
    return ""


def asked(feature: Feature) -> str:
    """What to send, in words: "a number from 1 to 72 months"."""
    if feature.kind == "category" and feature.categories is not None:
        return f"one of {listed(feature.categories)}"
    words = _KINDS[feature.kind]
    if feature.shaped:
        return words + _shape(feature)
    shown = feature.bound if feature.kind in MOMENTS else _figure
    low, high = feature.minimum, feature.maximum
    if low is not None and high is not None:
        words += f" from {shown(low)} to {shown(high)}"
    elif low is not None:
        words += f" of at least {shown(low)}"
    elif high is not None:
        words += f" of at most {shown(high)}"
    return f"{words} {feature.unit}" if feature.unit else words


def _shape(feature: Feature) -> str:
    low, high = feature.min_length, feature.max_length
    words = ""
    if low is not None and high is not None:
        words = f" of {low} to {high} characters"
    elif low is not None:
        words = f" of at least {low} characters"
    elif high is not None:
        words = f" of at most {high} characters"
    return words + (f" that matches {feature.pattern}" if feature.pattern is not None else "")


def _figure(value: float) -> str:
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else repr(value)


def listed(names: Sequence[str]) -> str:
    """Names in a message, not too many."""
    shown = ", ".join(names[:_MAX_NAMES])
    more = len(names) - _MAX_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def short(name: str) -> str:
    """A name that a caller made up, in a message."""
    # A lone surrogate is valid in JSON text but not in ours.
    clean = name.encode("utf-8", "replace").decode()
    return clean if len(clean) <= 60 else clean[:60] + "…"
