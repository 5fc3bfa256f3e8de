"""How much hangs on noise, on one missing value, or on one column."""

from __future__ import annotations

from html import escape

from modelkeel.model.evaluation import Evaluation
from modelkeel.model.evaluation.disturbed import DRAWS, NOISE, Disturbed, Kind, Robustness
from modelkeel.model.report.figures.robustness import KINDS, MOST, by_column, robustness_drawing
from modelkeel.model.report.markup import figure_card
from modelkeel.model.report.text import number, percent, plain
from modelkeel.pages import row, table


def robustness_section(evaluation: Evaluation) -> str:
    """What became of disturbed rows; nothing when none were."""
    found = evaluation.robustness
    if found is None or not (found.noise or found.columns):
        return ""
    kinds = [kind for kind in KINDS if any(each.kind == kind for each in found.columns)]
    rows = [
        row(
            escape(plain(name)),
            [(KINDS[kind].capitalize(), _cell(found, of.get(kind))) for kind in kinds],
        )
        for name, of in by_column(found)[:MOST]
    ]
    shown = table(
        ["Column", *(KINDS[kind].capitalize() for kind in kinds)],
        rows,
        "Share of the decisions that flip, when one column is disturbed."
        if found.measure == "flips"
        else "Mean change of the forecast in standard deviations, when one column is disturbed.",
        "Robustness",
    )
    if (more := len(by_column(found)) - MOST) > 0:
        shown += f"<p>{more} more columns matter less; reports/evaluation.json has them.</p>\n"
    figure = figure_card(robustness_drawing(found))
    return f'{_lead(found)}<div class="grid">{figure}</div>\n{shown}{_failures(found)}'


def _lead(found: Robustness) -> str:
    noise, missing = found.noise, found.missing
    said = []
    if noise is not None:
        said.append(
            f"With slight noise on every number at once, {_size(found, noise)}. The noise is "
            f"{percent(NOISE)} of each column\u2019s standard deviation, drawn {DRAWS} times, and "
            "stays inside what the data contract allows."
        )
    if missing is not None:
        said.append(
            f"Of the values that may be missing, {plain(missing.column)} matters most: without it, "
            f"{_size(found, missing)}."
        )
    elif any(kind in {each.kind for each in found.columns} for kind in ("noise", "common")):
        said.append("No value may be missing by the data contract, so none was taken away.")
    return f"<p>{escape(' '.join(said))}</p>\n"


def _size(found: Robustness, each: Disturbed) -> str:
    if found.measure == "flips":
        return f"{percent(each.flips)} of the decisions flip"
    return f"forecasts move by {number(each.change)} standard deviations"


def _cell(found: Robustness, each: Disturbed | None) -> str:
    if each is None:
        return "\u2013"
    if found.measure == "flips":
        below = f"<small>score moves by {number(each.change, share=True)}</small>"
        return f"<b>{percent(each.flips)}</b>{below}"
    return f"<b>{number(each.change)}</b>"


def _failures(found: Robustness) -> str:
    names: dict[Kind, str] = dict(KINDS)
    items = "".join(
        f"<li>{escape(plain(each.column or 'all numbers'))}, {names[each.kind]}: "
        f"{percent(each.failed)} of the rows got no finite score"
        f"{escape(': ' + plain(each.problem)) if each.problem else ''}</li>"
        for each in found.failures
    )
    return f'<ul class="limits card">{items}</ul>\n' if items else ""
