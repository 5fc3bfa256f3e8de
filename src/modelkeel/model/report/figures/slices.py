"""A dot and an interval for each slice."""

from __future__ import annotations

from collections.abc import Callable

from modelkeel.model.evaluation import Estimate, Evaluation, SliceResult
from modelkeel.model.evaluation.metrics import METRICS
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
from modelkeel.model.report.text import Words, number, plain, short


def _dots(
    evaluation: Evaluation,
    name: str,
    pick: Callable[[SliceResult], Estimate],
    overall: Estimate,
    label: str,
    zero: bool,
    words: Words,
) -> str:
    rows: list[tuple[str, SliceResult | None]] = []
    for place, part in enumerate(evaluation.slices):
        if place == 0 or evaluation.slices[place - 1].column != part.column:
            rows.append((short(plain(part.column), 26), None))
        rows.append((short(words.slice(part), 22), part))
    with canvas(52 + 17.5 * len(rows)) as (figure, axes):
        axes.set_ylim(len(rows) - 0.4, -0.7)
        axes.grid(visible=False, axis="y")
        if zero:
            axes.axvline(0, color=MUTED, linewidth=1.2)
        if overall.value is not None:
            axes.axvline(overall.value, color=MODEL, linewidth=1.1, linestyle=(0, (4, 3)))
        for at, (_, drawn) in enumerate(rows):
            if drawn is None:
                continue
            found = pick(drawn)
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
            faint = 0.45 if drawn.small else 1.0
            if found.low is not None and found.high is not None:
                axes.plot([found.low, found.high], [at, at], color=MODEL, alpha=0.5 * faint, lw=3)
            axes.plot(
                [found.value],
                [at],
                "o",
                color=CARD if drawn.small else MODEL,
                markeredgecolor=MODEL,
                markeredgewidth=1.4,
                markersize=6,
            )
        axes.set_yticks(range(len(rows)), [text for text, _ in rows])
        for tick, (_, drawn) in zip(axes.get_yticklabels(), rows, strict=True):
            tick.set_color(MUTED if drawn else INK)
            tick.set_fontweight("normal" if drawn else "bold")
        number_ticks(axes, "x")
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel(label)
        return svg_of(figure, name)


def slice_drawings(evaluation: Evaluation, words: Words) -> list[Drawing]:
    """Dot and interval of each slice: the primary measure, and the uplift."""
    if not evaluation.slices:
        return []
    metric = METRICS[evaluation.primary]
    hint = "Dashed: all rows. Hollow: too few rows to judge by."

    def alt(pick: Callable[[SliceResult], Estimate]) -> str:
        return "; ".join(
            f"{plain(part.column)} {words.slice(part)}: {number(pick(part).value)}"
            for part in evaluation.slices
        )

    return [
        Drawing(
            "slices-metric",
            metric.label,
            f"{'Right' if metric.better == 'higher' else 'Left'} is better. {hint}",
            f"{metric.label} by slice. {alt(lambda part: part.metric)}",
            _dots(
                evaluation,
                "slices-metric",
                lambda part: part.metric,
                evaluation.scores["model"][metric.name],
                metric.label,
                False,
                words,
            ),
        ),
        Drawing(
            "slices-uplift",
            "Better than today by",
            f"Left of zero, the slice is worse off than today. {hint}",
            f"Uplift per decision by slice. {alt(lambda part: part.uplift)}",
            _dots(
                evaluation,
                "slices-uplift",
                lambda part: part.uplift,
                evaluation.uplift,
                f"{short(plain(words.unit), 22)} per decision",
                True,
                words,
            ),
        ),
    ]
