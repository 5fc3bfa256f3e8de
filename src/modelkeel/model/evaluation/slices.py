"""The parts of the rows that the model is judged on one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import polars as pl

from modelkeel.errors import BadInput
from modelkeel.model.evaluation.case import Case
from modelkeel.model.evaluation.statistic import BoolArray

SMALL_SLICE = 50
SMALL_CLASS = 10
MAX_VALUES = 30  # of a column that is sliced as it is


class SliceLike(Protocol):
    """A column to judge the model on part by part; ``edges`` cut a number into ranges."""

    @property
    def column(self) -> str:
        """Name of a feature or audit column."""
        ...

    @property
    def edges(self) -> Sequence[float] | None:
        """Ascending; a range includes its lower edge."""
        ...


@dataclass(frozen=True)
class SliceBy:
    """The plain form of `SliceLike`."""

    column: str
    edges: Sequence[float] | None = None


@dataclass(frozen=True)
class Part:
    """Rows of one slice: `mask` is (n,), true for the rows that belong to it."""

    column: str
    label: str
    mask: BoolArray


def parts(
    slices: Sequence[SliceLike], features: pl.DataFrame | None, audit: pl.DataFrame | None
) -> Iterator[Part]:
    """Every slice; the arguments are those of `evaluate`.

    Raises:
        BadInput: a column is not there, or cannot be cut as is wanted.
    """
    for wanted in slices:
        column = next(
            (
                frame[wanted.column]
                for frame in (audit, features)
                if frame is not None and wanted.column in frame.columns
            ),
            None,
        )
        if column is None:
            raise BadInput(
                f"slice column {wanted.column!r} is neither a feature nor an audit column",
                remedy="correct params.yaml: evaluate.slices, or add it to audit",
            )
        missing = column.is_null().to_numpy()
        ranges = _ranges(column, wanted.edges) if wanted.edges else _values(column)
        for label, mask in ranges:
            yield Part(wanted.column, label, mask & ~missing)
        if missing.any():
            yield Part(wanted.column, "missing", missing)


def is_small(case: Case, mask: BoolArray) -> bool:
    """Whether the rows are too few, or too few of a class, to judge by."""
    truth = case.truth[mask]
    if len(truth) < SMALL_SLICE:
        return True
    if case.task == "regression":
        return False
    return int(np.bincount(truth, minlength=len(case.classes)).min()) < SMALL_CLASS


def _values(column: pl.Series) -> Iterator[tuple[str, BoolArray]]:
    present = column.drop_nulls().unique().sort()
    if len(present) > MAX_VALUES:
        raise BadInput(
            f"slice column {column.name!r} has {len(present)} values, more than {MAX_VALUES}",
            remedy="give edges for it in params.yaml: evaluate.slices, or slice by another column",
        )
    for value in present.to_list():
        yield str(value), (column == value).fill_null(value=False).to_numpy()


def _ranges(column: pl.Series, edges: Sequence[float]) -> Iterator[tuple[str, BoolArray]]:
    if not column.dtype.is_numeric() or list(edges) != sorted(set(edges)):
        raise BadInput(
            f"slice column {column.name!r}: edges need a numeric column and must ascend",
            remedy="correct params.yaml: evaluate.slices",
        )
    whole = column.dtype.is_integer() and all(float(edge).is_integer() for edge in edges)
    number = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    bounds = [-math.inf, *map(float, edges), math.inf]
    for low, high in pairwise(bounds):
        if low == -math.inf:
            label = f"below {high:g}"
        elif high == math.inf:
            label = f"{low:g} and over"
        elif whole:
            label = f"{low:g}" if high - low == 1 else f"{low:g} to {high - 1:g}"
        else:
            label = f"{low:g} to under {high:g}"
        yield label, (number >= low) & (number < high)
