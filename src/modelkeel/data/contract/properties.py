"""Reads one property of an ODCS document."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

from modelkeel.data.contract.formats import directives_of, jdk_to_strptime
from modelkeel.data.contract.keys import ENUM, PROPERTY, entries, flag, known_keys, text
from modelkeel.data.contract.model import (
    CLASSIFICATIONS,
    KINDS,
    Bound,
    Column,
    Kind,
    Normalise,
)
from modelkeel.data.contract.values import read_value
from modelkeel.errors import BadInput

_BOUNDS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "above",
    "exclusiveMaximum": "below",
}
_OPTIONS: dict[Kind, frozenset[str]] = {
    "string": frozenset({"minLength", "maxLength", "pattern"}),
    "integer": frozenset(_BOUNDS),
    "number": frozenset(_BOUNDS),
    "boolean": frozenset(),
    "date": frozenset(_BOUNDS) | {"format"},
    "timestamp": frozenset(_BOUNDS) | {"format"},
}
_NORMALISE = {each.name for each in fields(Normalise)}
_CUSTOM = {"unit", "normalise", "pseudonymise"}


def read_property(path: Path, given: Any) -> Column:
    """A column.

    Raises:
        BadInput: a key is not understood, or its value fits no column of that type.
    """
    where = f"property {given.get('name')!r}" if isinstance(given, dict) else "properties"
    given = known_keys(path, where, given, PROPERTY)
    name, kind = given.get("name"), given.get("logicalType")
    if not isinstance(name, str) or not name or kind not in KINDS:
        raise BadInput(
            f"{path}: {where}: logicalType is {kind!r}" if name else f"{path}: {where}: no name",
            remedy=f"write one of {', '.join(KINDS)}",
        )
    if name.startswith("_"):
        raise BadInput(
            f"{path}: {where}: names that begin with _ are kept for the row number and the like",
            remedy="rename the column (`rename` of the source in params.yaml)",
        )
    custom = _custom(path, where, given.get("customProperties"))
    classification = text(path, where, given.get("classification")) or "none"
    if classification not in CLASSIFICATIONS:
        raise BadInput(
            f"{path}: {where}: classification is {classification!r}",
            remedy=f"write one of {', '.join(CLASSIFICATIONS)}",
        )
    normalise = _normalise(path, where, kind, custom.get("normalise"))
    categories, labels = _enum(path, where, kind, given.get("enum"))
    column = Column(
        name=name,
        kind=kind,
        required=flag(path, f"{where}: required", given.get("required")),
        unique=flag(path, f"{where}: unique", given.get("unique")),
        categories=categories,
        labels=labels,
        classification=classification,
        description=text(path, where, given.get("description")),
        unit=text(path, where, custom.get("unit")),
        normalise=normalise,
        pseudonymise=flag(path, f"{where}: pseudonymise", custom.get("pseudonymise")),
        **_options(path, where, kind, given.get("logicalTypeOptions")),
    )
    _consistent(path, where, column)
    return column


def _custom(path: Path, where: str, given: object) -> dict[str, Any]:
    """Custom properties by name; those of another vendor are left alone."""
    found: dict[str, Any] = {}
    for each in entries(path, f"{where}: customProperties", given):
        known = frozenset({"id", "property", "value", "description", "vendor"})
        entry = known_keys(path, f"{where}: customProperties", each, known)
        if entry.get("vendor") not in (None, "modelkeel"):
            continue
        key = entry.get("property")
        key = str(key).lower() if isinstance(key, bool) else key  # YAML reads true as a value
        if key in _NORMALISE:
            found.setdefault("normalise", {})[key] = entry.get("value")
        elif key in _CUSTOM - {"normalise"}:
            found[key] = entry.get("value")
        else:
            raise BadInput(
                f"{path}: {where}: customProperties: {key!r} is not understood",
                remedy="name its `vendor`, or use one of "
                + ", ".join(sorted((_CUSTOM | _NORMALISE) - {"normalise"})),
            )
    return found


def _options(path: Path, where: str, kind: Kind, given: object) -> dict[str, Any]:
    options = given or {}
    if not isinstance(options, dict):
        raise BadInput(f"{path}: {where}: logicalTypeOptions: needs keys", remedy="mend that key")
    if unknown := sorted(set(options) - _OPTIONS[kind]):
        allowed = ", ".join(sorted(_OPTIONS[kind])) or "none"
        raise BadInput(
            f"{path}: {where}: logicalTypeOptions {unknown} are not checked",
            remedy=f"use enum or a rule; a {kind} has {allowed}",
        )
    found: dict[str, Any] = {}
    for key, value in options.items():
        if key in _BOUNDS:
            found[_BOUNDS[key]] = _bound(path, where, kind, key, value)
        elif key in ("minLength", "maxLength"):
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise BadInput(f"{path}: {where}: {key} is {value!r}", remedy="write a number")
            found["min_length" if key == "minLength" else "max_length"] = value
        elif not isinstance(value, str):
            raise BadInput(f"{path}: {where}: {key} is {value!r}", remedy="write text")
        else:
            found[key] = value
    if found.get("format"):
        try:
            jdk_to_strptime(found["format"])
        except ValueError as error:
            raise BadInput(
                f"{path}: {where}: format: {error}", remedy="write it like dd.MM.yyyy"
            ) from None
    return found


def _bound(path: Path, where: str, kind: Kind, key: str, value: object) -> Bound:
    if kind in ("date", "timestamp"):
        if isinstance(value, dt.date):  # YAML reads 2024-01-31 as a date
            value = value.isoformat()
        read = read_value(value, kind, Normalise()) if isinstance(value, str) else None
        if not isinstance(read, dt.date):
            raise BadInput(f"{path}: {where}: {key} is {value!r}", remedy="write 2024-01-31")
        return read
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value):  # type: ignore[arg-type]
        raise BadInput(
            f"{path}: {where}: {key} is {value!r}",
            remedy="bounds are numbers, of integer and number properties",
        )
    return value  # type: ignore[return-value]


def _enum(
    path: Path, where: str, kind: Kind, given: object
) -> tuple[tuple[str, ...] | None, dict[str, str]]:
    categories, labels = [], {}
    for each in entries(path, f"{where}: enum", given):
        entry = known_keys(path, f"{where}: enum", each, ENUM)
        value = entry.get("value")
        if value is None or isinstance(value, dict | list):
            raise BadInput(f"{path}: {where}: enum: has no value", remedy="write `value:`")
        if isinstance(value, bool) and kind != "boolean":
            raise BadInput(
                f"{path}: {where}: enum has {value}, which YAML makes of words like no",
                remedy="put the word in quotes",
            )
        written = str(value).lower() if isinstance(value, bool) else str(value)
        if not written:
            raise BadInput(
                f'{path}: {where}: enum has "", which stands for missing', remedy="remove it"
            )
        categories.append(written)
        if entry.get("label"):
            labels[written] = str(entry["label"])
    if twice := [each for each in categories if categories.count(each) > 1]:
        raise BadInput(f"{path}: {where}: enum has {twice[0]!r} twice", remedy="remove one")
    return tuple(categories) or None, labels


def _normalise(path: Path, where: str, kind: Kind, given: dict[str, Any] | None) -> Normalise:
    """The declared normalisation; it is refused where it can do nothing for that type."""
    found: dict[str, Any] = {}
    for key, value in (given or {}).items():
        place = f"{path}: {where}: {key}"
        fits = {
            "decimal": ("integer", "number"),
            "thousands": ("integer", "number"),
            "unit_factors": ("integer", "number"),
            "date_formats": ("date", "timestamp"),
            "true": ("boolean",),
            "false": ("boolean",),
        }.get(key, KINDS)
        if kind not in fits:
            raise BadInput(f"{place}: does nothing for a {kind}", remedy="remove it")
        if key == "trim":
            found[key] = flag(path, f"{where}: trim", True if value is None else value)
        elif key == "case":
            if value not in ("lower", "upper"):
                raise BadInput(f"{place}: is {value!r}", remedy="write lower or upper")
            found[key] = value
        elif key in ("decimal", "thousands"):
            if not isinstance(value, str) or len(value) != 1 or value.isalnum() or value in "+-":
                raise BadInput(f"{place}: is {value!r}", remedy='write one character, ","')
            found[key] = value
        elif key in ("synonyms", "unit_factors"):
            found[key] = _mapping(place, key, value)
        else:
            listed = entries(path, f"{where}: {key}", value)
            spelled = [
                str(each).lower() if isinstance(each, bool) else str(each) for each in listed
            ]
            found[key] = tuple(spelled)
    for each in found.get("date_formats", ()):
        try:
            directives_of(each)
        except ValueError as error:
            raise BadInput(
                f"{path}: {where}: date_formats: {error}", remedy="write it like %d.%m.%Y"
            ) from None
    if found.get("decimal", ".") == found.get("thousands"):
        raise BadInput(
            f"{path}: {where}: decimal and thousands are the same", remedy="change one of them"
        )
    return Normalise(**found)


def _mapping(place: str, key: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        raise BadInput(f"{place}: needs keys and values", remedy="write `text: other`")
    if key == "synonyms":
        return {str(text): str(other) for text, other in value.items()}
    for unit, factor in value.items():
        number = isinstance(factor, int | float) and not isinstance(factor, bool)
        if not number or not math.isfinite(factor) or factor == 0 or not str(unit).strip():
            raise BadInput(f"{place}: {unit!r} is {factor!r}", remedy="write a number, g: 0.001")
        if any(each.isdigit() or each in "+-.," for each in str(unit)[0]):
            raise BadInput(f"{place}: {unit!r} begins like a number", remedy="rename the unit")
    return {str(unit).strip(): float(factor) for unit, factor in value.items()}


def _consistent(path: Path, where: str, column: Column) -> None:
    for category in column.categories or ():
        if read_value(category, column.kind, Normalise(trim=False)) is None:
            raise BadInput(
                f"{path}: {where}: enum has {category!r}, which is no {column.kind}",
                remedy="mend the value or the logicalType",
            )
    low = column.minimum if column.minimum is not None else column.above
    high = column.maximum if column.maximum is not None else column.below
    if low is not None and high is not None and low > high:  # type: ignore[operator]
        raise BadInput(f"{path}: {where}: minimum is above maximum", remedy="swap them")
    if None not in (column.min_length, column.max_length) and (
        column.min_length > column.max_length  # type: ignore[operator]
    ):
        raise BadInput(f"{path}: {where}: minLength is above maxLength", remedy="swap them")
    if column.pseudonymise and (
        column.kind != "string"
        or column.categories
        or column.pattern
        or column.min_length is not None
        or column.max_length is not None
    ):
        raise BadInput(
            f"{path}: {where}: pseudonymise replaces the value before it is checked",
            remedy="make it a string without enum, pattern and lengths",
        )
