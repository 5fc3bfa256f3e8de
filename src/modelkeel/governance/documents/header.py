"""The line that each document opens with, and how a document of ours is known by it."""

from __future__ import annotations

import re

from modelkeel.governance.documents.ledger import Ledger

RENDERED = "Rendered by `keel govern render` from"
_MEASURED = re.compile(r"(\breports/[\w./-]+) `[0-9a-f]{12}`")


def opening(ledger: Ledger) -> str:
    """What a document was rendered from, and what it lacks."""
    return f"> {RENDERED} {rendered_from(ledger)}. Not legal advice. {counts(ledger)}."


def rendered_from(ledger: Ledger) -> str:
    """The files that were read, each with the first twelve digits of its SHA-256."""
    return ", ".join(
        f"{name} `{digest[:12]}`" if digest else f"{name} (absent)"
        for name, digest in sorted(ledger.sources.read.items())
    )


def counts(ledger: Ledger) -> str:
    """How many fields are missing, do not apply, or are waived."""
    missing = len(ledger.gaps)
    what = f"{missing} {'field' if missing == 1 else 'fields'} MISSING"
    bold = f"**{what}**" if missing else what
    return f"{bold}, {len(ledger.excused)} not applicable, {len(ledger.waived)} waived"


def ours(text: str) -> bool:
    """Whether a file was rendered, and so may be replaced or removed."""
    return RENDERED in text


def settled(text: str) -> str:
    """A document without the digests of measurements.

    Measurements made again on another machine differ in their last figures; a document that shows
    three of them is not out of date by that.
    """
    return _MEASURED.sub(r"\1", text)
