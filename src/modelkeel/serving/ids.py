"""UUID version 7 (RFC 9562): ids that sort by time."""

from __future__ import annotations

import os
import time

_COUNTER_BITS = 42
_last_ms = 0
_counter = 0


def uuid7() -> str:
    """A new id. Ids of one process ascend, so the first and last of a batch enclose the rest.

    48 bits of milliseconds, a counter of 42 bits started at random each millisecond, 32 random
    bits. Called from the event loop only.
    """
    global _last_ms, _counter
    now = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10))
    if now > _last_ms:
        _last_ms = now
        _counter = (noise >> 32) & ((1 << (_COUNTER_BITS - 1)) - 1)
    else:  # the same millisecond, or a clock set back: go on from the last id
        _counter += 1
        if _counter >> _COUNTER_BITS:
            _last_ms, _counter = _last_ms + 1, 0
    value = (
        (_last_ms & ((1 << 48) - 1)) << 80
        | 0x7 << 76
        | (_counter >> 30) << 64
        | 0b10 << 62
        | (_counter & ((1 << 30) - 1)) << 32
        | noise & 0xFFFFFFFF
    )
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
