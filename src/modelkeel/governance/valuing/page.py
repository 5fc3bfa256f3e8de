"""reports/value.html: what the decisions have been worth, on one page that loads nothing."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from modelkeel.data.sources.writing import write_text
from modelkeel.governance.numbers import bounds, figure, interval
from modelkeel.governance.plots import STYLE, Line, Plot, draw
from modelkeel.governance.valuing.text import (
    STATES,
    counted,
    payback,
    per_month,
    why_state,
)
from modelkeel.pages import Page, card, render, row, table
from modelkeel.project import Project

if TYPE_CHECKING:
    from modelkeel.governance.value import ValueReport

VALUE_PAGE = "value.html"
_LOOK = {"met": "good", "missed": "bad"}
_TAGS = {
    "held": "good",
    "clear": "good",
    "broken": "bad",
    "hit": "bad",
    "open": "wait",
    "insufficient_evidence": "wait",
}
_CSS = (
    ".tag.good{color:var(--good);background:var(--good-soft)}"
    ".tag.bad{color:var(--bad);background:var(--bad-soft)}"
    ".tag.wait{color:var(--wait);background:var(--wait-soft)}"
    ".big{font-size:1.7rem;font-weight:650;margin:0 0 4px}.big small{font-size:1rem;"
    "font-weight:400;color:var(--muted)}.plot{max-width:720px}"
)


def write_page(project: Project, made: ValueReport) -> Path:
    """Write reports/value.html."""
    path = project.reports_dir / VALUE_PAGE
    write_text(path, render_value(made))
    return path


def render_value(made: ValueReport) -> str:
    """The page; the same input gives the same bytes, and all text is escaped."""
    return render(
        Page(
            title=f"Value of {made.name}",
            kicker=f"{made.counts['decisions']:,} decisions, measured on {made.made:%Y-%m-%d}",
            lead=escape(made.method),
            top=_top(made),
            sections=[
                ("months", "How it went", _months(made)),
                ("guardrails", "Guardrails and kill criteria", _rails(made)),
                ("facts", "What was measured", _facts(made)),
                ("reading", "How to read this", _reading(made)),
            ],
            css=STYLE + _CSS,
        )
    )


def _top(made: ValueReport) -> str:
    found = made.effect
    between = (
        f"{made.confidence:.0%} interval {figure(found.low, sign=True)} to "
        f"{figure(found.high, sign=True)}"
        if found.low is not None and found.high is not None
        else "no interval"
    )
    value = "unknown" if found.value is None else figure(found.value, sign=True)
    lines = [
        f'<p class="big">{value} <small>{escape(made.unit)} a decision, {between}</small></p>',
        (
            f"<p>Target {made.target.at_least:+g} by {made.target.by}: "
            f"{STATES[made.state]}, for {escape(why_state(made))}.</p>"
        ),
        f"<p>A month: {escape(per_month(made))}.</p>",
    ]
    if text := payback(made):
        lines.append(f"<p>Payback: {escape(text)}.</p>")
    if made.warnings:
        items = "".join(f"<li>{escape(each)}</li>" for each in made.warnings)
        lines.append(f"<p>Before you believe it:</p><ul>{items}</ul>")
    return card(
        _LOOK.get(made.state, "wait"), escape(STATES[made.state].capitalize()), "".join(lines)
    )


def _months(made: ValueReport) -> str:
    rows = [
        row(
            escape(each.month),
            [
                ("decisions", f"{each.decisions:,}"),
                ("compared", f"{each.known:,}"),
                ("this month", interval(each.value, each.low, each.high)),
                ("so far", interval(each.total, each.total_low, each.total_high)),
            ],
        )
        for each in reversed(made.months)
    ]
    if not rows:
        return "<p>No outcome is due yet.</p>"
    heads = ["Month of decision", "Decisions", "Compared", "Uplift this month", "Uplift so far"]
    caption = f"Uplift in {made.unit} a decision, the newest month first"
    return _plot(made) + table(heads, rows, caption, "By month")


def _plot(made: ValueReport) -> str:
    """The uplift of all decisions up to each month's end, with its interval."""
    known = [(at, each) for at, each in enumerate(made.months) if each.total_low is not None]
    if not known:
        return ""
    every = math.ceil(len(made.months) / 6)
    line = Line(
        "uplift so far",
        "a",
        [(at, each.total or 0.0) for at, each in known],
        [(at, each.total_low or 0.0, each.total_high or 0.0) for at, each in known],
        dots=[
            f"{each.month}: {interval(each.total, each.total_low, each.total_high)}"
            for _, each in known
        ],
    )
    svg = draw(
        Plot(
            x="decisions up to the end of the month",
            y=f"uplift, {made.unit} a decision",
            lines=[line],
            across=[(made.target.at_least, "target"), (0.0, "today's way")],
            ticks=[(at, each.month) for at, each in known if at % every == 0],
        ),
        alt="Uplift so far, by month: " + "; ".join(line.dots),
    )
    return (
        f'<figure class="card plot">{svg}<figcaption>Uplift of all decisions so far, with its '
        f"{made.confidence:.0%} interval.</figcaption></figure>"
    )


