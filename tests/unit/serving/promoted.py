"""A line of the history of promotions, as the journal's row holds it."""

from __future__ import annotations

from modelkeel.model.bundle import Bundle
from modelkeel.model.promotions import Entry

NAME = "credit-risk"


def line(bundle: Bundle, version: str) -> Entry:
    return Entry(
        time="2026-11-28T20:00:00.000+00:00",
        kind="promote",
        name=NAME,
        version=version,
        digest=bundle.digest,
        run_id="run-1",
        trial=False,
        previous=None,
        by="ada@example.com",
        reason="12 gates: PASSED",
        summary=None,
    )
