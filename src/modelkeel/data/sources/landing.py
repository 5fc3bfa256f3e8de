"""Rows kept as they arrive from a database or an endpoint, so that a run that stops can go on.

A folder holds Parquet parts and `state.json`, which names the parts that count and how far the
reading came. A part is written whole before the state names it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from modelkeel.data.sources.columns import stack
from modelkeel.data.sources.writing import replacing, write_text

_STATE = "state.json"


@dataclass
class Landing:
    """The parts of one source.

    Attributes:
        folder: where they are.
        fingerprint: digest of the settings that they were read with.
        parts: file names in order.
        progress: how far the reading came, in the reader's own words.
        complete: whether the source was read to its end.
        begun: when the reading began, in seconds of the epoch.
        written: number of the newest part.
    """

    folder: Path
    fingerprint: str
    parts: list[str] = field(default_factory=list)
    progress: dict[str, Any] = field(default_factory=dict)
    complete: bool = False
    begun: float = field(default_factory=time.time)
    written: int = 0

    def add(
        self,
        frame: pl.DataFrame | None,
        progress: dict[str, Any],
        *,
        instead_of: str | None = None,
        complete: bool = False,
    ) -> str | None:
        """Keep rows and how far they reach; None keeps the progress alone.

        Returns:
            The new part's name.
        """
        name = None
        if frame is not None and (frame.height or not self.parts):
            name = f"part-{self.written + 1:06}.parquet"
            with replacing(self.folder / name) as beside:
                frame.write_parquet(beside, compression="zstd", compression_level=1)
            self.written += 1
            self.parts = [*(part for part in self.parts if part != instead_of), name]
        self.progress, self.complete = progress, complete
        self._save()
        if name and instead_of:
            (self.folder / instead_of).unlink(missing_ok=True)
        return name

    def frame(self) -> pl.LazyFrame:
        """All rows kept, in order, not read yet."""
        return stack([pl.scan_parquet(self.folder / part, glob=False) for part in self.parts])

    def clear(self) -> None:
        """Begin afresh."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.parts, self.progress, self.complete, self.written = [], {}, False, 0
        self.begun = time.time()

    def _save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        names = ("fingerprint", "parts", "progress", "complete", "begun", "written")
        state = {name: getattr(self, name) for name in names}
        write_text(self.folder / _STATE, json.dumps(state, indent=1) + "\n")


def open_landing(folder: Path, *settings: object) -> Landing:
    """What an earlier run left; nothing where that was read with other settings."""
    fingerprint = hashlib.sha256(json.dumps(settings, default=str).encode()).hexdigest()
    empty = Landing(folder, fingerprint)
    try:
        state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        landing = Landing(folder, **state)
        whole = all((folder / part).is_file() for part in landing.parts)
    except (OSError, ValueError, TypeError):
        whole = False
    if not whole or landing.fingerprint != fingerprint:
        empty.clear()
        return empty
    return landing
