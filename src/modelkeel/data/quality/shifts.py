"""How the labels moved against the accepted reference, in all rows and in those of each source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from modelkeel.data.contract import as_label
from modelkeel.data.contract.model import SOURCE
from modelkeel.data.quality.distance import noise_of_share
from modelkeel.data.quality.reference import REFERENCE, load_reference
from modelkeel.data.quality.suspicious import disputed_share
from modelkeel.project import Project

ALL_ROWS = "all rows"
_Z = 3.2905  # two-sided 99.9 %


@dataclass(frozen=True)
class Shift:
    """The largest move of the labels in one part of the rows.

    Attributes:
        where: "all rows", or the name of a source.
        what: the class whose share moved most, or "mean" of a numeric target.
        before: share or mean in the reference.
        after: share or mean now.
        size: how far it moved; a mean in standard deviations of the reference.
        chance: how far two samples of the same lie apart.
        rows_before: rows of that part in the reference; 0 of a source that it does not have, which
            is compared with all its rows.
        rows_after: rows of that part now.
    """

    where: str
    what: str
    before: float
    after: float
    size: float
    chance: float
    rows_before: int
    rows_after: int

    def to_text(self) -> str:
        """The shift in words."""
        new = "" if self.rows_before else "new source "
        if self.what == "mean":
            return f"{new}{self.where}: mean {self.before:.4g}, now {self.after:.4g}"
        return f"{new}{self.where}: class {self.what} {self.before:.1%}, now {self.after:.1%}"


def label_rates(project: Project) -> dict[str, Any]:
    """The labels of data/valid.parquet.

    Returns:
        {"all": rates, "sources": {name: rates}} with rates {"rows", "shares": {class: share}} for
        classes and {"rows", "mean", "std"} for numbers; no sources where there is only one.
    """
    rows = pl.scan_parquet(project.data_dir / "valid.parquet", glob=False)
    target, classes = project.params.target, project.task == "classification"
    found: dict[str, Any] = {"all": _rates(rows, target, classes=classes), "sources": {}}
    if SOURCE in rows.collect_schema().names():
        names = rows.select(pl.col(SOURCE).unique()).collect()[SOURCE].drop_nulls()
        for name in sorted(names.to_list()):
            part = rows.filter(pl.col(SOURCE) == name)
            found["sources"][name] = _rates(part, target, classes=classes)
    return found


def reference_labels(project: Project) -> dict[str, Any]:
    """What an accepted reference keeps of the labels, under its key "labels".

    Returns:
        `label_rates`, and "disputed": the share of disputed labels, or None if
        reports/data_checks.json is not about these rows.
    """
    return {**label_rates(project), "disputed": disputed_share(project)}


def accepted_labels(project: Project) -> dict[str, Any] | None:
    """The labels of the accepted reference; from its profile if it keeps nothing else.

    Returns:
        As `reference_labels` does; None without a reference, or if it does not tell.

    Raises:
        BadInput: the reference is broken.
    """
    reference = load_reference(project)
    if reference is None:
        return None
    record = json.loads((project.root / REFERENCE).read_text(encoding="utf-8"))
    if isinstance(record.get("labels"), dict) and "all" in record["labels"]:
        return dict(record["labels"])
    rates = _of_profile(reference.profile, project)
    return {"all": rates, "sources": {}} if rates else None


def label_shifts(reference: Mapping[str, Any], current: Mapping[str, Any]) -> list[Shift]:
    """Compare the label rates of `label_rates`, the farthest beyond chance first."""
    old, sources = reference["all"], reference.get("sources", {})
    found = [_shift(ALL_ROWS, old, current["all"], known=True)]
    for name, rates in current.get("sources", {}).items():
        # a reference that names no source has a single one, or was kept without
        known = not sources or name in sources
        found.append(_shift(name, sources.get(name, old), rates, known=known))
    moved = (each for each in found if each is not None)
    return sorted(moved, key=lambda each: (each.chance - each.size, each.where))


def _rates(rows: pl.LazyFrame, target: str, *, classes: bool) -> dict[str, Any]:
    known = rows.select(pl.col(target).alias("y")).drop_nulls()
    if not classes:
        value = pl.col("y").cast(pl.Float64)
        asked = known.select(rows=pl.len(), mean=value.mean(), std=value.std())
        return asked.collect(engine="streaming").row(0, named=True)
    counts = known.group_by("y").agg(n=pl.len()).collect(engine="streaming").sort("y")
    whole = int(counts["n"].sum())
    shares = {as_label(value): n / whole for value, n in counts.iter_rows()}
    return {"rows": whole, "shares": shares}


def _of_profile(profile: Mapping[str, Any], project: Project) -> dict[str, Any] | None:
    entry = profile["columns"].get(project.params.target)
    if entry is None:
        return None
    rows = round(int(profile["rows"]) * (1 - float(entry["missing"])))
    if project.task == "regression":
        told = {"mean", "std"} <= set(entry)
        return {"rows": rows, "mean": entry["mean"], "std": entry["std"]} if told else None
    if "shares" in entry:
        names = {"true": "True", "false": "False"}  # as Python writes the labels of booleans
        shares = {names.get(name, name): share for name, share in entry["shares"].items()}
        return {"rows": rows, "shares": shares}
    points = entry.get("points") or []
    shares = {as_label(float(at)): upto - below for at, below, upto in points}
    return {"rows": rows, "shares": shares} if abs(sum(shares.values()) - 1) < 1e-3 else None


def _shift(
    where: str, old: Mapping[str, Any], new: Mapping[str, Any], *, known: bool
) -> Shift | None:
    n, m = int(old["rows"]), int(new["rows"])
    if not n or not m or ("shares" in old) != ("shares" in new):
        return None
    if "shares" in old:
        name, before, after, chance = _farthest(old["shares"], new["shares"], n, m)
        size = abs(after - before)
    else:
        name, before, after = "mean", float(old["mean"]), float(new["mean"])
        moved, spread = abs(after - before), float(old["std"] or 0.0)
        size = moved / spread if spread else float(bool(moved))
        chance = _Z * float(np.sqrt(1 / n + 1 / m))
    return Shift(where, name, before, after, size, chance, n if known else 0, m)


def _farthest(
    old: Mapping[str, float], new: Mapping[str, float], n: int, m: int
) -> tuple[str, float, float, float]:
    """The class that moved farthest beyond chance."""
    moved = []
    for name in sorted(set(old) | set(new)):
        before, after = old.get(name, 0.0), new.get(name, 0.0)
        pooled = (before * n + after * m) / (n + m)
        moved.append((name, before, after, noise_of_share(pooled, n, m)))
    return max(moved, key=lambda each: abs(each[2] - each[1]) - each[3])
