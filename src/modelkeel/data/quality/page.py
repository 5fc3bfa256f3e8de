"""The data over time as one HTML page: no script, nothing loaded, readable on a phone."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelkeel.data.quality.drifting import ColumnDrift
from modelkeel.data.quality.facts import drift_section, reading_section, sources_section
from modelkeel.data.quality.markup import tag
from modelkeel.data.quality.plots import distribution, line_plot
from modelkeel.data.quality.reference import HOW, REFERENCE
from modelkeel.pages import Page, card, render, row, table

if TYPE_CHECKING:
    from modelkeel.data.quality.report import DataReport

_SHOWN = 12
_TABLES = 12


def render_page(made: DataReport) -> str:
    """Render a report; the same input gives the same bytes, and all text is escaped."""
    sections = [
        ("history", "What came in", _history(made)),
        ("columns", "Each column", _columns(made)),
        ("drift", "Drift and limits", drift_section(made)),
        ("sources", "Sources and digests", sources_section(made)),
        ("reading", "How to read this", reading_section()),
    ]
    now = made.current
    return render(
        Page(
            title=f"Data of {made.name}",
            kicker=now.contract,
            lead=(
                f"{now.rows:,} rows, checked on {now.time:%Y-%m-%d at %H:%M} UTC, "
                f"table <code>{now.digest[:16]}</code>"
            ),
            top=_verdict(made),
            sections=sections,
            css=Path(__file__).with_name("page.css").read_text(encoding="utf-8"),
        )
    )


def _verdict(made: DataReport) -> str:
    given = made.reference
    if given is None or made.drift is None:
        return card(
            "wait",
            "No reference accepted yet",
            "<p>There is nothing to compare this data with. Look at it below; if it is what a "
            f"model should learn from, accept it:</p><pre><code>{escape(HOW)}</code></pre>"
            f"<p>That writes <code>{REFERENCE}</code>, which belongs in git.</p>",
        )
    accepted = (
        f"<p>Compared with table <code>{given.digest[:16]}</code> of "
        f"{made.drift.rows_before:,} rows that held the contract, accepted on {given.date} by "
        f"{escape(given.by)}: “{escape(given.reason)}”</p>"
    )
    if not made.drifted:
        look = f", {len(made.warned)} worth a look" if made.warned else ""
        return card("good", f"No column drifted{look}", accepted)
    # the columns that drifted are the first
    items = "".join(
        f'<li><a href="#column-{at}">{escape(each.name)}</a>: {escape(each.why)}</li>'
        for at, each in enumerate(made.drifted[:_SHOWN])
    )
    more = len(made.drifted) - _SHOWN
    items += f"<li>and {more} more</li>" if more > 0 else ""
    count = len(made.drifted)
    head = f"{count} of {len(made.drift.columns)} columns drifted"
    remedy = (
        "<p>Mend the source. If the change is right, accept this data as the new reference:</p>"
        f"<pre><code>{escape(HOW)}</code></pre>"
    )
    return card("bad", head, f"<ul>{items}</ul>{accepted}{remedy}")


def _history(made: DataReport) -> str:
    tables = made.snapshots
    labels = [f"{each.time:%Y-%m-%d}" for each in tables]
    plots = [
        ("Rows", line_plot([each.rows for each in tables], labels), f"{made.current.rows:,}"),
        (
            "Missing values",
            line_plot([each.missing for each in tables], labels, ".2%"),
            f"{made.current.missing:.2%}",
        ),
        (
            "Rows in quarantine",
            line_plot([each.share for each in tables], labels, ".2%"),
            f"{made.current.share:.2%}",
        ),
    ]
    figures = "".join(
        f'<figure class="card"><div class="head"><h3>{head}</h3><span>now {now}</span></div>'
        f'<div role="img" aria-label="{head} of {len(tables)} tables, now {now}">{svg}</div>'
        "</figure>"
        for head, svg, now in plots
    )
    rows = [
        row(
            f"{each.time:%Y-%m-%d %H:%M} <small><code>{each.digest[:16]}</code>"
            f"{', this one' if each.digest == made.current.digest else ''}</small>",
            [
                ("rows", f"{each.rows:,}"),
                ("in quarantine", f"{each.quarantined:,} <small>{each.share:.2%}</small>"),
                ("missing", f"{each.missing:.2%}"),
                ("rules broken most", _broken(each.quality.get("broken") or {})),
            ],
        )
        for each in reversed(tables[-_TABLES:])
    ]
    count = (
        f"The newest {_TABLES} of {len(tables)} tables"
        if len(tables) > _TABLES
        else "The newest first"
    )
    heads = ["Checked (UTC)", "Rows", "In quarantine", "Missing", "Rules broken most"]
    # one table is no history yet
    drawn = f'<div class="grid three">{figures}</div>' if len(tables) > 1 else ""
    return drawn + table(heads, rows, count, "Tables")


def _broken(broken: dict[str, Any]) -> str:
    most = sorted(broken.items(), key=lambda each: (-int(each[1]), each[0]))[:2]
    return "<br>".join(f"{escape(name)} ({int(count):,})" for name, count in most) or "none"


def _columns(made: DataReport) -> str:
    now = made.current.profile["columns"]
    then = made.reference.profile["columns"] if made.reference else {}
    order = [each.name for each in made.drift.columns] if made.drift else list(now)
    states = {each.name: each for each in made.drift.columns} if made.drift else {}
    cards = [_column(made, at, name, now, then, states.get(name)) for at, name in enumerate(order)]
    first = max(_SHOWN, len(made.drifted) + len(made.warned))
    legend = '<span class="key now"></span> this table'
    if made.reference:
        legend += ' <span class="key then"></span> the reference'
    text = f'<p class="legend">{legend}</p><div class="grid three">{"".join(cards[:first])}</div>'
    if rest := cards[first:]:
        text += (
            f"<details><summary>{len(rest)} more columns</summary>"
            f'<div class="grid three">{"".join(rest)}</div></details>'
        )
    return text


def _column(
    made: DataReport,
    at: int,
    name: str,
    now: dict[str, Any],
    then: dict[str, Any],
    found: ColumnDrift | None,
) -> str:
    here, before = now.get(name), then.get(name)
    shown = here or before or {}
    missing = f"{here['missing']:.1%} missing" if here else "not in this table"
    if here and before and f"{before['missing']:.1%}" != f"{here['missing']:.1%}":
        missing += f", was {before['missing']:.1%}"
    if name in made.hidden or shown.get("hidden"):
        art = '<p class="hidden">Personal: values are not shown.</p>'
    else:
        same = before if before and here and before["kind"] == here["kind"] else None
        # an entry that was kept while the column was personal has fewer numbers
        art = distribution(same or (None if here else before), here, str(shown.get("kind", "")))
        art = art or '<p class="hidden">No distribution is kept.</p>'
    state = tag(found) if found else ""
    why = f'<p class="why">{escape(found.why)}</p>' if found and found.why else ""
    return (
        f'<figure class="card" id="column-{at}"><div class="head"><h3>{escape(name)}</h3>{state}'
        f'</div><div class="art" role="img" aria-label="Distribution of {escape(name)}">{art}'
        f"</div><figcaption>{missing}</figcaption>{why}</figure>"
    )
