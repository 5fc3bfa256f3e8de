"""The tables behind the figures of the report, which `dvc plots` shows too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl

from modelkeel.model.evaluation.calibration import equal_mass_bins
from modelkeel.model.evaluation.case import Case, Choice, calibration_pairs
from modelkeel.model.evaluation.curves import precision_curve, roc_curve
from modelkeel.model.evaluation.payoff import value_by_threshold
from modelkeel.model.evaluation.resampling import wilson_interval
from modelkeel.model.evaluation.result import VALUE, Estimate, SliceResult
from modelkeel.model.evaluation.statistic import (
    BoolArray,
    FloatArray,
    macro,
    shown_classes,
)

RESIDUAL_ROWS = 2000
_DRAWN = ("model", "linear")


def figure_tables(case: Case) -> dict[str, pl.DataFrame]:
    """File name to table: the curves of a classification, the residuals of a regression."""
    if case.choice is None:
        return {"residuals.csv": _residuals(case)}
    grid = np.linspace(0, 1, 201)
    tables = {
        "roc.csv": _curves(case, roc_curve, "false_positive_rate", grid),
        "precision_recall.csv": _curves(case, precision_curve, "recall", grid),
    }
    by_threshold = _value_by_threshold(case, case.choice)
    if by_threshold is not None:
        tables["value_by_threshold.csv"] = by_threshold
    return tables


def _value_by_threshold(case: Case, choice: Choice) -> pl.DataFrame | None:
    if len(case.classes) != 2:
        return None
    steps = np.linspace(0, 1, 101)
    found = {
        who: value_by_threshold(case.predictions[who][:, 1], case.truth, choice.amounts, steps)
        for who in _DRAWN
        if who in case.predictions
    }
    model = found["model"]
    if model is None:
        return None
    return pl.DataFrame(
        {
            "threshold": steps,
            **{who: curve[0] for who, curve in found.items() if curve is not None},
            "baseline": np.full(len(steps), case.values["baseline"].mean()),
            "share": model[1],
        }
    )


def _curves(
    case: Case,
    curve: Callable[[FloatArray, BoolArray, FloatArray], FloatArray],
    x: str,
    grid: FloatArray,
) -> pl.DataFrame:
    """The curve of each predictor on one grid; beyond two classes the mean, then each class."""
    columns: dict[str, FloatArray] = {x: grid}
    wanted = shown_classes(len(case.classes))
    for who in _DRAWN:
        if who in case.predictions:
            shares = case.predictions[who]
            each = [curve(shares[:, k], case.truth == k, grid) for k in wanted]
            columns[who] = macro(each)
            if who == "model":
                by_class = each
    if len(case.classes) > 2:
        for name, found in zip(case.classes, by_class, strict=True):
            columns[f"model {name}"] = found
    return pl.DataFrame(columns, nan_to_null=True)


def calibration_table(
    case: Case, observed: Mapping[str, Estimate], confidence: float
) -> pl.DataFrame:
    """One row a bin of equal mass: mean predicted and observed of model and linear.

    The model's interval is Wilson's for shares of independent rows, else the bootstrap's.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    columns: dict[str, list[float | None]] = {}
    for who in _DRAWN:
        if who not in case.predictions:
            continue
        predicted, seen, _ = calibration_pairs(case, who)
        member = equal_mass_bins(predicted)
        numbers = range(int(member.max(initial=-1)) + 1)
        inside = [member == number for number in numbers]
        columns[f"{who}_predicted"] = [float(predicted[at].mean()) for at in inside]
        columns[f"{who}_observed"] = [float(seen[at].mean()) for at in inside]
        if who == "model":
            columns["model_n"] = [int(at.sum()) for at in inside]
            if observed:
                columns["model_low"] = [observed[f"bin {number}"].low for number in numbers]
                columns["model_high"] = [observed[f"bin {number}"].high for number in numbers]
            else:
                bounds = [wilson_interval(int(seen[at].sum()), int(at.sum()), z) for at in inside]
                columns["model_low"] = [low for low, _ in bounds]
                columns["model_high"] = [high for _, high in bounds]
    longest = max(map(len, columns.values()), default=0)
    frame = {name: found + [None] * (longest - len(found)) for name, found in columns.items()}
    types: dict[str, Any] = {name: pl.Int64 if name == "model_n" else pl.Float64 for name in frame}
    return pl.DataFrame(frame, schema=types)


def _residuals(case: Case) -> pl.DataFrame:
    """Evenly spaced rows in order of the prediction, so that both ends are kept."""
    predicted, actual = case.predictions["model"], case.truth
    order = np.lexsort((actual, predicted))
    if len(order) > RESIDUAL_ROWS:
        order = order[np.linspace(0, len(order) - 1, RESIDUAL_ROWS).round().astype(np.int64)]
    return pl.DataFrame(
        {
            "prediction": predicted[order],
            "actual": actual[order],
            "residual": actual[order] - predicted[order],
        }
    )


def slice_table(results: Sequence[SliceResult], primary: str) -> pl.DataFrame:
    """One row a slice: its size, the primary measure and the uplift, with their intervals."""
    return pl.DataFrame(
        [
            {
                "slice": part.key,
                "n": part.n,
                "small": int(part.small),
                primary: part.metric.value,
                "low": part.metric.low,
                "high": part.metric.high,
                VALUE: part.value.value,
                "uplift": part.uplift.value,
                "uplift_low": part.uplift.low,
                "uplift_high": part.uplift.high,
            }
            for part in results
        ],
        schema={
            "slice": pl.String,
            "n": pl.Int64,
            "small": pl.Int64,
            **dict.fromkeys(
                [primary, "low", "high", VALUE, "uplift", "uplift_low", "uplift_high"], pl.Float64
            ),
        },
    )
