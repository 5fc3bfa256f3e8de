"""Events: what was done to the journal or the models, and by whom."""

from __future__ import annotations

import json
import time
from typing import Any

from modelkeel.journal.entry import Entry, Kind
from modelkeel.journal.ids import uuid7


def new_entry(kind: Kind, said: dict[str, Any], ref: str | None = None) -> Entry:
    """An entry of this moment.

    Args:
        kind: what it is.
        said: its body.
        ref: id of the prediction that it is about.
    """
    now = time.time_ns()
    body = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    return Entry(uuid7(), kind, now // 1000, body, ref)


def event(name: str, /, **said: Any) -> Entry:
    """The entry of an event."""
    return new_entry("event", {"event": name, **said})
