"""What a conclusion is, and the files that it becomes."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from modelkeel.data.contract import Contract, dump_contract, parse_contract
from modelkeel.data.infer import repository
from modelkeel.data.infer.charter import Charter, charter_text, gates_text
from modelkeel.data.infer.reasons import reasons_text
from modelkeel.data.infer.roles import Concluded
from modelkeel.data.infer.rules import column_names
from modelkeel.data.infer.settings import Settings
from modelkeel.data.infer.table import Table
from modelkeel.data.infer.target import Target
from modelkeel.project import Project
from modelkeel.records.charter import Charter as CharterRecord
from modelkeel.records.params import Params
from modelkeel.records.reasons import Reasons

REASONS = "governance/reasons.toml"


@dataclass(frozen=True)
class Conclusion:
    """All that is known before anything is written."""

    table: Table
    target: Target
    columns: list[Concluded]
    contract: Contract
    settings: Settings
    charter: Charter
    known: pl.DataFrame
    quarantine_share: float
    doubts: list[str]
    today: date


def files_of(project: Project, found: Conclusion) -> tuple[dict[str, bytes | Path], list[str]]:
    """Content by path, each checked by the reader that it will meet."""
    root, table, target = project.root, found.table, found.target
    contract = dump_contract(found.contract)
    parse_contract(contract, found.contract.path)
    params = repository.params_text(found.settings.params)
    charter = charter_text(found.charter)
    _ = (
        Params.model_validate(found.settings.params),
        CharterRecord.model_validate(tomllib.loads(charter)),
    )
    allowed = _allowed(found.quarantine_share)
    gates = (root / "governance" / "gates.toml").read_text(encoding="utf-8")
    place = str(table.source.get("path") or table.source.get("url"))
    texts, left = repository.rewritten(
        project,
        target.task,
        example=_example(found),
        about=repository.data_readme(
            Path(table.shown).name if "://" not in table.shown else table.shown,
            place,
            table.frame.height,
            target.column.name,
            column_names(found.columns, "audit"),
            [
                each.column.name
                for each in found.columns
                if each.column.classification != "none" and each.role == "left out"
            ],
        ),
        first=f"- The first model on {table.name}, of {target.column.name}.",
    )
    files: dict[str, bytes | Path] = {
        **texts,
        found.contract.path.relative_to(root).as_posix(): contract.encode(),
        "params.yaml": params.encode(),
        "charter.toml": charter.encode(),
        "governance/gates.toml": gates_text(
            gates, found.charter, allowed, groups=_groups(found)
        ).encode(),
    }
    if (root / REASONS).is_file():
        files[REASONS] = _reasons(found).encode()
    if table.content is not None:
        files[place] = table.content
    return files, left


def local_paths(table: Table) -> list[str]:
    """Where the table lies in the project, if it does."""
    place = table.source.get("path")
    return [place] if place and "://" not in place else []


def _groups(found: Conclusion) -> list[str]:
    """Columns kept for audits that the model is judged by, part by part."""
    params = found.settings.params
    sliced = [each["column"] for each in params["evaluate"]["slices"]]
    return [name for name in sliced if name in params["audit"]]


def _reasons(found: Conclusion) -> str:
    """A code a feature; against a person goes the action for the rarest class, until one says."""
    params, record = found.settings.params, found.charter.record
    actions, classes = record["decision"]["actions"], found.target.classes
    rarest = sorted(classes).index(min(classes, key=lambda name: classes[name])) if classes else 0
    features = [*params["features"]["numeric"], *params["features"]["categorical"]]
    owner = record["owner"].get("accountable", "")
    text = reasons_text(features, params["audit"], actions[rarest], owner, found.today)
    Reasons.model_validate(tomllib.loads(text))
    return text


def _allowed(share: float) -> float:
    """Half as much again as what is broken now, in whole per cent."""
    return 0.0 if not share else min(0.9, math.ceil(share * 150) / 100)


def _example(found: Conclusion) -> dict[str, Any]:
    """A row of medians and most frequent values, as a request carries it."""
    features = found.settings.params["features"]
    row: dict[str, Any] = {}
    for name in [*features["numeric"], *features["categorical"]]:
        known = found.known[name].drop_nulls()
        if known.is_empty():
            row[name] = None
        elif name in features["categorical"]:
            row[name] = known.cast(pl.String).mode().sort()[0]
        elif known.dtype.is_numeric() or known.dtype.is_temporal():
            value = known.sort()[known.len() // 2]
            row[name] = value.isoformat() if hasattr(value, "isoformat") else value
        else:
            row[name] = known.mode().sort()[0]
    return row
