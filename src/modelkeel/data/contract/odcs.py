"""Reads an ODCS 3.2 document with one table; see `dump` for the way back."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

from modelkeel.data.contract.dump import dump_contract
from modelkeel.data.contract.keys import (
    BOUNDS,
    DOCUMENT,
    ROW_COUNT,
    ROW_RULE,
    SLA,
    TABLE,
    entries,
    known_keys,
    text,
)
from modelkeel.data.contract.model import Column, Contract, Freshness, Rule, Volume
from modelkeel.data.contract.properties import read_property
from modelkeel.errors import BadInput

__all__ = ["dump_contract", "load_contract", "parse_contract"]

_UNITS = {
    "s": dt.timedelta(seconds=1),
    "m": dt.timedelta(minutes=1),
    "h": dt.timedelta(hours=1),
    "d": dt.timedelta(days=1),
    "w": dt.timedelta(weeks=1),
}
_UNITS |= {"second": _UNITS["s"], "minute": _UNITS["m"], "min": _UNITS["m"], "hour": _UNITS["h"]}
_UNITS |= {"day": _UNITS["d"], "week": _UNITS["w"]}


def load_contract(path: Path) -> Contract:
    """Read an ODCS document with one table.

    Raises:
        BadInput: the file is missing, is no ODCS document, or says what is not checked here.
    """
    if not path.is_file():
        raise BadInput(f"{path}: no such file", remedy="set `contract` in params.yaml")
    return parse_contract(path.read_bytes(), path)


def parse_contract(content: bytes | str, path: Path) -> Contract:
    """Read the content of an ODCS document; `path` is for messages.

    Raises:
        BadInput: as `load_contract`.
    """
    import yaml

    try:
        # The parser in C where PyYAML has it; both are safe.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        document = yaml.load(content, Loader=loader)  # noqa: S506
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise BadInput(f"{path}: no valid YAML: {error}", remedy="mend that line") from None
    document = known_keys(path, "", document, DOCUMENT)
    version = text(path, "apiVersion", document.get("apiVersion"))
    if not version.startswith("v3.") or document.get("kind") != "DataContract":
        raise BadInput(
            f"{path}: is no data contract of ODCS 3: apiVersion {version!r}, "
            f"kind {document.get('kind')!r}",
            remedy="write `apiVersion: v3.2.0` and `kind: DataContract`",
        )
    tables = entries(path, "schema", document.get("schema"))
    if len(tables) != 1:
        raise BadInput(
            f"{path}: schema: has {len(tables)} tables, needs one with properties",
            remedy="describe one table a contract",
        )
    table = known_keys(path, "schema", tables[0], TABLE)
    properties = entries(path, "schema: properties", table.get("properties"))
    if not properties:
        raise BadInput(f"{path}: schema: the table has no properties", remedy="describe them")
    columns = [read_property(path, each) for each in properties]
    names = [column.name for column in columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(f"{path}: property {twice[0]!r} stands twice", remedy="remove one of them")
    if any(column.pattern is not None for column in columns):
        from modelkeel.data.contract.rules import check_patterns

        check_patterns(path, columns)
    key = _key(path, properties)
    described = document.get("description")
    words = described if isinstance(described, dict) else {"purpose": described}
    rules, volume = _quality(path, columns, table.get("quality"))
    return Contract(
        path=path,
        columns=tuple(_keyed(column, key) for column in columns),
        rules=rules,
        freshness=_freshness(path, columns, document.get("slaProperties")),
        volume=volume,
        owner=_owner(path, document.get("team")),
        name=text(path, "name", document.get("name")),
        version=text(path, "version", document.get("version")),
        description=text(path, "description", words.get("purpose")),
        limitations=text(path, "description", words.get("limitations")),
        key=key,
        id=text(path, "id", document.get("id")),
        table=text(path, "schema: name", table.get("name")),
        status=text(path, "status", document.get("status")),
    )


def _key(path: Path, properties: list[dict[str, Any]]) -> tuple[str, ...]:
    parts = []
    for index, each in enumerate(properties):
        position = each.get("primaryKeyPosition", index)
        if each.get("primaryKey"):
            parts.append((position if isinstance(position, int) else index, index, each["name"]))
        elif position not in (index, -1, None):
            raise BadInput(
                f"{path}: property {each['name']!r}: has primaryKeyPosition and no primaryKey",
                remedy="write `primaryKey: true`",
            )
    return tuple(name for _, _, name in sorted(parts))


def _keyed(column: Column, key: tuple[str, ...]) -> Column:
    """A column of the key is required; alone it is unique."""
    if column.name not in key:
        return column
    from dataclasses import replace

    return replace(column, required=True, unique=column.unique or len(key) == 1)


def _quality(
    path: Path, columns: list[Column], given: object
) -> tuple[tuple[Rule, ...], Volume | None]:
    rules: list[Rule] = []
    volume: Volume | None = None
    for each in entries(path, "schema: quality", given):
        if isinstance(each, dict) and each.get("metric") == "rowCount":
            entry = known_keys(path, "schema: quality: rowCount", each, ROW_COUNT)
            if volume is not None:
                raise BadInput(f"{path}: schema: quality: rowCount twice", remedy="join them")
            volume = _volume(path, entry)
            continue
        if not isinstance(each, dict) or each.get("engine") not in ("modelkeel", "polars"):
            raise BadInput(
                f"{path}: schema: quality: an entry is not checked",
                remedy="write `metric: rowCount`, or `type: custom`, `engine: modelkeel` and an "
                "`implementation` that is a condition in SQL",
            )
        # Only here is Polars needed to read a contract: it knows the columns of an expression.
        from modelkeel.data.contract.rules import read_rule

        entry = known_keys(path, "schema: quality", each, ROW_RULE)
        rules.append(read_rule(path, columns, entry))
        if [rule.name for rule in rules].count(rules[-1].name) > 1:
            raise BadInput(
                f"{path}: schema: quality: {rules[-1].name!r} stands twice", remedy="rename one"
            )
    return tuple(rules), volume


def _volume(path: Path, entry: dict[str, Any]) -> Volume:
    low, high = -math.inf, math.inf
    for key in sorted(BOUNDS & set(entry)):
        value = entry[key]
        pair = value if isinstance(value, list) and len(value) == 2 else [value, value]
        if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in pair):
            raise BadInput(
                f"{path}: schema: quality: rowCount: {key} is {value!r}",
                remedy="write numbers of rows",
            )
        if key in ("mustBe", "mustBeBetween", "mustBeGreaterOrEqualTo", "mustBeGreaterThan"):
            low = max(low, pair[0] + (key == "mustBeGreaterThan"))
        if key in ("mustBe", "mustBeBetween", "mustBeLessOrEqualTo", "mustBeLessThan"):
            high = min(high, pair[1] - (key == "mustBeLessThan"))
    if (low, high) == (-math.inf, math.inf) or low > high or entry.get("unit", "rows") != "rows":
        raise BadInput(
            f"{path}: schema: quality: rowCount: has no bounds that can be held",
            remedy="write `mustBeBetween: [1000, 2000]`, in rows",
        )
    return Volume(
        int(low) if math.isfinite(low) else None, int(high) if math.isfinite(high) else None
    )


def _freshness(path: Path, columns: list[Column], given: object) -> Freshness | None:
    found: Freshness | None = None
    for each in entries(path, "slaProperties", given):
        entry = known_keys(path, "slaProperties", each, SLA)
        if entry.get("property") not in ("freshness", "fr") or found is not None:
            raise BadInput(
                f"{path}: slaProperties: {entry.get('property')!r} is not checked",
                remedy="keep one, `property: freshness`",
            )
        name = text(path, "slaProperties: element", entry.get("element")).split(".")[-1]
        kinds = {column.name: column.kind for column in columns}
        if kinds.get(name) not in ("date", "timestamp"):
            raise BadInput(
                f"{path}: slaProperties: freshness: element {name!r} is no date or timestamp",
                remedy="name the column that says when a row was made",
            )
        value, unit = entry.get("value"), str(entry.get("unit", "d"))
        step = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0 or not step:
            raise BadInput(
                f"{path}: slaProperties: freshness: is {value!r} {unit}",
                remedy="write a number in `value` and d, h or m in `unit`",
            )
        found = Freshness(name, value * step)
    return found


def _owner(path: Path, given: object) -> str:
    """Who answers for the data: the member whose role is owner, or else the team."""
    team = given if isinstance(given, dict) else {"members": given}
    members = [
        each for each in entries(path, "team", team.get("members")) if isinstance(each, dict)
    ]
    for member in members:
        if "owner" in str(member.get("role", "")).lower() and not member.get("dateOut"):
            return text(path, "team", member.get("username") or member.get("name"))
    return text(path, "team", team.get("name"))
