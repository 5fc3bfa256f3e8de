"""Writes to a journal from several threads until it is ended; run as a program.

Each id is appended to a file, as a line, once the journal has acknowledged it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

from modelkeel.journal.entry import Entry
from modelkeel.journal.events import new_entry
from modelkeel.journal.store import Journal
from modelkeel.journal.writer import Writer

THREADS = 8
AT_ONCE = 4


def told_to(handle: int, batch: list[Entry], answered: Callable[[], None]) -> Callable[..., None]:
    """What is called when a batch is acknowledged."""
    lines = "".join(f"{entry.id}\n" for entry in batch).encode()

    def done(error: Exception | None) -> None:
        if error is None:
            os.write(handle, lines)
        answered()

    return done


def keep_writing(writer: Writer, handle: int, times: int) -> None:
    """Write batches, of which a few are under way at once."""
    under_way = threading.Semaphore(AT_ONCE)
    for number in range(times):
        under_way.acquire()
        batch = [new_entry("prediction", {"n": number}) for _ in range(1 + number % 3)]
        for entry in batch:
            entry.payload = b'{"amount":1}'
        writer.submit(batch, told_to(handle, batch, under_way.release))
        if writer.problem is not None:
            time.sleep(0.01)
    for _ in range(AT_ONCE):
        under_way.acquire()


def main(url: str, acknowledged: str, times: int) -> None:
    """Write `times` batches a thread."""
    writer = Journal.open(url).writer()
    handle = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    threads = [
        threading.Thread(target=keep_writing, args=(writer, handle, times)) for _ in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
