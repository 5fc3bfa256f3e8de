"""Whether predictions come true as often, or as high, as they say."""

from __future__ import annotations

import numpy as np

from modelkeel.model.evaluation import Evaluation
from modelkeel.model.report.figures.drawing import (
    BASELINE,
    CARD,
    LINEAR,
    MODEL,
    Drawing,
    canvas,
    column,
    number_ticks,
    share_ticks,
    svg_of,
)
from modelkeel.model.report.text import Words, number, short


def calibration(evaluation: Evaluation, words: Words) -> Drawing | None:
    """Predicted against observed, in bins of equal size."""
    table = evaluation.tables.get("calibration.csv")
    if table is None or not table.height:
        return None
    regression = evaluation.task == "regression"
    x, y = column(table, "model_predicted"), column(table, "model_observed")
    low, high = column(table, "model_low"), column(table, "model_high")
    with canvas(290) as (figure, axes):
        top = 1.0
        bottom = 0.0
        if regression:
            every = np.r_[x, y, high, low]
            bottom, top = float(np.nanmin(every)), float(np.nanmax(every))
        axes.plot(
            [bottom, top], [bottom, top], color=BASELINE, linewidth=1.2, linestyle=(0, (4, 3))
        )
        if "linear_predicted" in table.columns:
            axes.plot(
                column(table, "linear_predicted"),
                column(table, "linear_observed"),
                "-o",
                color=LINEAR,
                linewidth=1.2,
                markersize=3.5,
                label="linear model",
            )
        axes.vlines(x, low, high, color=MODEL, alpha=0.45, linewidth=2)
        axes.plot(x, y, "-o", color=MODEL, markersize=5, markeredgecolor=CARD, label="model")
        if regression:
            number_ticks(axes, "x")
            number_ticks(axes, "y")
            axes.set_xlabel("mean forecast of the bin")
            axes.set_ylabel("mean of what happened")
        else:
            share_ticks(axes)
            two = len(evaluation.classes) == 2
            what = f"“{short(words.outcome(evaluation.classes[1]), 24)}”" if two else "each class"
            axes.set_xlabel(f"predicted probability of {what}")
            axes.set_ylabel("observed share")
        axes.legend(loc="upper left")
        svg = svg_of(figure, "calibration")
    pairs = ", ".join(
        f"{number(a)} predicted {number(b)} observed" for a, b in zip(x, y, strict=True)
    )
    return Drawing(
        "calibration",
        "Does it mean what it says?",
        "On the dashed line, predicted and observed agree. "
        f"Bars: {evaluation.confidence:.0%} interval of each bin.".replace("%", " %"),
        f"Calibration in {len(x)} bins: {pairs}",
        svg,
    )
