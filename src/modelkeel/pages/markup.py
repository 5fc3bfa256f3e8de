"""The pieces of markup that pages are made of."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


def card(state: str, head: str, text: str) -> str:
    """The answer at the top: a coloured word and what is behind it, both as markup.

    Args:
        state: `good`, `bad` or `wait`.
        head: the word.
        text: markup below it.
    """
    return f'<div class="verdict card {state}"><p class="chip">{head}</p>{text}</div>'


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
        f'<div class="wrap card" role="region" aria-label="{escape(name)}" tabindex="0">'
        f'<table class="stack"><caption>{escape(caption)}</caption><thead><tr>'
        f'<th scope="col">{escape(first)}</th>'
        + "".join(
            f'<th scope="col" class="{"words" if words and at == last else "num"}">'
            f"{escape(head)}</th>"
            for at, head in enumerate(others)
        )
        + f"</tr></thead><tbody>{''.join(rows)}</tbody></table></div>\n"
    )
