"""A dot and an interval a row, under headings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelkeel.model.evaluation import Estimate
from modelkeel.model.report.figures.drawing import (
    CARD,
    INK,
    MODEL,
    MUTED,
    canvas,
    number_ticks,
    percent_tick,
    svg_of,
)


@dataclass(frozen=True)
class Dot:
    """A row: its name and value, hollow where it is of too few rows; a heading has no value."""

    text: str
    found: Estimate | None = None
    hollow: bool = False


def dots(
    name: str,
    rows: Sequence[Dot],
    label: str,
    *,
    overall: float | None = None,
    zero: bool = False,
    share: bool = False,
) -> str:
    """The rows as SVG.

    Args:
        name: makes the identifiers of the figure its own.
        rows: from top to bottom.
        label: of the axis.
        overall: where to draw a dashed line.
        zero: whether to draw a line at nothing.
        share: whether to number the axis as per cent.
    """
    with canvas(52 + 17.5 * len(rows)) as (figure, axes):
        axes.set_ylim(len(rows) - 0.4, -0.7)
        axes.grid(visible=False, axis="y")
        if zero:
            axes.axvline(0, color=MUTED, linewidth=1.2)
        if overall is not None:
            axes.axvline(overall, color=MODEL, linewidth=1.1, linestyle=(0, (4, 3)))
        for at, drawn in enumerate(rows):
            found = drawn.found
            if found is None:
                continue
            if found.value is None:
                axes.annotate(
                    "no value",
                    (0.5, at),
                    xycoords=("axes fraction", "data"),
                    ha="center",
                    va="center",
                    color=MUTED,
                    fontsize=8.5,
                )
                continue
            faint = 0.45 if drawn.hollow else 1.0
            if found.low is not None and found.high is not None:
                axes.plot([found.low, found.high], [at, at], color=MODEL, alpha=0.5 * faint, lw=3)
            axes.plot(
                [found.value],
                [at],
                "o",
                color=CARD if drawn.hollow else MODEL,
                markeredgecolor=MODEL,
                markeredgewidth=1.4,
                markersize=6,
            )
        axes.set_yticks(range(len(rows)), [drawn.text for drawn in rows])
        for tick, drawn in zip(axes.get_yticklabels(), rows, strict=True):
            tick.set_color(MUTED if drawn.found else INK)
            tick.set_fontweight("normal" if drawn.found else "bold")
        number_ticks(axes, "x")
        axes.locator_params(axis="x", nbins=5)
        if share:
            axes.xaxis.set_major_formatter(percent_tick)
        axes.set_xlabel(label)
        return svg_of(figure, name)
