"""How much each caller may send, counted over all workers of a host.

Requests a minute by the generic cell rate algorithm (GCRA; ITU-T I.371): one number a caller, the
time at which all that it sent would have been due at an even rate. Rows a day by a plain count.
"""

from __future__ import annotations

import math
import struct
import time
from pathlib import Path

from modelkeel.serving.problems import ProblemError
from modelkeel.serving.shared_table import SharedTable

FILE = "limits.bin"
DAY = 86400
_DUE = struct.Struct("<d")
_ROWS = struct.Struct("<qq")
_ROWS_AT = 8


class Limits:
    """Limits of each caller.

    Requests are timed by the monotonic clock, which all processes of a host share and nobody can
    set. The day is that of UTC by the clock on the wall; whenever it is another one than before,
    be it earlier, the count starts anew. So no jump locks a caller out.

    Args:
        folder: what the workers of this host share.
        per_minute: requests a minute; 0 for any number.
        daily_rows: rows a day; 0 for any number.
        burst: requests that may come at once; what is due in ten seconds when left out.

    Raises:
        BadInput: the folder cannot be used.
    """

    def __init__(
        self, folder: Path, per_minute: int, daily_rows: int, *, burst: int | None = None
    ) -> None:
        self.per_minute = per_minute
        self.daily_rows = daily_rows
        self.burst = burst or max(1, math.ceil(per_minute / 6))
        self._interval = 60 / per_minute if per_minute else 0.0
        self._tolerance = (self.burst - 1) * self._interval
        self._table = SharedTable(folder / FILE) if per_minute or daily_rows else None

    def take(self, caller_id: str) -> None:
        """Count a request.

        Raises:
            ProblemError: 429, it is one too many for now.
        """
        if self._table is None or not self.per_minute:
            return
        now = time.monotonic()
        at = self._table.take(caller_id, now)
        try:
            (due,) = _DUE.unpack_from(self._table.map, at)
            ahead = due - now
            # Further ahead than it can be: from before the host's last start, or broken.
            if not 0.0 < ahead <= self._tolerance + self._interval:
                ahead = 0.0
            if ahead <= self._tolerance:
                _DUE.pack_into(self._table.map, at, now + ahead + self._interval)
                return
        finally:
            self._table.release()
        wait = ahead - self._tolerance
        raise _too_many(
            f"This is more than {self.per_minute} requests a minute.",
            f'"requests";q={self.burst};w={math.ceil(self.burst * self._interval)}',
            f'"requests";r=0;t={math.ceil(wait)}',
            math.ceil(wait),
        )

    def take_rows(self, caller_id: str, rows: int) -> None:
        """Count rows against the quota of the day.

        Raises:
            ProblemError: 429, they are more than is left of it; then none are counted.
        """
        if self._table is None or not self.daily_rows:
            return
        clock = time.time()
        today = int(clock // DAY)
        at = self._table.take(caller_id, time.monotonic()) + _ROWS_AT
        try:
            day, used = _ROWS.unpack_from(self._table.map, at)
            if day != today or used < 0:
                used = 0
            if used + rows <= self.daily_rows:
                _ROWS.pack_into(self._table.map, at, today, used + rows)
                return
        finally:
            self._table.release()
        left = max(0, self.daily_rows - used)
        wait = math.ceil((today + 1) * DAY - clock)
        raise _too_many(
            f"Of {self.daily_rows} rows a day (UTC), {left} are left.",
            f'"rows";q={self.daily_rows};w={DAY}',
            f'"rows";r={left};t={wait}',
            wait,
        )


def _too_many(detail: str, policy: str, state: str, wait: int) -> ProblemError:
    """429, with the fields of draft-ietf-httpapi-ratelimit-headers."""
    return ProblemError(
        429,
        "too-many-requests",
        "Too many requests",
        f"{detail} Try again in {wait} seconds.",
        headers={"retry-after": str(wait), "ratelimit-policy": policy, "ratelimit": state},
    )
