"""What happens to a server beside its requests, as one JSON line each."""

from __future__ import annotations

import logging
import time

import msgspec

logger = logging.getLogger("modelkeel.serving")


def log_event(event: str, *, level: int = logging.INFO, **fields: str | int | float | None) -> None:
    """Log an event; the fields must hold nothing that a caller sent."""
    if not logger.isEnabledFor(level):
        return
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = msgspec.json.encode({"time": stamp, "event": event, **fields}).decode()
    logger.log(level, "%s", line)
