"""The piece of markup that only this page has."""

from __future__ import annotations

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
