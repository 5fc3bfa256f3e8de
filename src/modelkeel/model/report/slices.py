"""For whom the model works: the slices as figures, a table and a sentence."""

from __future__ import annotations

from html import escape

from modelkeel.model.evaluation import Estimate, Evaluation, SliceResult
from modelkeel.model.evaluation.metrics import METRICS
from modelkeel.model.report.figures.slices import slice_drawings
from modelkeel.model.report.markup import figure_card
from modelkeel.model.report.text import Words, low_to_high, number, plain
from modelkeel.pages import table


def slices_section(evaluation: Evaluation, words: Words) -> str:
    """The slices; nothing when none are wanted."""
    if not evaluation.slices:
        return ""
    metric = METRICS[evaluation.primary]
    figures = "".join(figure_card(drawing) for drawing in slice_drawings(evaluation, words))
    shown = _shown_actions(evaluation)
    share = metric.name != "mae"
    rows = []
    previous = ""
    for part in evaluation.slices:
        tag = ' <span class="tag">few rows</span>' if part.small else ""
        cells = [
            ("Rows", number(part.n)),
            (metric.label, _cell(part.metric, share=share)),
            ("Better than today by", _cell(part.uplift, sign=True)),
            *((f"Given “{plain(a)}”", _action(part, a)) for a in shown),
        ]
        edge = ' class="first-of"' if part.column != previous else ""
        previous = part.column
        rows.append(
            f'<tr{edge}><th scope="row">{escape(plain(part.column))}: '
            f"{escape(words.slice(part))}{tag}</th>"
            + "".join(
                f'<td class="num" data-label="{escape(head)}">{text}</td>' for head, text in cells
            )
            + "</tr>"
        )
    heads = ["Slice", "Rows", metric.label, "Better than today by"]
    heads += [f"Given “{plain(action)}”" for action in shown]
    caption = f"{metric.label} and uplift in {plain(words.unit)} per decision, by slice."
    listed = table(heads, rows, caption, "Slices")
    return f'{_slice_lead(evaluation, words)}<div class="grid">{figures}</div>\n{listed}'


def _shown_actions(evaluation: Evaluation) -> list[str]:
    actions = list(evaluation.action_shares)
    if len(actions) == 2:  # the other one is the rest
        return [evaluation.threshold_action or actions[0]]
    return actions[:4]


def _cell(found: Estimate, *, sign: bool = False, share: bool = False) -> str:
    if found.value is None:
        return "<small>no value</small>"
    span = low_to_high(found, sign=sign, share=share)
    text = number(found.value, sign=sign, share=share)
    return f"<b>{text}</b><small>{span or 'no interval'}</small>"


def _action(part: SliceResult, action: str) -> str:
    return f"{part.actions[action] * 100:.1f}\u202f%" if action in part.actions else "\u2013"


def _slice_lead(evaluation: Evaluation, words: Words) -> str:
    metric = METRICS[evaluation.primary]
    fit = [p for p in evaluation.slices if not p.small and p.metric.value is not None]
    text = ""
    if len(fit) > 1:
        ranked = sorted(fit, key=lambda p: p.metric.value or 0.0)
        if metric.better == "lower":
            ranked.reverse()
        worst, best = ranked[0], ranked[-1]
        share = metric.name != "mae"
        text = (
            f"Of the slices with enough rows, it does best for {words.full(best)} "
            f"({number(best.metric.value, share=share)}) and worst for {words.full(worst)} "
            f"({number(worst.metric.value, share=share)}). "
        )
    harmed = [p for p in evaluation.slices if p.uplift.high is not None and p.uplift.high < 0]
    if harmed:
        text += f"Worse off than today: {', '.join(words.full(p) for p in harmed)}. "
    small = sum(p.small for p in evaluation.slices)
    if small:
        text += f"{small} of {len(evaluation.slices)} slices have too few rows to judge by."
    return f"<p>{escape(text)}</p>\n" if text else ""
