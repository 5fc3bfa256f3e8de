"""What was evaluated, how to read the page, and the limits of what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from modelkeel.model.evaluation import Evaluation
from modelkeel.model.evaluation.metrics import METRICS
from modelkeel.model.evaluation.resampling import FEWEST_GROUPS
from modelkeel.model.report.text import Words, compare, percent, plain


def facts_section(
    evaluation: Evaluation, charter: Mapping[str, object], facts: Mapping[str, object]
) -> str:
    """The charter, and what was evaluated, as two tables."""
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


def reading_section(evaluation: Evaluation) -> str:
    """What the words of the page mean."""
    confidence = percent(evaluation.confidence)
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


def limits_section(evaluation: Evaluation, words: Words, further: Sequence[str]) -> str:
    """What these rows cannot say, and what `further` adds."""
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
        and compare(fixed, "higher") != "better"
    ):
        found.append(
            f"“{plain(evaluation.best_action)}” in every case would also beat today\u2019s way; "
            "these rows do not show the model to be better than that."
        )
    if evaluation.groups is not None and evaluation.groups < 30:
        few = evaluation.groups < FEWEST_GROUPS
        found.append(
            f"Only {evaluation.groups} groups were held out; "
            + ("from so few no interval is told." if few else "intervals from so few are rough.")
        )
    small = [words.full(part) for part in evaluation.slices if part.small]
    if small:
        found.append(f"Too few rows to judge by: {', '.join(small)}.")
    undefined = [words.full(p) for p in evaluation.slices if p.metric.value is None]
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
                f"{percent(under / (over + under))} quantile of what may happen, not its mean."
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
