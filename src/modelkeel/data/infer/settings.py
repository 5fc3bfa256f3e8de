"""`params.yaml` for a table: features, split, and training scaled to its size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from modelkeel.data.infer.roles import Concluded
from modelkeel.data.infer.rules import column_names
from modelkeel.data.infer.target import Target
from modelkeel.data.split import hold_out
from modelkeel.errors import BadInput
from modelkeel.records.params import Split

SEED = 7
_MOST_SLICES, _FEW = 4, 8
_MIN_GROUPS = 20


@dataclass(frozen=True)
class Settings:
    """The settings, and what is doubted about them."""

    params: dict[str, Any]
    doubts: list[str]


def settings_of(
    frame: pl.DataFrame,
    found: Sequence[Concluded],
    target: Target,
    *,
    sources: list[dict[str, Any]],
    contract: str,
) -> Settings:
    """The content of `params.yaml`.

    Args:
        frame: typed rows in which the target is known.
        found: the columns and their roles.
        target: the target.
        sources: the entries of `sources`.
        contract: path of the contract in the project.
    """
    columns = list(found)
    rarest = min(target.classes.values(), default=frame.height)
    folds = 5 if rarest >= 50 else 3 if rarest >= 15 else 2
    share = 0.3 if frame.height < 2000 else 0.2
    heavy = frame.height * len(columns) > 200_000
    folds = min(folds, 3) if heavy else folds
    split, doubts = _split(frame, columns, target, share, folds)
    return Settings(
        {
            "sources": sources,
            "contract": contract,
            "target": target.column.name,
            "features": {
                "numeric": column_names(columns, "numeric"),
                "categorical": column_names(columns, "categorical"),
            },
            "audit": column_names(columns, "audit"),
            "split": split.model_dump(),
            "train": {
                "seed": SEED,
                "folds": folds,
                "threads": 1 if frame.height < 20_000 else 2,
                "model": _model(frame, target),
            },
            "evaluate": {
                "bootstrap": 1000 if frame.height * share < 20_000 else 200,
                "confidence": 0.9,
                "slices": _slices(frame, columns),
            },
        },
        doubts,
    )


def _model(frame: pl.DataFrame, target: Target) -> dict[str, float | int | str]:
    rows = frame.height
    if rows < 2000:
        least = max(5, min(20, rows // 25))
        chosen: dict[str, float | int | str] = {
            "max_iter": 60,
            "learning_rate": 0.05,
            "max_leaf_nodes": 6,
            "min_samples_leaf": least,
            "l2_regularization": 1.0,
        }
    elif rows < 20_000:
        chosen = {"max_iter": 150, "learning_rate": 0.08, "max_leaf_nodes": 15}
    else:
        chosen = {"max_iter": 150, "learning_rate": 0.1, "max_leaf_nodes": 31}
    if frame.width > 100:
        chosen["max_iter"] = 80
    if target.task == "classification":
        if len(target.classes) > 5:  # a tree a class in each round
            chosen["max_iter"] = 60
        return chosen
    return {"loss": _loss(frame[target.column.name]), **chosen}


def _loss(values: pl.Series) -> str:
    """Counts that never are negative are learned by their logarithm."""
    low = values.min()
    counts = bool((values == values.round()).all()) if values.dtype.is_float() else True
    skewed = float(values.mean() or 0) > 1.2 * float(values.median() or 0)  # type: ignore[arg-type]
    if counts and skewed and isinstance(low, int | float) and low >= 0:
        return "poisson"
    return "squared_error"


def _split(
    frame: pl.DataFrame, found: list[Concluded], target: Target, share: float, folds: int
) -> tuple[Split, list[str]]:
    plain = Split(kind="random", by=[], test_share=share, seed=SEED)
    groups = sorted(
        (each for each in found if each.role == "group"), key=lambda each: each.distinct
    )
    doubts: list[str] = []
    for each in groups:
        name = each.column.name
        if each.distinct < _MIN_GROUPS or each.missing:
            continue
        split = Split(kind="group", by=[name], test_share=share, seed=SEED)
        if problem := _torn(frame, split, target, folds):
            doubts.append(f"rows of one {name!r} are not held out together: {problem}")
            continue
        doubts.append(
            f"several rows share a {name!r}: they are held out together, so that the model is "
            "judged on others than it learned from"
        )
        return split, doubts
    return plain, doubts


def _torn(frame: pl.DataFrame, split: Split, target: Target, folds: int) -> str:
    """What is wrong with whole groups on either side; "" where nothing is."""
    try:
        sides = hold_out(frame.select(*split.by, target.column.name), split)
    except BadInput as error:
        return str(error)
    least = (2 * folds, 2)
    for side, rows in zip(sides, least, strict=True):
        counts = side[target.column.name].alias("value").value_counts()
        if target.classes and (
            counts.height < len(target.classes) or int(counts["count"].min() or 0) < rows  # type: ignore[arg-type]
        ):
            return "a class would be missing or too rare on one side"
    return ""


def _slices(frame: pl.DataFrame, found: list[Concluded]) -> list[dict[str, Any]]:
    """Audit columns first, then features with few values; at least one."""
    slices: list[dict[str, Any]] = []
    numeric: list[dict[str, Any]] = []
    for wanted in ("audit", "categorical", "numeric"):
        for each in found:
            if each.role != wanted or len(slices) >= _MOST_SLICES:
                continue
            name, values = each.column.name, frame[each.column.name]
            most = 30 if wanted == "audit" else _FEW
            if 2 <= each.distinct <= most and not values.dtype.is_temporal():
                slices.append({"column": name})
            elif values.dtype.is_numeric() and (edges := _edges(values)):
                (slices if wanted == "audit" else numeric).append({"column": name, "edges": edges})
    return slices or numeric[:1]


def _edges(values: pl.Series) -> list[float]:
    """Thirds of the values, rounded to two figures."""
    known = values.drop_nulls()
    cuts = [known.quantile(q, "nearest") for q in (1 / 3, 2 / 3)]
    found = {float(f"{float(cut):.2g}") for cut in cuts if cut is not None}
    low, high = float(known.min()), float(known.max())  # type: ignore[arg-type]
    kept = sorted(edge for edge in found if low < edge <= high)
    return [int(edge) if edge.is_integer() else edge for edge in kept]
