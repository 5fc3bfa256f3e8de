"""How the prediction moves with each feature."""

from __future__ import annotations

import numpy as np
import polars as pl

from modelkeel.model.evaluation import Evaluation
from modelkeel.model.report.figures.drawing import (
    ACCENTS,
    GRID,
    MODEL,
    Drawing,
    canvas,
    column,
    number_ticks,
    percent_tick,
    svg_of,
)
from modelkeel.model.report.text import Words, number, plain, short


def effect_drawings(evaluation: Evaluation, words: Words) -> list[Drawing]:
    """One small figure a feature, all on one scale, the strongest first."""
    table = evaluation.tables.get("effects.csv")
    if table is None or not table.height:
        return []
    strength = (
        table.group_by("feature", "class")
        .agg((pl.col("prediction").max() - pl.col("prediction").min()).alias("span"))
        .group_by("feature")
        .agg(pl.col("span").max())
        .sort(["span", "feature"], descending=[True, False])
    )
    low, high = float(table["prediction"].min()), float(table["prediction"].max())  # type: ignore[arg-type]
    pad = 0.06 * (high - low or 1.0)
    limits = (low - pad, high + pad)
    return [
        _effect(
            f"effect-{place}", table.filter(feature=name), float(span), limits, evaluation, words
        )
        for place, (name, span) in enumerate(strength.rows())
    ]


def _effect(
    name: str,
    table: pl.DataFrame,
    span: float,
    limits: tuple[float, float],
    evaluation: Evaluation,
    words: Words,
) -> Drawing:
    title = plain(table["feature"][0])
    kind = table["kind"][0]
    classes = table["class"].unique(maintain_order=True).to_list()
    shares = evaluation.task == "classification"
    tall = 40 + 15.5 * table["value"].n_unique() if kind == "category" else 0
    with canvas(max(180.0, tall), width=280.0) as (figure, axes):
        for place, label in enumerate(classes):
            one = table.filter(pl.col("class") == label)
            y = column(one, "prediction")
            color = MODEL if len(classes) == 1 else ACCENTS[1 + place % (len(ACCENTS) - 1)]
            text = short(words.outcome(label), 18)
            if kind == "category":
                if len(classes) == 1:
                    order = np.argsort(y, kind="stable")
                else:
                    order = np.arange(len(y))[::-1]
                axes.hlines(range(len(y)), limits[0], y[order], color=GRID, linewidth=1)
                axes.plot(y[order], range(len(y)), "o", color=color, markersize=6, label=text)
                labels = [short(plain(one["value"][int(at)]), 18) for at in order]
                axes.set_yticks(range(len(y)), labels)
                axes.set_ylim(-0.6, len(y) - 0.4)
            else:
                x = np.array([float(value) for value in one["value"]])
                axes.plot(x, y, "-o", color=color, markersize=3.6, label=text)
        if kind == "category":
            axes.set_xlim(*limits)
            axes.grid(visible=False, axis="y")
            number_ticks(axes, "x")
            axes.locator_params(axis="x", nbins=5)
            if shares:
                axes.xaxis.set_major_formatter(percent_tick)
        else:
            axes.set_ylim(*limits)
            number_ticks(axes, "x")
            number_ticks(axes, "y")
            if table["value"].n_unique() <= 5:
                axes.set_xticks(sorted({float(value) for value in table["value"]}))
                axes.margins(x=0.1)
            else:
                axes.locator_params(axis="x", nbins=5)
            axes.locator_params(axis="y", nbins=5)
            if shares:
                axes.yaxis.set_major_formatter(percent_tick)
        if len(classes) > 1:
            axes.legend(loc="best", fontsize=8)
        svg = svg_of(figure, name)
    points = round(span * 100)
    moves = f"{points} point{'s' * (points != 1)}" if shares else number(span)
    return Drawing(
        name,
        title,
        f"moves it by up to {moves}",
        f"Mean prediction by {title}: "
        + ", ".join(
            f"{plain(value)} {number(found)}"
            for value, found in zip(table["value"], table["prediction"], strict=True)
        ),
        svg,
    )
