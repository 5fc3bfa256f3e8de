"""The two pieces of markup that every section is made of."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from modelkeel.model.report.figures.drawing import Drawing


def figure_card(drawing: Drawing | None, *, small: bool = False) -> str:
    """A figure with its caption, beside the title where it is small; nothing for no drawing."""
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


def table_card(heads: Sequence[str], rows: Sequence[str], caption: str, name: str) -> str:
    """A table that stacks on a phone; `rows` are markup, heads and caption are text."""
    first, *others = heads
    return (
        f'<div class="wrap card" role="region" aria-label="{name}" tabindex="0">'
        f'<table class="stack"><caption>{escape(caption)}</caption><thead><tr>'
        f'<th scope="col">{escape(first)}</th>'
        + "".join(f'<th scope="col" class="num">{escape(head)}</th>' for head in others)
        + f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>\n"
    )
