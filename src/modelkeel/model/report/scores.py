"""How good the model is: a table of its measures, beside the linear model and today."""

from __future__ import annotations

from html import escape

from modelkeel.model.evaluation import Evaluation
from modelkeel.model.evaluation.metrics import METRICS
from modelkeel.model.evaluation.result import VALUE
from modelkeel.model.report.text import Words, compare, low_to_high, number, percent, plain
from modelkeel.pages import table


def scores_section(evaluation: Evaluation, words: Words) -> str:
    """A row a measure: model, linear model, their difference, and today."""
    unit = plain(words.unit)
    linear, baseline = evaluation.scores.get("linear", {}), evaluation.scores["baseline"]
    confidence = percent(evaluation.confidence)
    today = ""
    if len(baseline) > 1:
        mean = evaluation.task == "regression"
        constant = "forecasting the mean" if mean else "predicting the class shares"
        today = f"; its scores are those of always {constant}"
    heads = ["Model", *(["Linear model", "Model against linear"] if linear else []), "Today"]
    rows = []
    for name in [VALUE, *(name for name in evaluation.scores["model"] if name != VALUE)]:
        found = evaluation.scores["model"][name]
        share = (evaluation.task == "classification" and name != VALUE) or name == "r2"
        if name == VALUE:
            label, meaning, better = "Value per decision", f"In {unit}, by the payoff.", "higher"
        else:
            metric = METRICS[name]
            label, meaning, better = metric.label, metric.meaning, metric.better
        meaning += " More is better." if better == "higher" else " Less is better."
        below = low_to_high(found, share=share)
        if name == "calibration_error" and "model" in evaluation.calibration_noise:
            below = f"chance: up to {number(evaluation.calibration_noise['model'], share=True)}"
        cells = [("Model", f"<b>{number(found.value, share=share)}</b><small>{below}</small>")]
        if linear:
            cells.append(("Linear model", number(linear[name].value, share=share)))
            cells.append(("Against linear", _difference(evaluation, name, better, share)))
        at = baseline.get(name)
        cells.append(("Today", number(at.value, share=share) if at else "\u2013"))
        rows.append(
            f'<tr><th scope="row">{escape(label)}<small>{escape(meaning)}</small></th>'
            + "".join(f'<td class="num" data-label="{head}">{text}</td>' for head, text in cells)
            + "</tr>"
        )
    return table(
        ["Measure", *heads],
        rows,
        f"Below a value: its {confidence} interval. “Today” is the policy without a model{today}.",
        "Scores",
    )


def _difference(evaluation: Evaluation, name: str, better: str, share: bool) -> str:
    found = evaluation.difference.get(name)
    if found is None:
        return "\u2013"
    state = compare(found, better)
    says = {"alike": "no clear difference"}.get(state, state)
    return (
        f"{number(found.value, sign=True, share=share)}"
        f"<small>{low_to_high(found, sign=True, share=share)}</small>"
        f'<small class="{state}">{says}</small>'
    )
