"""Where the model is right and wrong, and what moves its prediction."""

from __future__ import annotations

from html import escape

from modelkeel.model.evaluation import Evaluation
from modelkeel.model.report.figures.calibration import calibration
from modelkeel.model.report.figures.classification import precision_recall, roc, value_by_threshold
from modelkeel.model.report.figures.effects import effect_drawings
from modelkeel.model.report.figures.regression import predicted_actual, residuals
from modelkeel.model.report.markup import figure_card
from modelkeel.model.report.text import Words


def behaviour_section(evaluation: Evaluation, words: Words) -> str:
    """The figures of the task, side by side."""
    if evaluation.task == "regression":
        wanted = [predicted_actual, residuals, calibration]
    else:
        wanted = [
            value_by_threshold,
            calibration,
            roc,
            precision_recall,
        ]
    drawn = [figure for draw in wanted if (figure := figure_card(draw(evaluation, words)))]
    columns = "grid three" if len(drawn) == 3 else "grid"
    return f'<div class="{columns}">{"".join(drawn)}</div>\n' if drawn else ""


def effects_section(evaluation: Evaluation, words: Words) -> str:
    """One small figure a feature; nothing when effects were not computed."""
    drawings = effect_drawings(evaluation, words)
    if not drawings:
        return ""
    if evaluation.task == "regression":
        what = "forecast"
    elif len(evaluation.classes) == 2:
        what = f"probability of “{words.outcome(evaluation.classes[1])}”"
    else:
        what = "probability of each class"
    figures = "".join(figure_card(drawing, small=True) for drawing in drawings)
    return (
        f"<p>Mean {escape(what)} when one input is set to a value and the rest stay as they are; "
        "all on one scale, the strongest first. This is what the model does, not what causes "
        f'what.</p>\n<div class="grid small-multiples">{figures}</div>\n'
    )
