"""Columns that give the target away: alone, or as parts of its sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from modelkeel.data.infer.power import SAMPLE, parts_of, power

Measure = Literal["auc", "r2"]


@dataclass(frozen=True)
class Leakage:
    """What each column alone tells of the target.

    Attributes:
        measure: "auc" (mean over the classes, 0.5 says nothing) or "r2" of a number.
        columns: value by column, the most telling first.
        parts: columns that add up to the target; empty when there are none.
    """

    measure: Measure
    columns: dict[str, float]
    parts: tuple[str, ...] = ()

    def beyond(self, most: float) -> list[str]:
        """Columns that tell more than `most`."""
        return [name for name, value in self.columns.items() if value > most]


def leakage(rows: pl.DataFrame, features: Sequence[str], target: str, *, classes: bool) -> Leakage:
    """Judge each feature alone, on rows it was not fitted to; at most `SAMPLE` rows are taken."""
    known = rows.filter(pl.col(target).is_not_null())
    sample = known.sample(min(SAMPLE, known.height), seed=0, shuffle=True)
    label = sample[target]
    if sample.height < 2 or label.n_unique() < 2:
        return Leakage("auc" if classes else "r2", {})
    found = {name: power(sample[name], label, classes=classes) for name in features}
    if classes:
        found = {name: (1 + value) / 2 for name, value in found.items()}
    ranked = dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))
    if classes:
        return Leakage("auc", ranked)
    parts = parts_of(label, {name: sample[name] for name in features})
    return Leakage("r2", ranked, tuple(parts))
