"""UUID version 7 (RFC 9562): ids that sort by time."""

from __future__ import annotations

import os
import threading
import time

_COUNTER_BITS = 42
_lock = threading.Lock()
_last_ms = 0
_counter = 0


def uuid7() -> str:
    """A new id."""
    return uuid7_batch(1)[0]


def uuid7_batch(count: int) -> list[str]:
    """New ids, ascending; ids of one process ascend, so a batch lies between its first and last.

    48 bits of milliseconds, a counter of 42 bits started at random each millisecond, 32 random
    bits.
    """
    global _last_ms, _counter
    noise = memoryview(os.urandom(4 * count + 8)).cast("I")
    with _lock:
        now = time.time_ns() // 1_000_000
        if now > _last_ms:  # else the same millisecond, or a clock set back: go on from the last id
            _last_ms = now
            _counter = noise[-1] << 9 | noise[-2] >> 23  # 41 bits: half of it is left to count
        made = []
        moment = f"{_last_ms >> 16:08x}-{_last_ms & 0xFFFF:04x}"
        for at in range(count):
            _counter += 1
            if _counter >> _COUNTER_BITS:
                _last_ms, _counter = _last_ms + 1, 0
                moment = f"{_last_ms >> 16:08x}-{_last_ms & 0xFFFF:04x}"
            middle, low = 0x8000 | _counter >> 16 & 0x3FFF, (_counter & 0xFFFF) << 32 | noise[at]
            made.append(f"{moment}-7{_counter >> 30:03x}-{middle:04x}-{low:012x}")
    return made
