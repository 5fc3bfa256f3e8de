"""The journal as a server uses it: opened in the background, and opened again until it is there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from modelkeel.errors import KeelError
from modelkeel.journal.entry import Entry

if TYPE_CHECKING:
    from modelkeel.journal.store import Journal
    from modelkeel.journal.writer import Writer

logger = logging.getLogger("modelkeel.serving.journal")
RETRY_SECONDS = 2.0


class JournalAway(Exception):
    """The journal is not open, so nothing can be recorded."""


class Recorder:
    """Writes a server's records.

    Args:
        open_journal: opens the journal; raises while it cannot be.
    """

    def __init__(self, open_journal: Callable[[], Journal]) -> None:
        self._open_journal = open_journal
        self._journal: Journal | None = None
        self._writer: Writer | None = None
        self._problem: str | None = "the journal is not open yet"
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._opener: threading.Thread | None = None

    @property
    def problem(self) -> str | None:
        """Why nothing can be recorded now; None if the last write worked."""
        return self._writer.problem if self._writer is not None else self._problem

    @property
    def journal(self) -> Journal | None:
        """The journal, once it is open."""
        return self._journal

    def start(self) -> None:
        """Open the journal; if that fails, go on trying in the background."""
        with self._lock:
            if self._writer is not None or self._opener is not None or self._open():
                return
            self._opener = threading.Thread(target=self._keep_trying, daemon=True)
            self._opener.start()

    def submit(self, entries: list[Entry], done: Callable[[Exception | None], None]) -> None:
        """Record; `done` is called from another thread once they are on the disk, or failed."""
        writer = self._writer
        if writer is None:
            self.start()
            writer = self._writer
        if writer is None:
            done(JournalAway(self._problem))
        else:
            writer.submit(entries, done)

    def close(self) -> None:
        """Write what is queued and close the journal."""
        self._stopping.set()
        if self._opener is not None:
            self._opener.join(timeout=RETRY_SECONDS + 5)
        if self._writer is not None:
            self._writer.close()

    def _open(self) -> bool:
        try:
            journal = self._open_journal()
            self._writer = journal.writer()
            self._journal = journal
        except Exception as error:  # noqa: BLE001 whatever it is, it is tried again
            said = (
                str(error) if isinstance(error, KeelError) else f"{type(error).__name__}: {error}"
            )
            if self._problem != said:
                logger.error("the journal cannot be opened: %s", said)
            self._problem = said
            return False
        return True

    def _keep_trying(self) -> None:
        while not self._stopping.wait(RETRY_SECONDS):
            if self._open():
                logger.info("the journal is open")
                return
