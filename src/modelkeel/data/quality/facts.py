"""The sections of the page that are tables and text."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from modelkeel.data.quality.drifting import ColumnDrift
from modelkeel.data.quality.markup import tag
from modelkeel.pages import row, table

if TYPE_CHECKING:
    from modelkeel.data.quality.report import DataReport

NOTHING = "&ndash;"


def drift_section(made: DataReport) -> str:
    """Sizes by column, and the limits."""
    limits = made.limits
    limit_table = table(
        ["Limit", "Value", "Meaning"],
        [
            row(key, [("value", form), ("meaning", meaning)], words=True)
            for key, form, meaning in (
                ("max_psi", f"{limits.max_psi:g}", "above it a column has drifted"),
                ("warn_psi", f"{limits.warn_psi:g}", "above it a column is worth a look"),
                (
                    "max_missing_shift",
                    f"{limits.max_missing_shift:.1%}",
                    "how far the share of missing values may move",
                ),
                (
                    "max_new_share",
                    f"{limits.max_new_share:.1%}",
                    "share of values in categories that the reference does not have",
                ),
            )
        ],
        "Set under [drift] in governance/gates.toml; what chance explains is allowed on top",
        "Limits",
        words=True,
    )
    if made.drift is None:
        return limit_table
    rows = [
        row(
            f"{escape(each.name)} <small>{tag(each)}</small>",
            [
                ("PSI", _size(each.psi)),
                (
                    "PSI allowed",
                    _size(limits.max_psi + each.noise if each.psi is not None else None),
                ),
                ("JS distance", _size(each.js)),
                ("KS", _size(each.ks)),
                ("missing", _moved(each)),
                ("new categories", _new(made, each)),
            ],
        )
        for each in made.drift.columns
    ]
    heads = ["Column", "PSI", "PSI allowed", "JS distance", "KS", "Missing", "New categories"]
    return table(heads, rows, "The worst first", "Drift") + limit_table


def _size(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.3f}"


def _moved(each: ColumnDrift) -> str:
    if each.missing_before is None or each.missing_after is None:
        return NOTHING
    now, before = f"{each.missing_after:.1%}", f"{each.missing_before:.1%}"
    return now if now == before else f"{now} <small>was {before}</small>"


def _new(made: DataReport, each: ColumnDrift) -> str:
    if each.kind != "categorical" or each.psi is None:
        return NOTHING
    named = "" if each.name in made.hidden else ", ".join(each.new[:3])
    return f"{each.new_share:.1%}" + (f" <small>{escape(named)}</small>" if named else "")


def sources_section(made: DataReport) -> str:
    """What was read, with digests."""
    rows = [
        row(
            f"{escape(str(each.get('name', '')))} <small>{escape(str(each['location']))}</small>",
            [
                ("rows", f"{int(each.get('rows') or 0):,}"),
                ("SHA-256", f"<code>{escape(str(each['sha256']))}</code>"),
            ],
            words=True,
        )
        for each in made.current.inputs
    ]
    rows.append(
        row(
            "all together <small>data/raw.parquet</small>",
            [
                ("rows", f"{made.current.rows:,}"),
                ("SHA-256", f"<code>{made.current.digest}</code>"),
            ],
            words=True,
        )
    )
    heads = ["Source", "Rows", "SHA-256"]
    return table(heads, rows, "What this table was read from", "Sources", words=True)


def reading_section() -> str:
    """What the words mean, and what is not seen."""
    facts = {
        "PSI": "Population stability index over at most ten parts of the reference. 0 is the "
        "same; 0.1 is worth a look, 0.25 is usually another population.",
        "JS and KS": "Jensen-Shannon distance and the largest gap of the distribution functions, "
        "both from 0 to 1. They are shown and have no limit.",
        "Not judged": "Dates move on by themselves, and of personal columns no categories are "
        "kept. Their missing share is judged.",
        "What this cannot see": "A change of how columns go together while each of them stays as "
        "it is, and a change of what the target depends on.",
    }
    items = "".join(f"<div><dt>{head}</dt><dd>{text}</dd></div>" for head, text in facts.items())
    return f'<dl class="reading card">{items}</dl>'
