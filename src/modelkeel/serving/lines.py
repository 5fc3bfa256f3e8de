"""Lines to stdout, in batches, by a thread: a slow reader of them holds up no request."""

from __future__ import annotations

import atexit
import sys
import threading
import time

BATCH_SECONDS = 0.05
"""The longest that a line waits."""
MAX_WAITING = 10_000
"""Lines that may wait for a reader who does not keep up; then whoever has one more waits too."""
_PIPE_BUF = 4096  # what one write puts into a pipe in one piece, though others write to it


class Lines:
    """Writes lines to stdout, whole ones and in order, at most 50 ms later.

    What waits is written at exit, also by `flush`. A process that is killed loses it.
    """

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._asleep = True
        self._wake = threading.Event()
        self._writing = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = False

    def write(self, line: str) -> None:
        """Take a line, without its end."""
        self._waiting.append(line)
        if self._asleep:
            self._asleep = False
            if self._thread is None:
                self._start()
            self._wake.set()
        if self._ended or len(self._waiting) > MAX_WAITING:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        with self._writing:
            lines, self._waiting = self._waiting, []
            chunk: list[str] = []
            size = 0
            for line in lines:
                # Characters, not bytes: what is logged is ASCII but for names of routes.
                if chunk and size + len(line) >= _PIPE_BUF:
                    _write(chunk)
                    chunk, size = [], 0
                chunk.append(line)
                size += len(line) + 1
            if chunk:
                _write(chunk)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._keep_writing, name="lines", daemon=True)
        self._thread.start()
        atexit.register(self._end)

    def _keep_writing(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            time.sleep(BATCH_SECONDS * 0.8)
            self._asleep = True
            self.flush()

    def _end(self) -> None:
        self._ended = True  # from here on each line is written at once
        self.flush()


def _write(chunk: list[str]) -> None:
    chunk.append("")
    try:
        sys.stdout.write("\n".join(chunk))
        sys.stdout.flush()
    except (OSError, ValueError):
        pass  # nobody reads any more, or the disk is full: no reason to fail requests


LINES = Lines()
