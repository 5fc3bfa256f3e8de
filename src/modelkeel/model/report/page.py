"""The evaluation as one HTML page: no script, nothing loaded, readable on a phone and in print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from modelkeel.model.evaluation import Evaluation
from modelkeel.model.report.behaviour import behaviour_section, effects_section
from modelkeel.model.report.groups import groups_section
from modelkeel.model.report.notes import facts_section, limits_section, reading_section
from modelkeel.model.report.robustness import robustness_section
from modelkeel.model.report.scores import scores_section
from modelkeel.model.report.slices import slices_section
from modelkeel.model.report.text import Words, number, percent, plain
from modelkeel.model.report.verdict import verdict_section
from modelkeel.pages import Page, render


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
    groups: Sequence[str] = (),
    favourable: str | None = None,
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
        groups: slice columns whose groups of people are compared.
        favourable: the action that people hope for.
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
        ("groups", "By group", groups_section(evaluation, groups, favourable)),
        ("robustness", "Robustness", robustness_section(evaluation)),
        ("effects", "What moves the prediction", effects_section(evaluation, words)),
        ("facts", "What was evaluated", facts_section(evaluation, charter or {}, facts or {})),
        ("reading", "How to read this", reading_section(evaluation)),
        ("limits", "Limits", limits_section(evaluation, words, limits)),
    ]
    resampled = "groups" if evaluation.groups else "rows"
    return render(
        Page(
            title=plain(title),
            kicker=f"Model evaluation on {number(evaluation.n)} held-out cases",
            lead=escape(plain(decision)),
            top=verdict_section(evaluation, words, policy, volume_per_month),
            sections=sections,
            css=Path(__file__).with_name("report.css").read_text(encoding="utf-8"),
            footer=(
                f"Intervals: {percent(evaluation.confidence)}, {number(evaluation.bootstrap)} "
                f"resamples of the held-out {resampled}, seed {evaluation.seed}."
            ),
            skip=("scores", "Skip to the scores"),
        )
    )
