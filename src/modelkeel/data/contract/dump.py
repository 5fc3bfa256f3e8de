"""Writes a contract as an ODCS 3.2 document."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields
from typing import Any

from modelkeel.data.contract.model import Bound, Column, Contract, Freshness, Normalise, Volume

API_VERSION = "v3.2.0"


def dump_contract(contract: Contract) -> str:
    """The contract as YAML; `load_contract` of it gives an equal one."""
    import yaml

    document: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": contract.id or contract.name or contract.path.name.split(".")[0],
        "name": contract.name,
        "version": contract.version,
        "status": contract.status,
        "description": _kept(purpose=contract.description, limitations=contract.limitations),
        "team": {"members": [{"username": contract.owner, "role": "owner"}]}
        if contract.owner
        else None,
        "schema": [
            _kept(
                name=contract.table or contract.path.name.split(".")[0],
                physicalType="table",
                properties=[_property(column, contract.key) for column in contract.columns],
                quality=_quality(contract),
            )
        ],
        "slaProperties": [_sla(contract.freshness)] if contract.freshness else None,
    }
    return yaml.safe_dump(_kept(**document), sort_keys=False, allow_unicode=True, width=100)


def _kept(**given: Any) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value not in (None, "", [], {}, False)}


def _property(column: Column, key: tuple[str, ...]) -> dict[str, Any]:
    in_key = column.name in key
    options = {
        "minimum": _written(column.minimum),
        "maximum": _written(column.maximum),
        "exclusiveMinimum": _written(column.above),
        "exclusiveMaximum": _written(column.below),
        "minLength": column.min_length,
        "maxLength": column.max_length,
        "pattern": column.pattern,
        "format": column.format,
    }
    custom: dict[str, Any] = {"unit": column.unit or None}
    custom["pseudonymise"] = column.pseudonymise or None
    for each in fields(Normalise):
        value = getattr(column.normalise, each.name)
        if value != getattr(Normalise(), each.name):
            kept = list(value) if isinstance(value, tuple) else value
            custom[each.name] = dict(kept) if isinstance(kept, dict) else kept
    enum = [_kept(value=each, label=column.labels.get(each)) for each in column.categories or ()]
    written = _kept(
        name=column.name,
        logicalType=column.kind,
        required=column.required,
        unique=column.unique and key != (column.name,),
        primaryKey=in_key,
        primaryKeyPosition=key.index(column.name) + 1 if in_key else None,
        classification=None if column.classification == "none" else column.classification,
        description=column.description,
        enum=enum,
    )
    if given := {name: value for name, value in options.items() if value is not None}:
        written["logicalTypeOptions"] = given
    listed = [{"property": k, "value": v} for k, v in custom.items() if v is not None]
    if listed:
        written["customProperties"] = listed
    return written


def _written(bound: Bound | None) -> float | str | None:
    return bound.isoformat() if isinstance(bound, dt.date) else bound


def _quality(contract: Contract) -> list[dict[str, Any]]:
    volume = contract.volume
    listed = [_volume(volume)] if volume else []
    listed += [
        _kept(
            name=rule.name,
            description=rule.description,
            type="custom",
            engine="modelkeel",
            implementation=rule.condition,
        )
        for rule in contract.rules
    ]
    return listed


def _volume(volume: Volume) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "library", "metric": "rowCount", "unit": "rows"}
    if volume.minimum is not None and volume.maximum is not None:
        entry["mustBeBetween"] = [volume.minimum, volume.maximum]
    elif volume.minimum is not None:
        entry["mustBeGreaterOrEqualTo"] = volume.minimum
    else:
        entry["mustBeLessOrEqualTo"] = volume.maximum
    return entry


def _sla(freshness: Freshness) -> dict[str, Any]:
    seconds = freshness.at_most.total_seconds()
    unit, size = next(
        (u, s)
        for u, s in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
        if seconds % s == 0 or u == "s"
    )
    value = seconds / size
    return {
        "property": "freshness",
        "value": int(value) if value.is_integer() else value,
        "unit": unit,
        "element": freshness.column,
    }
