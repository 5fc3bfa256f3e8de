"""How much decisions hang on the last digit, on one missing value, or on one column.

Held-out rows are disturbed in ways that the data contract allows, and scored again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from modelkeel.model.evaluation.case import Case
from modelkeel.model.evaluation.disturbed import DRAWS, NOISE, Disturbed, Kind, Robustness
from modelkeel.model.evaluation.effects import Predict
from modelkeel.model.evaluation.payoff import best_actions
from modelkeel.model.evaluation.statistic import BoolArray, FloatArray
from modelkeel.model.signature import Feature, Signature

Decide = Callable[[FloatArray], npt.NDArray[Any]]
"""From scores (n, k) to the action taken in each row (n,)."""

ROWS = 1000
_CELLS = 4_000_000  # values scored in all: some seconds
_FEWEST = 200


def robustness_of(
    case: Case,
    predict: Predict | None,
    features: pl.DataFrame | None,
    signature: Signature | None,
    seed: int,
) -> Robustness | None:
    """The robustness of the decisions of a case; None without what it takes to score again."""
    if predict is None or features is None or signature is None or not len(case.truth):
        return None
    choice = case.choice
    if choice is None:
        scale = float(np.std(case.truth))
        return robustness(predict, features, signature, decide=None, scale=scale, seed=seed)
    amounts = choice.amounts
    return robustness(
        predict,
        features,
        signature,
        decide=lambda scores: best_actions(scores, amounts),
        seed=seed,
    )


def robustness(
    predict: Predict,
    features: pl.DataFrame,
    signature: Signature,
    *,
    decide: Decide | None,
    scale: float = 1.0,
    seed: int = 0,
) -> Robustness:
    """Disturb held-out rows and score them again.

    Numbers get normal noise with a twentieth of their standard deviation, kept inside the range of
    the contract, integers as integers. Values go missing only where the signature allows it.

    Args:
        predict: the model as a function of a frame of features.
        features: n rows.
        signature: what each column may hold.
        decide: how scores become actions; None for a regression.
        scale: standard deviation of the target (regression).
        seed: of the rows and of the noise.
    """
    rows = _rows(features, signature, seed)
    before = _scored(predict, rows)[0]
    trial = _Trial(predict, rows, before, decide, scale or 1.0)
    generator = np.random.default_rng(seed)
    numbers = [each for each in signature.features if each.kind in ("number", "integer")]
    together = None
    if numbers and rows.height:
        draws = [_noisy(rows, numbers, generator) for _ in range(DRAWS)]
        together = trial.of("noise", None, draws)
    columns = tuple(
        trial.of(kind, feature.name, frames)
        for feature in signature.features
        for kind, frames in _disturbances(rows, feature, generator)
    )
    return Robustness("flips" if decide else "change", rows.height, together, columns)


@dataclass(frozen=True)
class _Trial:
    """Rows as they are, with what the model made of them."""

    predict: Predict
    rows: pl.DataFrame
    before: FloatArray
    decide: Decide | None
    scale: float

    def of(self, kind: Kind, column: str | None, frames: list[pl.DataFrame]) -> Disturbed:
        """The rows disturbed in one way, in several draws; sizes are means over them."""
        flips, change, failed, problem = [], [], [], ""
        for frame in frames:
            after, said = _scored(self.predict, frame)
            if after.shape != self.before.shape:
                after = np.full_like(self.before, np.nan)
            problem = problem or said
            lost: BoolArray = np.asarray(~np.isfinite(after).all(axis=1))
            moved = abs(after - self.before).sum(axis=1)
            moved = moved / 2 if self.decide else moved / self.scale
            other = lost.copy()
            if self.decide:
                held = ~lost
                other[held] |= self.decide(after[held]) != self.decide(self.before[held])
            flips.append(float(other.mean()))
            change.append(float(moved[~lost].mean()) if not lost.all() else 0.0)
            failed.append(float(lost.mean()))
        flipped, moved_by, lost_share = (float(np.mean(e)) for e in (flips, change, failed))
        return Disturbed(kind, column, flipped, moved_by, lost_share, problem)


def _disturbances(
    rows: pl.DataFrame, feature: Feature, generator: np.random.Generator
) -> Iterator[tuple[Kind, list[pl.DataFrame]]]:
    """The ways to disturb one column, each with the frames to score."""
    if not rows.height:
        return
    column = rows[feature.name]
    if feature.kind in ("number", "integer"):
        yield "noise", [_noisy(rows, [feature], generator) for _ in range(2)]
    known = column.drop_nulls()
    if feature.kind == "category" and known.n_unique() > 1:
        common = known.mode().sort()[0]
        yield "common", [rows.with_columns(pl.lit(common, column.dtype).alias(feature.name))]
    if feature.nullable:
        yield "missing", [rows.with_columns(pl.lit(None, column.dtype).alias(feature.name))]


def _noisy(
    rows: pl.DataFrame, features: list[Feature], generator: np.random.Generator
) -> pl.DataFrame:
    return rows.with_columns(_with_noise(rows[each.name], each, generator) for each in features)


def _with_noise(column: pl.Series, feature: Feature, generator: np.random.Generator) -> pl.Series:
    values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    known = np.isfinite(values)
    spread = float(values[known].std()) if known.any() else 0.0
    disturbed = values + generator.normal(0.0, NOISE * spread, len(values))
    low = -math.inf if feature.minimum is None else feature.minimum
    high = math.inf if feature.maximum is None else feature.maximum
    if feature.kind == "number":
        disturbed = np.where(known, disturbed.clip(low, high), values)
        return pl.Series(column.name, disturbed).fill_nan(None)
    if math.isfinite(low):
        low = math.ceil(low)
    if math.isfinite(high):
        high = math.floor(high)
    disturbed = np.where(known, disturbed.round().clip(low, high), values)
    return pl.Series(column.name, disturbed).fill_nan(None).cast(column.dtype)


def _scored(predict: Predict, rows: pl.DataFrame) -> tuple[FloatArray, str]:
    """Scores (n, k), NaN where there are none, and what the model said if it failed."""
    try:
        found = np.asarray(predict(rows), dtype=np.float64)
        return found.reshape(rows.height, -1), ""
    except Exception as error:  # noqa: BLE001 - whatever it is, these rows got no score
        said = str(error).strip().splitlines()
        return np.full((rows.height, 1), np.nan), said[0] if said else type(error).__name__


def _rows(features: pl.DataFrame, signature: Signature, seed: int) -> pl.DataFrame:
    """The rows to disturb: all, or so many that a wide table takes seconds too."""
    names = signature.feature_names
    scored = len(names) * (2 * len(names) + DRAWS)
    most = int(np.clip(_CELLS // max(scored, 1), _FEWEST, ROWS))
    rows = features.select(names)
    return rows if rows.height <= most else rows.sample(most, seed=seed)
