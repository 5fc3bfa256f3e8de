"""The pieces of markup that the page is made of."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from modelkeel.data.quality.drifting import ColumnDrift

_STATES = {
    "drifted": "drifted",
    "warn": "worth a look",
    "ok": "as accepted",
    "not_judged": "not judged",
}


def tag(found: ColumnDrift) -> str:
    """What was found, in a coloured word."""
    return f'<span class="tag {found.state}">{_STATES[found.state]}</span>'


def row(head: str, cells: Sequence[tuple[str, str]], *, words: bool = False) -> str:
    """A row of markup; `words` keeps the last cell to the left."""
    last = len(cells) - 1
    shown = "".join(
        f'<td class="{"words" if words and at == last else "num"}" data-label="{escape(label)}">'
        f"{text}</td>"
        for at, (label, text) in enumerate(cells)
    )
    return f'<tr><th scope="row">{head}</th>{shown}</tr>'


def table(
    heads: Sequence[str], rows: Sequence[str], caption: str, name: str, *, words: bool = False
) -> str:
    """A table that stacks on a phone; `rows` are markup, heads and caption are text."""
    first, *others = heads
    last = len(others) - 1
    return (
        f'<div class="wrap card" role="region" aria-label="{name}" tabindex="0">'
        f'<table class="stack"><caption>{escape(caption)}</caption><thead><tr>'
        f'<th scope="col">{escape(first)}</th>'
        + "".join(
            f'<th scope="col" class="{"words" if words and at == last else "num"}">'
            f"{escape(head)}</th>"
            for at, head in enumerate(others)
        )
        + f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>\n"
    )
