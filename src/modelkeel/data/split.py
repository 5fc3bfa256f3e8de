"""Holds out rows to judge the model by: at random, or whole groups that belong together."""

from __future__ import annotations

import polars as pl

from modelkeel.errors import BadInput
from modelkeel.records.params import Split


def hold_out(
    frame: pl.DataFrame, split: Split, *, stratify: str | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split rows into those to train on and those held out.

    The assignment depends on the seed and the rows only, so the same data splits the same way.

    Args:
        frame: the rows.
        split: kind, share and seed.
        stratify: a column whose classes keep their shares on both sides (kind `random`).

    Raises:
        BadInput: one side would be empty.
    """
    if split.kind == "group":
        order = pl.struct(split.by)
        groups = frame.select(order.alias("g")).unique(maintain_order=True)
        held = groups.sample(fraction=split.test_share, seed=split.seed)["g"].implode()
        mask = frame.select(order.is_in(held)).to_series()
    else:
        index = pl.int_range(pl.len())
        rank = index.shuffle(seed=split.seed)
        size = pl.len()
        if stratify is not None:
            rank, size = rank.rank("ordinal").over(stratify) - 1, size.over(stratify)
        mask = frame.select((rank < (size * split.test_share).round()).alias("m")).to_series()
    train, test = frame.filter(~mask), frame.filter(mask)
    if train.is_empty() or test.is_empty():
        raise BadInput(
            f"params.yaml: split: leaves {train.height} rows to train and {test.height} to test",
            remedy="change split.test_share or split.by",
        )
    return train, test


def group_ids(frame: pl.DataFrame, by: list[str]) -> list[int] | None:
    """A number for each row that is the same within a group; None without grouping columns."""
    if not by:
        return None
    return frame.select(pl.struct(by).rank("dense").alias("g")).to_series().to_list()
