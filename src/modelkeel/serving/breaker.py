"""A breaker: after too many faults it lets nothing through for a while, then one call to try."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Literal

Position = Literal["closed", "open", "half-open"]


class Breaker:
    """Opens after `faults` among the last `window` calls; for one event loop or thread.

    Args:
        faults: how many open it.
        window: of how many calls.
        pause: seconds until it lets one call through, doubled each time that call fails too.
        longest: seconds that a pause grows to.
        clock: the time in seconds, monotonic.
    """

    def __init__(
        self,
        *,
        faults: int = 5,
        window: int = 20,
        pause: float = 5.0,
        longest: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._faults = faults
        self._recent: deque[bool] = deque(maxlen=window)
        self._first = self._pause = pause
        self._longest = longest
        self._clock = clock
        self._until: float | None = None
        self._trying = False

    @property
    def position(self) -> Position:
        """Closed lets every call through, open none, half-open one."""
        if self._until is None:
            return "closed"
        return "open" if self._clock() < self._until else "half-open"

    def allow(self) -> bool:
        """Whether a call may be made; one that was let through must be reported."""
        position = self.position
        if position == "half-open" and not self._trying:
            self._trying = True
            return True
        return position == "closed"

    def succeeded(self) -> None:
        """Report a call that went well."""
        if self._trying:
            self._trying, self._until, self._pause = False, None, self._first
            self._recent.clear()
        elif self._until is None:
            self._recent.append(False)

    def failed(self) -> None:
        """Report a call that did not."""
        if self._trying:
            self._pause = min(self._pause * 2, self._longest)
            self._open()
        elif self._until is None:
            self._recent.append(True)
            if sum(self._recent) >= self._faults:
                self._open()

    def abandoned(self) -> None:
        """Report a call that its caller gave up: it says nothing."""
        self._trying = False

    def _open(self) -> None:
        self._trying, self._until = False, self._clock() + self._pause
        self._recent.clear()
