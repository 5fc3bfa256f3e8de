"""The ML Test Score as a chart of 28 cells, and every item with why it counts what it counts."""

from __future__ import annotations

from html import escape

from modelkeel.governance.readiness.score import Score, Scored, bands
from modelkeel.governance.readiness.words import points
from modelkeel.pages import row, table

_CLASSES = {0: "none", 0.5: "half", 1: "full"}
_WORDS = {0: "no evidence", 0.5: "by hand", 1: "automatic"}


def score_section(score: Score) -> str:
    """The chart, the bands and the items."""
    rows = "".join(_chart_row(score, name) for name in score.sections)
    listed = "".join(_band(*band) for band in bands(score.overall))
    weakest = " and ".join(score.weakest).lower()
    return (
        f'<div class="card mts"><p class="total"><b>{points(score.overall)}</b> of 7, the points '
        f"of the weakest section ({weakest}): {escape(score.meaning)}.</p>{rows}"
        '<p class="key"><i class="full"></i> a gate passes, 1 '
        '<i class="half"></i> a person checked it and signed, ½ '
        '<i class="none"></i> no evidence, 0</p>'
        f'<ul class="bands">{listed}</ul></div>{_items(score)}'
    )


def _chart_row(score: Score, name: str) -> str:
    items = score.sections[name]
    told = ", ".join(f"{each.item.id} {points(each.points)}" for each in items)
    cells = "".join(map(_cell, items))
    return (
        f'<div class="line" role="img" aria-label="{name}: {points(score.sum(name))} of 7; {told}">'
        f"<b>{name}</b>{cells}<b>{points(score.sum(name))}</b></div>"
    )


def _cell(each: Scored) -> str:
    title = escape(f"{each.item.id} {each.item.title}: {each.why}")
    return f'<span class="{_CLASSES[each.points]}" title="{title}">{each.item.id}</span>'


def _band(span: str, words: str, now: bool) -> str:
    here = ' class="now" aria-current="true"' if now else ""
    return f"<li{here}><b>{span}</b> {escape(words)}</li>"


def _items(score: Score) -> str:
    rows = [
        row(
            f"{each.item.id} <small>{escape(each.item.title)}</small>",
            [
                ("points", f"{points(each.points)} <small>{_WORDS[each.points]}</small>"),
                ("why", escape(each.why)),
            ],
            words=True,
        )
        for items in score.sections.values()
        for each in items
    ]
    caption = "After Breck, Cai, Nielsen, Salib and Sculley (2017), The ML Test Score"
    listed = table(["Item", "Points", "Why"], rows, caption, "Items of the score", words=True)
    return f"<details><summary>All 28 items, and why each counts so</summary>{listed}</details>"
