"""A dot and an interval for each slice."""

from __future__ import annotations

from collections.abc import Callable

from modelkeel.model.evaluation import Estimate, Evaluation, SliceResult
from modelkeel.model.evaluation.metrics import METRICS
from modelkeel.model.report.figures.dots import Dot, dots
from modelkeel.model.report.figures.drawing import Drawing
from modelkeel.model.report.text import Words, number, plain, short


def _rows(
    evaluation: Evaluation, pick: Callable[[SliceResult], Estimate], words: Words
) -> list[Dot]:
    rows: list[Dot] = []
    for place, part in enumerate(evaluation.slices):
        if place == 0 or evaluation.slices[place - 1].column != part.column:
            rows.append(Dot(short(plain(part.column), 26)))
        rows.append(Dot(short(words.slice(part), 22), pick(part), part.small))
    return rows


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
            dots(
                "slices-metric",
                _rows(evaluation, lambda part: part.metric, words),
                metric.label,
                overall=evaluation.scores["model"][metric.name].value,
            ),
        ),
        Drawing(
            "slices-uplift",
            "Better than today by",
            f"Left of zero, the slice is worse off than today. {hint}",
            f"Uplift per decision by slice. {alt(lambda part: part.uplift)}",
            dots(
                "slices-uplift",
                _rows(evaluation, lambda part: part.uplift, words),
                f"{short(plain(words.unit), 22)} per decision",
                overall=evaluation.uplift.value,
                zero=True,
            ),
        ),
    ]
