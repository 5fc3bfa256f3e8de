"""The evaluation as one HTML page: no script, nothing loaded, readable on a phone and in print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from modelkeel.model import plots
from modelkeel.model.evaluation import VALUE, Estimate, Evaluation, SliceResult
from modelkeel.model.metrics import METRICS
from modelkeel.model.plots import Drawing, Words, number, plain

_VERDICTS = {
    "reached": ("✓", "Target reached"),
    "not_reached": ("✗", "Target not reached"),
    "undecided": ("?", "Too close to call"),
    "none": ("·", "No target set"),
}


def render_report(
    evaluation: Evaluation,
    *,
    title: str,
    decision: str,
    unit: str,
    today: str = "",
    volume_per_month: float | None = None,
    meanings: Mapping[str, str] | None = None,
    slice_labels: Mapping[str, str] | None = None,
    charter: Mapping[str, object] | None = None,
    facts: Mapping[str, object] | None = None,
    limits: Sequence[str] = (),
) -> str:
    """Render the evaluation; the same input gives the same bytes.

    All text is escaped, wherever it comes from.

    Args:
        evaluation: what `evaluate` found.
        title: heading of the page.
        decision: the charter's statement.
        unit: of the payoff.
        today: what is done without the model, in words; derived from the policy when empty.
        volume_per_month: decisions a month, to say what the uplift adds up to.
        meanings: class to what it means.
        slice_labels: name of a slice in the record (``sex=0``) to what to call it.
        charter: label to value, shown as a table.
        facts: label to value: model, data and code that were evaluated.
        limits: further limits to name, beside those found in the evaluation.
    """
    words = Words(unit, meanings or {}, slice_labels or {})
    policy = plain(today) or (
        "forecasting the mean every time"
        if evaluation.task == "regression"
        else f"“{plain(evaluation.policy)}” in every case"
    )
    sections = [
        ("scores", "How good is it", _scores(evaluation, words)),
        ("behaviour", "Where it is right and wrong", _behaviour(evaluation, words)),
        ("slices", "For whom it works", _slices(evaluation, words)),
        ("effects", "What moves the prediction", _effects(evaluation, words)),
        ("facts", "What was evaluated", _facts(evaluation, charter or {}, facts or {})),
        ("reading", "How to read this", _reading(evaluation)),
        ("limits", "Limits", _limits(evaluation, words, limits)),
    ]
    present = [section for section in sections if section[2]]
    links = "".join(f'<li><a href="#{name}">{head}</a></li>' for name, head, _ in present)
    body = "\n".join(
        f'<section aria-labelledby="{name}"><h2 id="{name}">{head}</h2>\n{text}</section>'
        for name, head, text in present
    )
    css = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    heading = escape(plain(title))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{heading}</title>
<style>
{css}</style>
</head>
<body>
<a class="skip" href="#scores">Skip to the scores</a>
<header class="top">
<p class="kicker">Model evaluation on {number(evaluation.n)} held-out cases</p>
<h1>{heading}</h1>
<p class="lead">{escape(plain(decision))}</p>
</header>
<main>
{_verdict(evaluation, words, policy, volume_per_month)}
<nav aria-label="Sections"><ul>{links}</ul></nav>
{body}
</main>
<footer>Intervals: {_percent(evaluation.confidence)}, {number(evaluation.bootstrap)} resamples of \
the held-out {"groups" if evaluation.groups else "rows"}, seed {evaluation.seed}.</footer>
</body>
</html>
"""


# --- pieces ------------------------------------------------------------------------------------


def _percent(share: float) -> str:
    return f"{share * 100:.3g}\u202f%"


def _round(value: float) -> float:
    """Three significant digits: a projection is no more exact than that."""
    return float(f"{value:.3g}")


def _range(found: Estimate, *, sign: bool = False, share: bool = False) -> str:
    if found.low is None or found.high is None:
        return ""
    low, high = (number(v, sign=sign, share=share) for v in (found.low, found.high))
    return f"{low} to {high}"


def _figure(drawing: Drawing | None, *, small: bool = False) -> str:
    if drawing is None:
        return ""
    head = f"<h3>{escape(drawing.title)}</h3>"
    caption = escape(drawing.caption)
    head += f"<span>{caption}</span>" if small else ""
    below = "" if small else f"<figcaption>{caption}</figcaption>"
    return (
        f'<figure class="card"><div class="head">{head}</div>'
        f'<div class="art" role="img" aria-label="{escape(drawing.alt)}">{drawing.svg}</div>'
        f"{below}</figure>\n"
    )


