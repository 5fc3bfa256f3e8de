"""Events: what was done to the journal or the models, and by whom."""

from __future__ import annotations

import json
import os
import time
import uuid
from typing import Any

from modelkeel.journal.entry import Entry, Kind


def new_entry(kind: Kind, said: dict[str, Any], ref: str | None = None) -> Entry:
    """An entry of this moment.

    Args:
        kind: what it is.
        said: its body.
        ref: id of the prediction that it is about.
    """
    now = time.time_ns()
    body = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    return Entry(_uuid7(now // 1_000_000), kind, now // 1000, body, ref)


def event(name: str, /, **said: Any) -> Entry:
    """The entry of an event."""
    return new_entry("event", {"event": name, **said})


def _uuid7(milliseconds: int) -> str:
    """A UUID of version 7 (RFC 9562): it sorts by time, the rest of it is random."""
    noise = int.from_bytes(os.urandom(10), "big")
    high = milliseconds << 16 | 0x7000 | noise >> 68 & 0xFFF
    return str(uuid.UUID(int=high << 64 | 1 << 63 | noise & (1 << 62) - 1))
