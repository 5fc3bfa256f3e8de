"""Numbers that the workers of one server keep together: a mapped file each, summed when read.

A worker writes only its own file, so counting takes no lock. It holds a lock on the file for as
long as it lives; a file that nobody holds is of a dead worker, and the next reader folds its
numbers into one file for all the dead, so that counters never fall.
"""

from __future__ import annotations

import fcntl
import json
import logging
import mmap
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

logger = logging.getLogger("modelkeel.serving")

SERIES = 512
"""Series a worker may have; the last takes what finds no room, and is not shown."""
WIDTH = 24
"""Cells of 8 bytes a series."""
SUM = WIDTH - 1
"""The cell of a histogram that holds the sum of what was observed, as a float."""
_NAME = 256
_NUMBERS = SERIES * _NAME
_SIZE = _NUMBERS + SERIES * WIDTH * 8
_FOLDED = "folded.json"

Kind = Literal["c", "h", "g"]
"""Counter, histogram, gauge."""
Name = tuple[str, ...]
"""The metric, then the values of its labels."""


class Cells:
    """The numbers of this process.

    Args:
        folder: shared by the workers of one server. Where it cannot be used, the numbers stay in
            this process, and the log says so.

    Attributes:
        numbers: every cell as an integer.
        floats: the same cells as floats.
        folder: where the others are; None if they cannot be.
        path: the file of this process.
    """

    def __init__(self, folder: Path) -> None:
        self.folder: Path | None = folder
        self.path: Path | None = None
        self._release: Callable[[], object] = lambda: None
        self._at: dict[tuple[Kind, Name], int] = {}
        self._free = list(range(SERIES - 2, -1, -1))
        self._lock = threading.Lock()
        try:
            self._map = self._open(folder)
        except OSError as error:
            logger.warning("metrics of this worker only: %s: %s", folder, error.strerror)
            self.folder = None
            self._map = mmap.mmap(-1, _SIZE)
        view = memoryview(self._map)[_NUMBERS:]
        self.numbers: memoryview[int] = view.cast("q")
        self.floats: memoryview[float] = view.cast("d")

    def _open(self, folder: Path) -> mmap.mmap:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.stat().st_uid != os.getuid():
            raise PermissionError(1, "belongs to another user")
        with _locked(folder):
            files = list(_files(folder))
            if all(_is_dead(path) for path in files):  # a new start, not one more worker
                for path in [*files, folder / _FOLDED]:
                    path.unlink(missing_ok=True)
            path = folder / f"{os.getpid()}-{time.time_ns():x}.cells"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                # All of it now: a full disk must be an error here, not a SIGBUS later.
                os.posix_fallocate(handle, 0, _SIZE)
            except OSError:
                os.close(handle)
                path.unlink()
                raise
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.path = path
            self._release = weakref.finalize(self, _release, handle)
            return mmap.mmap(handle, _SIZE)

    def series(self, kind: Kind, *name: str) -> int:
        """The first cell of a series, made at first use."""
        with self._lock:
            found = self._at.get((kind, name))
            if found is not None:
                return found
            text = kind.encode() + json.dumps(name).encode()
            if not self._free or len(text) >= _NAME:
                return (SERIES - 1) * WIDTH
            slot = self._free.pop()
            self._map[slot * _NAME : slot * _NAME + len(text)] = text
            self._at[kind, name] = slot * WIDTH
            return slot * WIDTH

    def forget(self, kind: Kind, *name: str) -> None:
        """Take a series away, for another to have its cells."""
        with self._lock:
            at = self._at.pop((kind, name), None)
            if at is None:
                return
            slot = at // WIDTH
            self._map[slot * _NAME : (slot + 1) * _NAME] = bytes(_NAME)
            self.numbers[at : at + WIDTH] = memoryview(bytes(WIDTH * 8)).cast("q")
            self._free.append(slot)

    def close(self) -> None:
        """Leave the numbers to those who live on."""
        self._release()

    def read(self) -> Reading:
        """The numbers of all workers, dead ones included. Waits for other readers: milliseconds."""
        reading = Reading()
        reading.add(self._map)
        if self.folder is not None:
            try:
                with _locked(self.folder):
                    reading.add_folded(_fold(self.folder))
                    for path in _files(self.folder):
                        if path != self.path:
                            reading.add(path.read_bytes())
            except OSError as error:  # such as a folder that someone cleaned up
                logger.warning("metrics of this worker only: %s: %s", self.folder, error.strerror)
        return reading


@dataclass
class Reading:
    """What was read.

    Attributes:
        counters: summed.
        histograms: count of each bucket, and the sum as the last.
        gauges: one value for each living worker.
        workers: how many live.
    """

    counters: dict[Name, int] = field(default_factory=dict)
    histograms: dict[Name, list[float]] = field(default_factory=dict)
    gauges: dict[Name, list[float]] = field(default_factory=dict)
    workers: int = 0

    def add(self, data: bytes | mmap.mmap) -> None:
        """Add a worker."""
        if len(data) < _SIZE:  # killed while it made the file
            return
        self.workers += 1
        raw = memoryview(data)[_NUMBERS:]
        numbers, floats = raw.cast("q"), raw.cast("d")
        for slot in range(SERIES - 1):
            text = bytes(data[slot * _NAME : (slot + 1) * _NAME]).rstrip(b"\0")
            if not text:
                continue
            kind, name, at = text[:1], tuple(json.loads(text[1:])), slot * WIDTH
            if kind == b"c":
                self._count(name, numbers[at])
            elif kind == b"h":
                self._observe(name, [*numbers[at : at + SUM], floats[at + SUM]])
            else:
                self.gauges.setdefault(name, []).append(floats[at])

    def add_folded(self, folded: dict[str, Any]) -> None:
        """Add the dead workers."""
        for name, value in folded["counters"]:
            self._count(tuple(name), value)
        for name, values in folded["histograms"]:
            self._observe(tuple(name), values)

    def _count(self, name: Name, value: int) -> None:
        self.counters[name] = self.counters.get(name, 0) + value

    def _observe(self, name: Name, values: list[float]) -> None:
        old = self.histograms.get(name)
        self.histograms[name] = [a + b for a, b in zip(old, values, strict=True)] if old else values


def _fold(folder: Path) -> dict[str, Any]:
    """Fold the files of dead workers into one; killed at any moment, nothing counts twice."""
    path = folder / _FOLDED
    try:
        folded: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        folded = {"files": [], "counters": [], "histograms": []}
    for name in folded["files"]:  # folded, and perhaps not deleted
        (folder / name).unlink(missing_ok=True)
    dead = [file for file in _files(folder) if _is_dead(file)]
    if dead:
        reading = Reading()
        reading.add_folded(folded)
        for file in dead:
            reading.add(file.read_bytes())
        folded = {
            "files": [file.name for file in dead],
            "counters": [[name, value] for name, value in reading.counters.items()],
            "histograms": [[name, values] for name, values in reading.histograms.items()],
        }
        new = folder / f"{_FOLDED}.new"
        new.write_text(json.dumps(folded))
        new.replace(path)
        for file in dead:
            file.unlink()
    return folded


def _release(handle: int) -> None:
    fcntl.flock(handle, fcntl.LOCK_UN)  # closing would not do: the map has a copy of the handle
    os.close(handle)


def _files(folder: Path) -> Iterator[Path]:
    return folder.glob("*.cells")


def _is_dead(path: Path) -> bool:
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
