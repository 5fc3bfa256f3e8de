"""Forecasts against what happened, and the misses."""

from __future__ import annotations

import numpy as np
import polars as pl

from modelkeel.model.evaluation import Evaluation
from modelkeel.model.report.figures.drawing import (
    INK,
    MODEL,
    MUTED,
    Drawing,
    canvas,
    column,
    number_ticks,
    svg_of,
)
from modelkeel.model.report.text import Words, number

POINTS = 600  # drawn of the rows: more only makes the file larger


def _drawn(evaluation: Evaluation) -> pl.DataFrame | None:
    table = evaluation.tables.get("residuals.csv")
    if table is None or not table.height:
        return None
    if table.height <= POINTS:
        return table
    rows: list[int] = np.linspace(0, table.height - 1, POINTS).round().astype(int).tolist()
    return table.select(pl.all().gather(rows))


def predicted_actual(evaluation: Evaluation, words: Words) -> Drawing | None:
    """Each forecast against what happened."""
    table = _drawn(evaluation)
    if table is None:
        return None
    x, y = column(table, "prediction"), column(table, "actual")
    ends = [float(min(x.min(), y.min())), float(max(x.max(), y.max()))]
    with canvas(290) as (figure, axes):
        axes.plot(x, y, "o", color=MODEL, alpha=0.4, markersize=3.4, markeredgewidth=0)
        axes.plot(ends, ends, color=INK, linewidth=1.1, linestyle=(0, (4, 3)))
        number_ticks(axes, "x")
        number_ticks(axes, "y")
        axes.set_xlabel("forecast")
        axes.set_ylabel("what happened")
        svg = svg_of(figure, "predicted")
    return Drawing(
        "predicted",
        "Forecast and outcome",
        f"On the dashed line, the forecast was right. {len(x)} of {number(evaluation.n)} rows.",
        f"Scatter of forecast and outcome, R² {number(evaluation.scores['model']['r2'].value)}",
        svg,
    )


def residuals(evaluation: Evaluation, words: Words) -> Drawing | None:
    """How far and to which side the forecasts miss."""
    table = evaluation.tables.get("residuals.csv")
    if table is None or not table.height:
        return None
    miss = -column(table, "residual")
    low, middle, high = (float(v) for v in np.quantile(miss, [0.05, 0.5, 0.95]))
    with canvas(290) as (figure, axes):
        ends = np.quantile(miss, [0.005, 0.995]) if len(miss) > 200 else (miss.min(), miss.max())
        first, last = min(0.0, float(ends[0])), max(0.0, float(ends[1]))
        if first == last:
            first, last = -1.0, 1.0
        bins = np.linspace(first, last, 41).tolist()
        axes.hist(np.clip(miss, first, last), bins=bins, color=MODEL, alpha=0.75)
        axes.axvline(0, color=INK, linewidth=1.1, linestyle=(0, (4, 3)))
        axes.grid(visible=False, axis="x")
        axes.margins(y=0.16)
        for place, side, text in ((0.02, "left", "← too low"), (0.98, "right", "too high →")):
            axes.text(place, 0.98, text, transform=axes.transAxes, ha=side, va="top", color=MUTED)
        number_ticks(axes, "x")
        axes.set_xlabel("forecast minus what happened")
        axes.set_ylabel("rows")
        svg = svg_of(figure, "residuals")
    return Drawing(
        "residuals",
        "How far off",
        f"Nine misses in ten lie between {number(low, sign=True)} and {number(high, sign=True)}; "
        f"half are below {number(middle, sign=True)}. The farthest are drawn at the edge.",
        f"Histogram of misses, median {number(middle, sign=True)}, "
        f"90 % between {number(low, sign=True)} and {number(high, sign=True)}",
        svg,
    )
