"""Files of lines of JSON that are only added to."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from pathlib import Path


def add_line(path: Path, line: bytes) -> None:
    """Add a line to a file that its owner alone can read: whole and on the disk, or not at all.

    What a crash left of a line before goes; a whole one that has no end gets it.

    Args:
        path: the file; it is made with its folder where there is none.
        line: JSON, without the end of the line.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        start = _last_start(handle)
        size = os.fstat(handle).st_size
        before = b""
        if start != size:
            if _is_json(os.pread(handle, size - start, start)):
                before, start = b"\n", size
            else:
                os.ftruncate(handle, start)
        text = before + line + b"\n"
        if os.write(handle, text) != len(text):
            os.ftruncate(handle, start)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)
    finally:
        os.close(handle)


def _last_start(handle: int) -> int:
    """Where what follows the last end of a line begins."""
    start = os.fstat(handle).st_size
    while start and os.pread(handle, 1, start - 1) != b"\n":
        start -= 1
    return start


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
