"""Ranking, precision and value by threshold of a classification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from modelkeel.model.evaluation import Evaluation
from modelkeel.model.report.figures.drawing import (
    ACCENTS,
    BASELINE,
    INK,
    LINEAR,
    MODEL,
    Drawing,
    canvas,
    column,
    number_ticks,
    share_ticks,
    svg_of,
)
from modelkeel.model.report.text import Words, number, plain, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def _curve_lines(axes: Axes, table: pl.DataFrame, classes: Sequence[str], words: Words) -> None:
    x = column(table, table.columns[0])
    if "linear" in table.columns:
        axes.plot(x, column(table, "linear"), color=LINEAR, linewidth=1.6, label="linear model")
    several = len(classes) > 2
    if several:
        for place, name in enumerate(classes):
            axes.plot(
                x,
                column(table, f"model {name}"),
                color=ACCENTS[1 + place % (len(ACCENTS) - 1)],
                linewidth=1,
                label=short(words.outcome(name), 22),
            )
    label = "model, mean of classes" if several else "model"
    axes.plot(x, column(table, "model"), color=MODEL, linewidth=2.2, label=label)


def roc(evaluation: Evaluation, words: Words) -> Drawing | None:
    """True against false positive rate."""
    table = evaluation.tables.get("roc.csv")
    if table is None or table["model"].is_null().all():
        return None
    with canvas(290) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=BASELINE, linewidth=1.2, linestyle=(0, (4, 3)))
        _curve_lines(axes, table, evaluation.classes, words)
        share_ticks(axes)
        axes.set_xlabel("false alarms: share of the others called so")
        axes.set_ylabel("found: share of the class called so")
        axes.legend(loc="lower right")
        svg = svg_of(figure, "roc")
    auc = evaluation.scores["model"]["roc_auc"]
    return Drawing(
        "roc",
        "Ranking",
        "Higher and further left is better; the dashed line is a coin.",
        f"ROC curve of the model, area {number(auc.value, share=True)}"
        + _against(evaluation, "roc_auc"),
        svg,
    )


def _against(evaluation: Evaluation, name: str) -> str:
    linear = evaluation.scores.get("linear", {}).get(name)
    return f"; linear model {number(linear.value, share=True)}" if linear else ""


def precision_recall(evaluation: Evaluation, words: Words) -> Drawing | None:
    """Precision against recall."""
    table = evaluation.tables.get("precision_recall.csv")
    if table is None or table["model"].is_null().all():
        return None
    shares = evaluation.class_shares
    base = shares[evaluation.classes[1]] if len(shares) == 2 else 1 / max(len(shares), 1)
    with canvas(290) as (figure, axes):
        axes.axhline(base, color=BASELINE, linewidth=1.2, linestyle=(0, (4, 3)))
        _curve_lines(axes, table, evaluation.classes, words)
        share_ticks(axes)
        two = len(shares) == 2
        what = f"“{short(words.outcome(evaluation.classes[1]), 24)}”" if two else "the class"
        axes.set_xlabel(f"found: share of {what} called so")
        axes.set_ylabel("right: share of the calls that hold")
        axes.legend(loc="lower left")
        svg = svg_of(figure, "pr")
    found = evaluation.scores["model"]["average_precision"]
    return Drawing(
        "pr",
        "Precision and recall",
        "Higher is better; the dashed line is a model without skill.",
        f"Precision-recall curve, average precision {number(found.value, share=True)}"
        + _against(evaluation, "average_precision"),
        svg,
    )


def value_by_threshold(evaluation: Evaluation, words: Words) -> Drawing | None:
    """Mean payoff by the probability from which the action is taken."""
    table = evaluation.tables.get("value_by_threshold.csv")
    if table is None:
        return None
    unit = plain(words.unit)
    x = column(table, "threshold")
    with canvas(290) as (figure, axes):
        today = float(table["baseline"][0])
        axes.axhline(today, color=BASELINE, linewidth=1.4, linestyle=(0, (4, 3)), label="today")
        if "linear" in table.columns:
            axes.plot(x, column(table, "linear"), color=LINEAR, linewidth=1.5, label="linear model")
        axes.plot(x, column(table, "model"), color=MODEL, linewidth=2.2, label="model")
        if evaluation.threshold is not None:
            axes.axvline(evaluation.threshold, color=INK, linewidth=1)
            left = evaluation.threshold > 0.5
            axes.annotate(
                f"best by the payoff: {evaluation.threshold:.0%}".replace("%", " %"),
                (evaluation.threshold, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(-5 if left else 5, -2),
                textcoords="offset points",
                ha="right" if left else "left",
                va="top",
                fontsize=9.5,
            )
        axes.set_xlim(-0.02, 1.02)
        axes.margins(y=0.12)
        share_ticks(axes, "x")
        number_ticks(axes, "y")
        action = plain(evaluation.threshold_action or "act")
        what = words.outcome(evaluation.classes[1])
        axes.set_xlabel(f"“{short(action, 16)}” from this probability of “{short(what, 18)}”")
        axes.set_ylabel(f"{short(unit, 18)} per decision")
        axes.legend(loc="best")
        svg = svg_of(figure, "threshold")
    best = int(np.nanargmax(column(table, "model")))
    return Drawing(
        "threshold",
        "Value by threshold",
        "Where the curve is flat, the exact threshold matters little.",
        f"Value per decision by threshold; greatest at {x[best]:.2f} with "
        f"{number(float(table['model'][best]))} {unit}; today {number(today)}",
        svg,
    )
