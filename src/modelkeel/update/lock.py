"""Locks that end with the process that holds them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelkeel.errors import Refused


def _lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def try_hold(path: Path) -> Iterator[int | None]:
    """Hold a lock file if nobody else does: its descriptor, or None."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        yield None
        return
    try:
        yield descriptor if _lock(descriptor) else None
    finally:
        os.close(descriptor)


@contextmanager
def hold(path: Path, wait: float = 2.0) -> Iterator[int]:
    """Hold a lock file.

    Raises:
        Refused: another process holds it for longer than `wait` seconds.
    """
    until = time.monotonic() + wait
    while True:
        with try_hold(path) as descriptor:
            if descriptor is not None:
                yield descriptor
                return
        if time.monotonic() > until:
            raise Refused(
                f"another update of this repository is running ({path} is locked)",
                remedy="wait for it to end",
            )
        time.sleep(0.05)
