"""The evaluation as one HTML page: no script, nothing loaded, readable on a phone and in print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from modelkeel.model.evaluation import Evaluation
from modelkeel.model.report.behaviour import behaviour_section, effects_section
from modelkeel.model.report.notes import facts_section, limits_section, reading_section
from modelkeel.model.report.scores import scores_section
from modelkeel.model.report.slices import slices_section
from modelkeel.model.report.text import Words, number, percent, plain
from modelkeel.model.report.verdict import verdict_section


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
        ("scores", "How good is it", scores_section(evaluation, words)),
        ("behaviour", "Where it is right and wrong", behaviour_section(evaluation, words)),
        ("slices", "For whom it works", slices_section(evaluation, words)),
        ("effects", "What moves the prediction", effects_section(evaluation, words)),
        ("facts", "What was evaluated", facts_section(evaluation, charter or {}, facts or {})),
        ("reading", "How to read this", reading_section(evaluation)),
        ("limits", "Limits", limits_section(evaluation, words, limits)),
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
{verdict_section(evaluation, words, policy, volume_per_month)}
<nav aria-label="Sections"><ul>{links}</ul></nav>
{body}
</main>
<footer>Intervals: {percent(evaluation.confidence)}, {number(evaluation.bootstrap)} resamples of \
the held-out {"groups" if evaluation.groups else "rows"}, seed {evaluation.seed}.</footer>
</body>
</html>
"""
