"""The frame of a page: no script, nothing loaded, readable on a phone, in the dark and in print."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from pathlib import Path

Section = tuple[str, str, str]
"""Its id, its heading and its markup; one without markup is left out."""


@dataclass(frozen=True)
class Page:
    """What a page shows.

    Attributes:
        title: heading, as text.
        kicker: the line above it, as text.
        lead: the line below it, as markup.
        top: markup before the list of sections: the answer that people came for.
        sections: what follows, in order.
        css: rules beside those that all pages share.
        footer: the last line, as markup.
        skip: id of a section and what to call the link to it, for those who use a keyboard.
    """

    title: str
    kicker: str
    lead: str
    top: str
    sections: list[Section]
    css: str = ""
    footer: str = ""
    skip: tuple[str, str] | None = field(default=None)


def render(page: Page) -> str:
    """The page as HTML; the same input gives the same bytes."""
    present = [section for section in page.sections if section[2]]
    links = "".join(f'<li><a href="#{name}">{head}</a></li>' for name, head, _ in present)
    body = "\n".join(
        f'<section aria-labelledby="{name}"><h2 id="{name}">{head}</h2>\n{text}</section>'
        for name, head, text in present
    )
    shared = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    skip = f'<a class="skip" href="#{page.skip[0]}">{page.skip[1]}</a>\n' if page.skip else ""
    footer = f"<footer>{page.footer}</footer>\n" if page.footer else ""
    title = escape(page.title)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{shared}{page.css}</style>
</head>
<body>
{skip}<header class="top">
<p class="kicker">{escape(page.kicker)}</p>
<h1>{title}</h1>
<p class="lead">{page.lead}</p>
</header>
<main>
{page.top}
<nav aria-label="Sections"><ul>{links}</ul></nav>
{body}
</main>
{footer}</body>
</html>
"""
