"""Golden rows: inputs kept with the model to prove that it still answers the same."""

from __future__ import annotations

from typing import Any

import polars as pl

from modelkeel.model.signature import Signature


def golden_rows(
    frame: pl.DataFrame, signature: Signature, count: int, *, seed: int = 0
) -> dict[str, list[Any]]:
    """Rows made of real values, each column drawn on its own, so that no row is a person's.

    Args:
        frame: rows with the features.
        signature: the features.
        count: how many rows.
        seed: of the draw.

    Returns:
        Columns of plain values; None where a value is missing.
    """
    columns: dict[str, list[Any]] = {}
    for number, feature in enumerate(signature.features):
        column = frame[feature.name]
        drawn = column.sample(count, with_replacement=True, seed=seed + number).to_list()
        if feature.kind == "category":
            columns[feature.name] = [None if v in (None, "") else str(v) for v in drawn]
        elif feature.kind == "integer":
            columns[feature.name] = [None if v is None or v != v else int(v) for v in drawn]
        elif feature.kind == "boolean":
            columns[feature.name] = [None if v is None or v != v else bool(v) for v in drawn]
        else:
            columns[feature.name] = [None if v is None or v != v else float(v) for v in drawn]
    return columns
