"""The writer: one thread that takes whatever has queued, commits it in one piece, and tells.

There is no timer. While one batch is on its way to the disk the next one gathers, so batches grow
with the load.
"""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from modelkeel.errors import KeelError
from modelkeel.journal.anchoring import Anchoring
from modelkeel.journal.append import Appender
from modelkeel.journal.chain import Head
from modelkeel.journal.entry import Entry
from modelkeel.journal.url import BUSY_SECONDS

if TYPE_CHECKING:
    from modelkeel.journal.store import Journal

logger = logging.getLogger("modelkeel.journal")

MAX_QUEUED = 10_000
MAX_BATCH = 2_000
ANCHOR_SECONDS = 60.0
HUNG_SECONDS = 2 * BUSY_SECONDS
IDLE_SECONDS = 1.0
"""After so long without work a connection is given back, and the database asked if it answers."""

Done = Callable[[Exception | None], None]
Part = tuple[list[Entry], Done]
_OF_ENTRY = (
    KeelError,
    ValueError,
    TypeError,
    OverflowError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.ProgrammingError,
)


class NotWritten(KeelError):
    """An entry is not in the journal, or it is not known whether it is."""


class Writer:
    """Writes the records of one process.

    Args:
        journal: where they go.
        name: of the writer; host and process when left out.
        anchor_every: seconds between two anchors.
    """

    def __init__(
        self, journal: Journal, name: str = "", *, anchor_every: float = ANCHOR_SECONDS
    ) -> None:
        self.name = name or f"{socket.gethostname()}:{os.getpid()}"
        self._problem: str | None = None
        self._busy_since: float | None = None
        self._appender = Appender(journal, self.name)
        self._queue: deque[Part] = deque()
        self._queued = 0
        self._taken: deque[Part] = deque()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed: str | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()
        self._anchoring = (
            Anchoring(journal.anchor, lambda: self.head, anchor_every) if journal.anchor else None
        )

    @property
    def problem(self) -> str | None:
        """Why it cannot write now; None if the last write worked."""
        if self._closed is not None:
            return self._closed
        since = self._busy_since
        seconds = 0.0 if since is None else time.monotonic() - since
        return f"no answer for {seconds:.0f} s" if seconds > HUNG_SECONDS else self._problem

    @property
    def head(self) -> Head | None:
        """The end of this writer's chain; None while it has none."""
        return self._appender.head

    def submit(self, entries: list[Entry], done: Done) -> None:
        """Queue entries; never blocks.

        Args:
            entries: what to write, in one transaction.
            done: called from the writer's thread: with None once they are on the disk, else with
                the reason. The caller's ids have to be new.
        """
        with self._lock:
            full = self._queued + len(entries) > MAX_QUEUED
            closed = self._closed
            if not full and closed is None:
                self._queue.append((entries, done))
                self._queued += len(entries)
        if full or closed is not None:
            done(NotWritten(closed or "too much waits to be written"))
        else:
            self._wake.set()

    def write(self, entries: list[Entry]) -> None:
        """Write entries and wait for it.

        Raises:
            NotWritten: they are not in the journal, or it is not known.
        """
        ended = threading.Event()
        errors: list[Exception] = []

        def done(error: Exception | None) -> None:
            if error is not None:
                errors.append(error)
            ended.set()

        self.submit(entries, done)
        ended.wait()
        if errors:
            raise errors[0] if isinstance(errors[0], KeelError) else NotWritten(str(errors[0]))

    def close(self, timeout: float = 10) -> None:
        """Write what is queued, close the segment and anchor its end; waits `timeout` seconds."""
        with self._lock:
            self._closed = self._closed or "the journal is closed"
        self._wake.set()
        self._thread.join(timeout)
        if self._anchoring is not None:
            self._anchoring.close(timeout)

    def _run(self) -> None:
        try:
            self._try()
            while self._step():
                pass
        finally:
            self._end()

    def _step(self) -> bool:
        """Write what has queued; false when the writer is to end."""
        try:
            self._take()
            if not self._taken:
                return False
            self._write()
        except Exception as error:  # noqa: BLE001 whatever it was, whoever waits has to hear of it
            self._tell(self._failed(error))
        return True

    def _end(self) -> None:
        """Close the segment. Before its time, whoever waits is told."""
        with self._lock:
            self._closed = self._closed or "the journal's writer has ended"
            self._taken.extend(self._queue)
            self._queue.clear()
        self._tell(NotWritten(self._closed))
        try:
            self._appender.close()
        except Exception as error:  # noqa: BLE001 the records are there, and a segment may stay open
            logger.warning("the segment could not be closed: %s", said_of(error))

    def _take(self) -> None:
        """Take what has queued, up to the size of a batch; nothing when the writer is to end."""
        while not self._queue and self._closed is None:
            if not self._wake.wait(IDLE_SECONDS):
                self._idle()
            self._wake.clear()
        count = 0
        with self._lock:
            while self._queue and count < MAX_BATCH:
                self._taken.append(self._queue.popleft())
                count += len(self._taken[-1][0])
            self._queued -= count

    def _idle(self) -> None:
        if self._problem is not None:
            self._try()
            return
        self._busy_since = time.monotonic()
        try:
            self._appender.rest()  # so that it is tried before it is used again
            self._appender.look()
        except Exception as error:  # noqa: BLE001 as below
            logger.warning("the journal's database: %s", said_of(error))
            self._try()
        finally:
            self._busy_since = None

    def _try(self) -> None:
        """See whether one can write, so that `problem` holds also while nobody asks to."""
        try:
            self._append([])
        except Exception as error:  # noqa: BLE001 as below
            self._failed(error)
        else:
            self._problem = None

    def _write(self) -> None:
        """Write what was taken, and tell."""
        try:
            self._append([entry for entries, _ in self._taken for entry in entries])
        except Exception as error:  # noqa: BLE001 as above
            if _is_of_entry(error):
                self._one_by_one()
            else:
                self._tell(self._failed(error))
        else:
            self._problem = None
            self._tell(None)

    def _one_by_one(self) -> None:
        """Some entry cannot be written: let only those fail whose it is."""
        while self._taken:
            try:
                self._append(self._taken[0][0])
            except Exception as error:  # noqa: BLE001 as above
                if not _is_of_entry(error):
                    self._tell(self._failed(error))
                    return
                self._tell(NotWritten(f"not written to the journal: {said_of(error)}"), 1)
            else:
                self._tell(None, 1)
        self._problem = None

    def _append(self, entries: list[Entry]) -> None:
        self._busy_since = time.monotonic()
        try:
            self._appender.append(entries)
        finally:
            self._busy_since = None

    def _failed(self, error: Exception) -> NotWritten:
        self._problem = said_of(error)
        logger.error("not written: %s", self._problem)
        return NotWritten(f"not written to the journal: {self._problem}")

    def _tell(self, error: Exception | None, parts: int | None = None) -> None:
        """Answer what was taken, or the oldest parts of it."""
        for _ in range(len(self._taken) if parts is None else parts):
            _, done = self._taken.popleft()
            try:
                done(error)
            except Exception:
                logger.exception("whoever waited for the journal failed")


def _is_of_entry(error: Exception) -> bool:
    """Whether an error is about an entry, not about the database."""
    original = getattr(error, "orig", None) or error
    details = details_of(original)
    if details:  # SQLSTATE 22: data exception, 23: integrity constraint violation
        return str(details.get("C", ""))[:2] in ("22", "23")
    return isinstance(original, _OF_ENTRY)


def said_of(error: Exception) -> str:
    """What an error says in one line; the values of a statement are not among it."""
    original = getattr(error, "orig", None) or error
    said = details_of(original).get("M") or str(original)
    lines = said.strip().splitlines()
    return f"{type(original).__name__}: {lines[0][:200]}" if lines else type(original).__name__


def details_of(error: BaseException) -> dict[str, str]:
    """What PostgreSQL says of an error, by the letters of its protocol; empty for any other."""
    first = error.args[0] if error.args else None
    return first if isinstance(first, dict) else {}
