"""Makes `explainer.npz` from a fitted pipeline when it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modelkeel.model.explain.archive import pack
from modelkeel.model.explain.bundled import TOLERANCE
from modelkeel.model.explain.cells import Cells, TextCells
from modelkeel.model.explain.explainer import Explainer
from modelkeel.model.explain.fitted import Column, Fitted, NotExact, read_pipeline
from modelkeel.model.explain.grow import cells_of, grow
from modelkeel.model.explain.linear import Linear
from modelkeel.model.explain.shapley import Block, cut, table_of
from modelkeel.model.explain.trees import Trees
from modelkeel.model.signature import Signature

if TYPE_CHECKING:
    import polars as pl

    from modelkeel.model.scorer import Scorer

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BACKGROUND = 1000
"""Training rows that contributions are relative to."""
LARGEST = 48 * 2**20
"""Bytes that all tables may have."""


def compile_explainer(
    estimator: Any, signature: Signature, inputs: pl.DataFrame, scorer: Scorer, *, seed: int
) -> bytes:
    """The bytes of `explainer.npz`, proven on the sample that it is relative to.

    Args:
        estimator: a fitted scikit-learn pipeline.
        signature: its inputs.
        inputs: training rows as `model_inputs` gives them; a sample is the background. Tables
            hold which shares of it satisfy which conditions, and none of its rows.
        scorer: the pipeline as it was exported.
        seed: of the sample.

    Raises:
        NotExact: there is no exact explanation of such a model, and why.
    """
    if inputs.height > BACKGROUND:
        inputs = inputs.sample(BACKGROUND, seed=seed)
    columns = [_plain(inputs[name].to_list()) for name in signature.feature_names]
    fitted = read_pipeline(estimator, signature)
    cells, thresholds = cells_of(fitted)
    if fitted.slopes is None:
        trees = [
            (output, grow(nodes, fitted.columns, cells, thresholds))
            for output, nodes in fitted.trees
        ]
        blocks = [(output, block) for output, tree in trees for block in cut(tree)]
        used = {player for _, block in blocks for player in block.players}
        if not used:
            raise NotExact("it gives every row the same score")
        cells = {at: each for at, each in cells.items() if at in used}
        arrays, bases = _trees(fitted, blocks, cells, columns)
    else:
        cells = {at: each for at, each in cells.items() if isinstance(each, TextCells)}
        arrays, bases = _linear(fitted, cells, columns)
    about = {
        "kind": "linear" if fitted.slopes is not None else "trees",
        "features": signature.feature_names,
        "cells": [
            (signature.feature_names[at], each.levels if isinstance(each, TextCells) else None)
            for at, each in cells.items()
        ],
        "outputs": len(fitted.start),
        "link": fitted.link,
        "background": inputs.height,
    }
    content = pack(about, {**arrays, **_bounds(cells), "bases": bases})
    _prove(Explainer(content, signature), columns, scorer)
    return content


def _plain(values: list[Any]) -> list[Any]:
    return [None if isinstance(value, float) and value != value else value for value in values]


def _prove(explainer: Explainer, columns: list[list[Any]], scorer: Scorer) -> None:
    names = scorer.signature.feature_names
    scores = scorer.predict(dict(zip(names, columns, strict=True)))
    worst = explainer.difference(columns, scores)
    if not worst <= TOLERANCE:
        raise NotExact(f"contributions add up to scores that are off by {worst:.2g}")


def _trees(
    fitted: Fitted,
    blocks: list[tuple[int, Block]],
    cells: Mapping[int, Cells],
    columns: list[list[Any]],
) -> tuple[dict[str, NDArray[Any]], Floats]:
    """The arrays of `Trees`, and the mean margins."""
    first: dict[int, int] = {}
    height = 0
    for feature, each in cells.items():
        first[feature], height = height, height + each.count
    size = 4 * sum(block.size for _, block in blocks) + 2 * height * len(blocks)
    if size > LARGEST:
        raise NotExact(f"its tables would have {size / 2**20:.0f} MB, at most {LARGEST >> 20}")
    background = np.zeros((len(columns[0]), len(columns)), dtype=np.intp)
    for feature, each in cells.items():
        background[:, feature] = each.find(columns[feature])
    bases = fitted.start.copy()
    steps = np.zeros((height, len(blocks)), dtype=np.uint16)
    tables: list[NDArray[np.float32]] = []
    entries: list[tuple[int, int, int]] = []
    for number, (output, block) in enumerate(blocks):
        table, mean = table_of(block, background)
        bases[output] += mean
        tables.append(table.astype(np.float32).reshape(-1))
        stride = 1
        for place in reversed(range(len(block.players))):
            player = block.players[place]
            start = first[player]
            steps[start : start + cells[player].count, number] = block.parts[place] * stride
            stride *= block.counts[place]
            entries.append((output * len(columns) + player, number, place))
    entries.sort()
    group, owner, place_of = np.array(entries, dtype=np.int64).reshape(-1, 3).T
    groups, starts = np.unique(group, return_index=True)
    width = np.array([len(block.players) for _, block in blocks], dtype=np.int64)
    sizes = [table.size for table in tables]
    found = Trees(
        steps=steps,
        table=np.concatenate(tables),
        first=np.cumsum([0, *sizes[:-1]], dtype=np.int64),
        width=width,
        block=owner,
        place=place_of,
        starts=starts.astype(np.int64),
        groups=groups,
        shape=(len(bases), len(columns)),
    )
    return found.arrays(), bases


def _linear(
    fitted: Fitted, cells: Mapping[int, Cells], columns: list[list[Any]]
) -> tuple[dict[str, NDArray[Any]], Floats]:
    """The arrays of `Linear`, and the mean margins."""
    assert fitted.slopes is not None  # noqa: S101
    numbers = [at for at, column in enumerate(fitted.columns) if column.level is None]
    own = [fitted.columns[at] for at in numbers]
    if len({column.feature for column in own}) < len(own):
        raise NotExact("a number is given to the model twice")
    scales = np.array([column.scale for column in own])
    slopes = fitted.slopes[:, numbers] / scales
    fills = np.array([np.nan if column.fill is None else column.fill for column in own])
    seen = np.array([columns[column.feature] for column in own], dtype=np.float32)
    values = seen.reshape(len(own), len(columns[0])).astype(np.float64).T
    means = np.where(np.isnan(values), fills, values).mean(axis=0)
    bases = fitted.start + slopes @ (means - np.array([column.mean for column in own]))
    levels: list[Floats] = []
    for feature, each in cells.items():
        added = _level_table(fitted.slopes, fitted.columns, feature, each)
        mean = added[:, each.find(columns[feature])].mean(axis=1)
        bases += mean
        levels.append(added - mean[:, None])
    found = Linear(
        numbers=np.array([column.feature for column in own], dtype=np.int64),
        slopes=slopes,
        means=means,
        fills=fills,
        texts=np.array(list(cells), dtype=np.int64),
        levels=np.hstack(levels) if levels else np.zeros((len(bases), 0)),
        shape=(len(bases), len(columns)),
    )
    return found.arrays(), bases


def _level_table(slopes: Floats, columns: list[Column], feature: int, cells: Cells) -> Floats:
    """What each cell of a text adds (outputs, cells)."""
    assert isinstance(cells, TextCells)  # noqa: S101
    added = np.zeros((len(slopes), cells.count))
    for at, column in enumerate(columns):
        if column.feature == feature and column.level is not None:
            added[:, cells.levels.index(column.level)] += slopes[:, at]
    return added


def _bounds(cells: Mapping[int, Cells]) -> dict[str, NDArray[Any]]:
    return {
        f"bounds_{at}": np.array(each.bounds, dtype=np.float64)
        for at, each in cells.items()
        if not isinstance(each, TextCells)
    }
