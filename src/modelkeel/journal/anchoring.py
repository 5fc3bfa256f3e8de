"""Writing the end of a chain down every so often, beside the writer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from modelkeel.journal.anchor import Anchor
from modelkeel.journal.chain import Head

logger = logging.getLogger("modelkeel.journal")


class Anchoring:
    """A thread of its own, so that no write waits for a file that may be far away.

    Args:
        anchor: where to.
        head: gives the end of the chain; None while there is none.
        every: seconds between two anchors.
    """

    def __init__(self, anchor: Anchor, head: Callable[[], Head | None], every: float) -> None:
        self._anchor = anchor
        self._head = head
        self._every = every
        self._last: Head | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="anchor", daemon=True)
        self._thread.start()

    def close(self, timeout: float) -> None:
        """Write the last end down; waits `timeout` seconds."""
        self._stopping.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            self._write()
        self._write()

    def _write(self) -> None:
        head = self._head()
        if head is None or head == self._last:
            return
        try:
            self._anchor.add([head], time.time_ns() // 1000)
            self._last = head
        except OSError as error:
            logger.error("the end of the journal could not be anchored: %s", error)
