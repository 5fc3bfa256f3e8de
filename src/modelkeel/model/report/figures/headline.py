"""The uplift, beside nothing gained and the target."""

from __future__ import annotations

from modelkeel.model.evaluation import Estimate
from modelkeel.model.report.figures.drawing import (
    CARD,
    INK,
    MODEL,
    MUTED,
    Drawing,
    canvas,
    number_ticks,
    svg_of,
)
from modelkeel.model.report.text import Words, number, plain


def headline(found: Estimate, at_least: float | None, words: Words) -> Drawing | None:
    """The uplift with its interval, beside nothing gained and the target."""
    if found.value is None:
        return None
    marks = [0.0, found.value, *(v for v in (found.low, found.high, at_least) if v is not None)]
    span = (max(marks) - min(marks)) or 1.0
    with canvas(74) as (figure, axes):
        axes.set_ylim(-1, 1.35)
        axes.set_xlim(min(marks) - 0.1 * span, max(marks) + 0.1 * span)
        axes.grid(visible=False)
        axes.set_yticks([])
        number_ticks(axes, "x")
        axes.axvline(0, color=MUTED, linewidth=1.2, ymax=0.76)
        if at_least is None or abs(at_least) > 0.2 * span:
            sides = ["center", "center"]
        else:  # side by side, each to the outside of its line
            sides = ["right", "left"] if at_least >= 0 else ["left", "right"]
        axes.text(0, 0.98, "today", ha=sides[0], va="bottom", color=MUTED, fontsize=9.5)
        if at_least is not None:
            axes.axvline(at_least, color=INK, linewidth=1.4, linestyle=(0, (3, 2)), ymax=0.76)
            axes.text(at_least, 0.98, "target", ha=sides[1], va="bottom", fontsize=9.5)
        if found.low is not None and found.high is not None:
            axes.plot(
                [found.low, found.high],
                [0, 0],
                color=MODEL,
                linewidth=10,
                alpha=0.3,
                solid_capstyle="butt",
            )
        axes.plot([found.value], [0], "o", color=MODEL, markersize=10, markeredgecolor=CARD)
        svg = svg_of(figure, "headline")
    return Drawing(
        "headline",
        "",
        "",
        f"Better than today by {number(found.value, sign=True)} {plain(words.unit)} per decision, "
        f"interval {number(found.low, sign=True)} to {number(found.high, sign=True)}"
        + (f", target {number(at_least, sign=True)}" if at_least is not None else ""),
        svg,
    )