def _rails(made: ValueReport) -> str:
    rows = [
        row(
            f"{escape(each.id)} <small>{escape(each.metric)}</small>",
            [
                ("state", _tag(each.state)),
                ("measured", bounds(each.value, each.low, each.high)),
                ("asked", f"{escape(each.asked)} <small>{escape(each.about)}</small>"),
            ],
            words=True,
        )
        for each in made.guardrails
    ]
    rows += [
        row(
            f"{escape(each.id)} <small>kill criterion: {escape(each.action)}</small>",
            [
                ("state", _tag(each.state)),
                ("measured", bounds(each.value)),
                (
                    "asked",
                    (
                        f"{escape(each.asked)} <small>{each.decisions:,} decisions from "
                        f"{each.since} to {each.until}. {escape(each.why)}</small>"
                    ),
                ),
            ],
            words=True,
        )
        for each in made.kills
    ]
    if not rows:
        return "<p>The charter names none.</p>"
    heads = ["Criterion", "State", "Measured", "Asked"]
    return table(heads, rows, "On what the model decided", "Guardrails", words=True)


def _tag(state: str) -> str:
    return f'<span class="tag {_TAGS[state]}">{STATES[state]}</span>'


def _facts(made: ValueReport) -> str:
    facts = [
        ("Decisions", counted(made)),
        ("Method", made.method),
        ("Table", f"{made.table['name']}, SHA-256 {made.table['sha256']}"),
        ("Charter", f"SHA-256 {made.table['charter']}"),
        ("Measured", f"{made.made:%Y-%m-%d %H:%M} UTC"),
    ]
    rows = [row(name, [("found", escape(text))], words=True) for name, text in facts]
    return table(["What", "Found"], rows, "Where the figures come from", "Facts", words=True)


def _reading(made: ValueReport) -> str:
    items = [
        (
            "Uplift",
            (
                "What a decision paid with the model less what it paid with today's way, by the "
                "payoff table of the charter. It is as good as that table."
            ),
        ),
        (
            "States",
            (
                "Met and missed: the whole interval lies on that side of the target. Undecided: it "
                "holds the target. Insufficient evidence: too few known outcomes, or an interval "
                "wider than the target itself to each side."
            ),
        ),
        (
            "Due",
            (
                "A decision counts once its outcome is due, not when it happens to be known: "
                "losses that come early would count alone."
            ),
        ),
        (
            "One look",
            (
                "The interval holds for one look. Who looks every month and stops when it pleases "
                "is wrong more often than it says."
            ),
        ),
    ]
    if not made.causal:
        items.append(
            (
                "Replay",
                (
                    "Nobody drew who was decided by the model. What is compared is what would have "
                    "been paid had nothing else changed."
                ),
            )
        )
    body = "".join(f"<div><dt>{head}</dt><dd>{escape(text)}</dd></div>" for head, text in items)
    return f'<dl class="reading card">{body}</dl>'