def _verdict(
    evaluation: Evaluation, words: Words, policy: str, volume_per_month: float | None
) -> str:
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
    span = _range(found, sign=True)
    interval = (
        f"{_percent(confidence)} interval: {span}."
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
    drawing = plots.headline(found, target.at_least if target else None, words)
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
            more += f"; {_percent((model - today) / reach)} of what perfect foresight would add"
        points.append(("Per decision, with the model", f"{number(model)} {unit}", more))
    if volume_per_month and found.value is not None:
        month = [_round(v * volume_per_month) for v in (found.low, found.high) if v is not None]
        points.append(
            (
                f"At {number(volume_per_month)} decisions a month",
                f"{number(_round(found.value * volume_per_month), sign=True)} {unit}",
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
        }[_compare(linear, "higher")]
        points.append(
            (
                "Against a plain linear model",
                f"{number(linear.value, sign=True)} {unit}",
                "; ".join(filter(None, [_range(linear, sign=True), verdict])),
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
        }[_compare(other, "higher")]
        points.append(
            (
                f"Against “{escape(plain(evaluation.best_action))}” in every case",
                f"{number(other.value, sign=True)} {unit}",
                "; ".join(filter(None, [_range(other, sign=True), verdict])),
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


def _compare(difference: Estimate, better: str) -> str:
    """``better``, ``worse``, ``alike``, or nothing without an interval."""
    if difference.low is None or difference.high is None:
        return ""
    if difference.low <= 0 <= difference.high:
        return "alike"
    return "better" if (difference.low > 0) == (better == "higher") else "worse"


def _scores(evaluation: Evaluation, words: Words) -> str:
    unit = plain(words.unit)
    linear, baseline = evaluation.scores.get("linear", {}), evaluation.scores["baseline"]
    confidence = _percent(evaluation.confidence)
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
        below = _range(found, share=share)
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
    return _table(
        ["Measure", *heads],
        rows,
        f"Below a value: its {confidence} interval. “Today” is the policy without a model{today}.",
        "Scores",
    )


def _difference(evaluation: Evaluation, name: str, better: str, share: bool) -> str:
    found = evaluation.difference.get(name)
    if found is None:
        return "\u2013"
    state = _compare(found, better)
    says = {"alike": "no clear difference"}.get(state, state)
    return (
        f"{number(found.value, sign=True, share=share)}"
        f"<small>{_range(found, sign=True, share=share)}</small>"
        f'<small class="{state}">{says}</small>'
    )


def _table(heads: Sequence[str], rows: Sequence[str], caption: str, name: str) -> str:
    first, *others = heads
    return (
        f'<div class="wrap card" role="region" aria-label="{name}" tabindex="0">'
        f'<table class="stack"><caption>{escape(caption)}</caption><thead><tr>'
        f'<th scope="col">{escape(first)}</th>'
        + "".join(f'<th scope="col" class="num">{escape(head)}</th>' for head in others)
        + f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>\n"
    )


def _behaviour(evaluation: Evaluation, words: Words) -> str:
    if evaluation.task == "regression":
        wanted = [plots.predicted_actual, plots.residuals, plots.calibration]
    else:
        wanted = [
            plots.value_by_threshold,
            plots.calibration,
            plots.roc,
            plots.precision_recall,
        ]
    drawn = [figure for draw in wanted if (figure := _figure(draw(evaluation, words)))]
    columns = "grid three" if len(drawn) == 3 else "grid"
    return f'<div class="{columns}">{"".join(drawn)}</div>\n' if drawn else ""


def _slices(evaluation: Evaluation, words: Words) -> str:
    if not evaluation.slices:
        return ""
    metric = METRICS[evaluation.primary]
    figures = "".join(_figure(drawing) for drawing in plots.slice_drawings(evaluation, words))
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
    table = _table(heads, rows, caption, "Slices")
    return f'{_slice_lead(evaluation, words)}<div class="grid">{figures}</div>\n{table}'


def _shown_actions(evaluation: Evaluation) -> list[str]:
    actions = list(evaluation.action_shares)
    if len(actions) == 2:  # the other one is the rest
        return [evaluation.threshold_action or actions[0]]
    return actions[:4]


def _cell(found: Estimate, *, sign: bool = False, share: bool = False) -> str:
    if found.value is None:
        return "<small>no value</small>"
    span = _range(found, sign=sign, share=share)
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
            f"Of the slices with enough rows, it does best for {_name(best, words)} "
            f"({number(best.metric.value, share=share)}) and worst for {_name(worst, words)} "
            f"({number(worst.metric.value, share=share)}). "
        )
    harmed = [p for p in evaluation.slices if p.uplift.high is not None and p.uplift.high < 0]
    if harmed:
        text += f"Worse off than today: {', '.join(_name(p, words) for p in harmed)}. "
    small = sum(p.small for p in evaluation.slices)
    if small:
        text += f"{small} of {len(evaluation.slices)} slices have too few rows to judge by."
    return f"<p>{escape(text)}</p>\n" if text else ""


def _name(part: SliceResult, words: Words) -> str:
    return f"{plain(part.column)} {words.slice(part)}"


def _effects(evaluation: Evaluation, words: Words) -> str:
    drawings = plots.effect_drawings(evaluation, words)
    if not drawings:
        return ""
    if evaluation.task == "regression":
        what = "forecast"
    elif len(evaluation.classes) == 2:
        what = f"probability of “{words.outcome(evaluation.classes[1])}”"
    else:
        what = "probability of each class"
    figures = "".join(_figure(drawing, small=True) for drawing in drawings)
    return (
        f"<p>Mean {escape(what)} when one input is set to a value and the rest stay as they are; "
        "all on one scale, the strongest first. This is what the model does, not what causes "
        f'what.</p>\n<div class="grid small-multiples">{figures}</div>\n'
    )


def _facts(
    evaluation: Evaluation, charter: Mapping[str, object], facts: Mapping[str, object]
) -> str:
    tables = [("Charter", charter), ("Model, data and code", facts)]
    shown = "".join(
        f'<div class="card"><table><caption>{head}</caption><tbody>'
        + "".join(
            f'<tr><th scope="row">{escape(plain(label))}</th><td>{_fact(value)}</td></tr>'
            for label, value in rows.items()
        )
        + "</tbody></table></div>"
        for head, rows in tables
        if rows
    )
    return f'<div class="facts">{shown}</div>\n' if shown else ""


def _fact(value: object) -> str:
    text = plain("\u2013" if value is None else value)
    shown = escape(text)
    # digests and commits read better in a fixed width
    return f"<code>{shown}</code>" if len(text) >= 12 and text.isalnum() else shown


def _reading(evaluation: Evaluation) -> str:
    confidence = _percent(evaluation.confidence)
    entries = {
        "Held-out": "The model never saw these rows while it was trained, so the figures show how "
        "it does on new cases like them.",
        "Interval": f"Ranges made this way hold the true figure in about {confidence} of "
        "evaluations. Few rows make them wide.",
        "Better than today": "What the decisions of the model would have paid, less what "
        "today\u2019s way would have paid, on the same cases. The payoff comes from the charter.",
        "Linear model": "A simple model on the same inputs. One that is hardly better than this is "
        "not worth its complexity.",
        "Calibration": "Of cases called 70\u202f% likely, seven in ten should come true. “Chance” "
        "is the error that a perfectly calibrated model shows on as many rows."
        if evaluation.task == "classification"
        else "Where forecasts average 100, outcomes should average 100. A forecast aimed high or "
        "low on purpose leaves the line.",
        "Slice": "The same model on a part of the cases. An interval that reaches the value of all "
        "rows is no evidence of a difference.",
    }
    return (
        '<dl class="reading card">'
        + "".join(f"<div><dt>{head}</dt><dd>{text}</dd></div>" for head, text in entries.items())
        + "</dl>\n"
    )


def _limits(evaluation: Evaluation, words: Words, further: Sequence[str]) -> str:
    found = [
        (
            "The held-out rows come from the same source as the training rows: a change in who "
            "applies, or in how things are recorded, is not measured here."
        ),
    ]
    if evaluation.n < 500:
        found.append(
            f"{evaluation.n} held-out rows are few: differences of a size that matters may stay "
            "inside the intervals."
        )
    fixed = evaluation.uplift_vs_best_action
    if (
        fixed is not None
        and evaluation.best_action != evaluation.policy
        and _compare(fixed, "higher") != "better"
    ):
        found.append(
            f"“{plain(evaluation.best_action)}” in every case would also beat today\u2019s way; "
            "these rows do not show the model to be better than that."
        )
    if evaluation.groups is not None and evaluation.groups < 30:
        found.append(
            f"Only {evaluation.groups} groups were held out; intervals from so few are rough."
        )
    small = [_name(part, words) for part in evaluation.slices if part.small]
    if small:
        found.append(f"Too few rows to judge by: {', '.join(small)}.")
    undefined = [_name(p, words) for p in evaluation.slices if p.metric.value is None]
    if undefined:
        found.append(
            f"{METRICS[evaluation.primary].label} has no value where there are no rows or one "
            f"class only: {', '.join(undefined)}."
        )
    if len(evaluation.slices) > 5:
        found.append(
            f"{len(evaluation.slices)} slices are shown without correction for looking at many: "
            "one or the other stands out by chance."
        )
    noise = evaluation.calibration_noise.get("model")
    error = evaluation.scores["model"].get("calibration_error")
    if noise is not None and error is not None and error.value is not None and error.value > noise:
        found.append(
            "The probabilities are off by more than chance explains; decisions by expected "
            "payoff rest on them."
        )
    if evaluation.over_under is not None:
        over, under = (abs(amount) for amount in evaluation.over_under)
        if over != under and over + under > 0:
            found.append(
                "Too few and too many do not cost the same: the forecast that pays best is the "
                f"{_percent(under / (over + under))} quantile of what may happen, not its mean."
            )
    if evaluation.task == "classification":
        found.append(
            "Outcomes are taken as known for every case, whatever was decided. Where a refusal "
            "hides the outcome, value and scores hold only for cases like those observed."
        )
    found.append("Payoffs are taken as stated in the charter; their own uncertainty is not shown.")
    found += [plain(limit) for limit in further]
    return (
        '<ul class="limits card">'
        + "".join(f"<li>{escape(limit)}</li>" for limit in found)
        + "</ul>\n"
    )
