"""The top of the page: whether the model beats today's way, and the target."""

from __future__ import annotations

from html import escape

from modelkeel.model.evaluation import Estimate, Evaluation
from modelkeel.model.evaluation.result import VALUE
from modelkeel.model.report.figures.headline import headline
from modelkeel.model.report.text import Words, compare, low_to_high, number, percent, plain, rounded

_VERDICTS = {
    "reached": ("✓", "Target reached"),
    "not_reached": ("✗", "Target not reached"),
    "undecided": ("?", "Too close to call"),
    "none": ("·", "No target set"),
}


def verdict_section(
    evaluation: Evaluation, words: Words, policy: str, volume_per_month: float | None
) -> str:
    """The result in a sentence, a figure and the points that qualify it."""
    target = evaluation.target
    found = target.uplift if target else evaluation.uplift
    confidence = target.confidence if target else evaluation.confidence
    state = target.state if target else "none"
    mark, verdict = _VERDICTS[state]
    unit = escape(plain(words.unit))
    if found.value is None:
        sentence = "There are no rows to compare with today\u2019s way."
    else:
        side = "Better" if found.value > 0 else "Worse" if found.value < 0 else "No different"
        sentence = f"{side} than today\u2019s way: {escape(policy)}."
    span = low_to_high(found, sign=True)
    interval = (
        f"{percent(confidence)} interval: {span}."
        if span
        else "No interval: too few rows or resamples."
    )
    if target:
        interval += (
            f" The target, at least {number(target.at_least, sign=True)}, "
            + {
                "reached": "lies below all of it.",
                "not_reached": "lies above all of it.",
                "undecided": "lies inside: more rows are needed to settle it."
                if span
                else "cannot be judged without it.",
            }[target.state]
        )
    drawing = headline(found, target.at_least if target else None, words)
    art = (
        f'<figure role="img" aria-label="{escape(drawing.alt)}">{drawing.svg}</figure>'
        if drawing
        else ""
    )
    return f"""<section class="verdict card {state}" aria-label="Result">
<div>
<p class="chip"><span aria-hidden="true">{mark}</span>{verdict}</p>
<p class="big">{number(found.value, sign=True)} <small>{unit} per decision</small></p>
<p>{sentence}</p>
<p class="interval">{interval}</p>
</div>
{art}
{_points(evaluation, found, unit, volume_per_month)}
</section>"""


def _points(
    evaluation: Evaluation, found: Estimate, unit: str, volume_per_month: float | None
) -> str:
    points: list[tuple[str, str, str]] = []
    model = evaluation.scores["model"][VALUE].value
    today = evaluation.scores["baseline"][VALUE].value
    if model is not None and today is not None:
        more = f"today {number(today)}"
        reach = evaluation.ceiling - today
        if reach > 0 and model > today:
            more += f"; {percent((model - today) / reach)} of what perfect foresight would add"
        points.append(("Per decision, with the model", f"{number(model)} {unit}", more))
    if volume_per_month and found.value is not None:
        month = [rounded(v * volume_per_month) for v in (found.low, found.high) if v is not None]
        points.append(
            (
                f"At {number(volume_per_month)} decisions a month",
                f"{number(rounded(found.value * volume_per_month), sign=True)} {unit}",
                " to ".join(number(v, sign=True) for v in month),
            )
        )
    linear = evaluation.uplift_vs_linear
    if linear is not None and linear.value is not None:
        verdict = {
            "better": "the model earns its complexity",
            "worse": "the linear model is the better choice",
            "alike": "these rows do not tell the two apart; prefer the simpler",
            "": "no interval",
        }[compare(linear, "higher")]
        points.append(
            (
                "Against a plain linear model",
                f"{number(linear.value, sign=True)} {unit}",
                "; ".join(filter(None, [low_to_high(linear, sign=True), verdict])),
            )
        )
    other = evaluation.uplift_vs_best_action
    if (
        other is not None
        and other.value is not None
        and evaluation.best_action != evaluation.policy
    ):
        verdict = {
            "better": "the model beats every fixed rule",
            "worse": "that fixed rule is the better choice",
            "alike": "these rows do not tell the two apart",
            "": "no interval",
        }[compare(other, "higher")]
        points.append(
            (
                f"Against “{escape(plain(evaluation.best_action))}” in every case",
                f"{number(other.value, sign=True)} {unit}",
                "; ".join(filter(None, [low_to_high(other, sign=True), verdict])),
            )
        )
    return (
        '<dl class="points">'
        + "".join(
            f"<div><dt>{label}</dt><dd><b>{value}</b><span>{more}</span></dd></div>"
            for label, value, more in points
        )
        + "</dl>"
    )
