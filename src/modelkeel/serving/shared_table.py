"""A small table of callers in a file that the workers of a host share."""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
import struct
import threading
import time
from hashlib import blake2b
from pathlib import Path

from modelkeel.errors import BadInput
from modelkeel.serving.eventlog import log_event

SETS, WAYS, SLOT = 2048, 8, 64
"""A caller has a place in one set, which its id decides: the table holds 16,384 of them."""
_MAGIC = b"modelkeel limits 1".ljust(SLOT, b"\0")
_SIZE = SLOT + SETS * WAYS * SLOT
_KEY = 16
_SEEN = struct.Struct("<d")
_SPIN = 0.02
"""Seconds after which a lock is no longer waited for: one request too many is better than none."""
_LOOK_EVERY = 1.0
_forks = 0
"""How often a process has become this one by forking."""


class SharedTable:
    """Places of 64 bytes: 16 of a caller's digest, 8 of when it was seen, 40 for the user.

    The file is written in full when it is made, so that no disk that fills up later can take its
    pages away. One that is broken is replaced, and the other workers follow within a second.

    Args:
        path: the file; its folder is made if it is not there.

    Raises:
        BadInput: there can be no such file, or it is another user's.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._places: dict[str, tuple[bytes, int]] = {}
        self._file = -1
        self._locked = False
        self._identity = (0, 0, 0)
        self._forks = -1
        self._look_at = 0.0
        self._open()

    def take(self, caller: str, now: float) -> int:
        """Where the 40 bytes of a caller begin in `map`; the table is locked until `release`.

        Args:
            caller: its id.
            now: seconds on the monotonic clock.
        """
        self._threads.acquire()
        try:
            if now >= self._look_at or self._forks != _forks:
                self._look(now)
            self._locked = _lock(self._file)
            return self._find(caller, now)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Unlock the table."""
        try:
            if self._locked:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._locked = False
            self._threads.release()

    def _find(self, caller: str, now: float) -> int:
        known = self._places.get(caller)
        if known is None:
            if len(self._places) > SETS * WAYS:
                self._places.clear()
            digest = blake2b(caller.encode(), digest_size=_KEY).digest()
            known = self._places[caller] = digest, self._seat(digest, now)
        digest, at = known
        if self.map[at : at + _KEY] != digest:  # another caller has it by now
            at = self._seat(digest, now)
            self._places[caller] = digest, at
        _SEEN.pack_into(self.map, at + _KEY, now)
        return at + _KEY + 8

    def _seat(self, digest: bytes, now: float) -> int:
        """The place of a caller in its set; of one that has none, the one longest not seen."""
        start = SLOT + int.from_bytes(digest[:4]) % SETS * WAYS * SLOT
        seats = range(start, start + WAYS * SLOT, SLOT)
        for at in seats:
            if self.map[at : at + _KEY] == digest:
                return at
        at = max(seats, key=lambda at: self._unseen(at, now))
        self.map[at : at + SLOT] = digest.ljust(SLOT, b"\0")
        return at

    def _unseen(self, at: int, now: float) -> float:
        """Seconds since a place was used; endless for one that never was, or before a restart."""
        (seen,) = _SEEN.unpack_from(self.map, at + _KEY)
        return now - seen if 0 < seen <= now else float("inf")

    def _look(self, now: float) -> None:
        """Open the file anew if another one is in its place, or this is a forked process."""
        self._look_at = now + _LOOK_EVERY
        try:
            if self._forks == _forks and _identity(os.stat(self._path)) == self._identity:  # noqa: PTH116
                return
        except OSError:
            pass
        try:
            self._open()
        except BadInput as error:  # the table that is open goes on
            log_event("limits are not shared", level=logging.ERROR, problem=str(error))

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                file = _opened(self._path)
                if os.pread(file, SLOT, 0) != _MAGIC or os.fstat(file).st_size != _SIZE:
                    os.close(file)
                    _write(self._path)
                    file = _opened(self._path)
            finally:
                os.close(folder)
            found = os.fstat(file)
            if found.st_uid != os.geteuid():
                os.close(file)
                raise BadInput(
                    f"{self._path}: belongs to another user",
                    remedy="set MODELKEEL_RUNTIME to a folder of the server's own",
                )
            table = mmap.mmap(file, _SIZE)
        except OSError as error:
            raise BadInput(
                f"{self._path}: cannot be used: {error.strerror}",
                remedy="set MODELKEEL_RUNTIME to a folder that the server may write to",
            ) from None
        if self._file >= 0:
            os.close(self._file)
        self.map, self._file, self._identity = table, file, _identity(found)
        self._forks = _forks
        self._look_at = time.monotonic() + _LOOK_EVERY


def _forked() -> None:
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_forked)  # asking for the process's id is a system call


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _write(path: Path) -> None:
    """Put a new table in place; whoever has the old one open keeps it until it looks."""
    beside = path.parent / f".{path.name}.new"
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(_MAGIC.ljust(_SIZE, b"\0"))
    beside.replace(path)


def _identity(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_dev, found.st_ino, found.st_size


def _lock(file: int) -> bool:
    """Lock between processes; False if that took too long, as when one is stopped in there."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        ends = time.monotonic() + _SPIN
        while time.monotonic() < ends:
            time.sleep(0)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            return True
        return False
    return True
