"""The piece of markup that only this page has: a figure with its caption."""

from __future__ import annotations

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
