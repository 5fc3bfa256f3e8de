"""What served last, kept so that a server starts while the place that decides is away.

It is a models folder like any other, with a copy of the bundle, its summary and its signature, and
is verified like any other. `last-good.json` beside them has the generation of the journal's row.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from modelkeel.model.champion import clear_out, place_bundle, point_at, read_champion
from modelkeel.model.files import read_file, read_table, sync, write_json
from modelkeel.model.signing import signature_path
from modelkeel.model.summary import summary_path
from modelkeel.serving.choice import Choice
from modelkeel.serving.loader import Loader
from modelkeel.serving.state import Loaded

_NOTE = "last-good.json"


@dataclass(frozen=True)
class LastGood:
    """The last known good state, in a folder that outlives the server and is shared by its workers.

    What serves by no record, the folder of a bundle, is not kept: nothing is asked to start it.
    """

    folder: Path

    def keep(self, loaded: Loaded, generation: int | None) -> None:
        """Keep what serves now; what was kept before stays until it is whole.

        Raises:
            KeelError: the bundle is no longer sound on disk.
            OSError: it cannot be written.
        """
        champion = loaded.bundle.record
        if champion is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with alone(self.folder):
            if self.choice() == Choice(champion.digest, champion, generation):
                return  # another worker of this host was first
            before = read_champion(self.folder)
            target = place_bundle(loaded.bundle, self.folder)
            for path_of in (summary_path, signature_path):
                _copy(path_of(loaded.bundle.path), path_of(target))
            note = {"digest": champion.digest, "generation": generation}
            write_json(self.folder / f".{_NOTE}.new", note, _NOTE)
            (self.folder / f".{_NOTE}.new").replace(self.folder / _NOTE)
            point_at(self.folder, champion)
            clear_out(self.folder, [before.digest] if before else [])

    def choice(self) -> Choice | None:
        """What is kept; None when nothing is.

        Raises:
            Refused: the record is damaged.
        """
        champion = read_champion(self.folder)
        if champion is None:
            return None
        path = self.folder / _NOTE
        note = read_table(path) if path.is_file() else {}
        generation = note.get("generation") if note.get("digest") == champion.digest else None
        return Choice(champion.digest, champion, generation)

    def load(self, loader: Loader) -> tuple[Loaded, int | None] | None:
        """Verify and load what is kept; with the generation that it served by.

        Raises:
            KeelError: it is not sound, or may not be served any more.
        """
        choice = self.choice()
        if choice is None:
            return None
        here = replace(loader, folders=(self.folder,), fetch=None)
        return here(choice), choice.generation


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Change a folder as the only worker of this host; the lock goes with its process."""
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _copy(path: Path, target: Path) -> None:
    """Copy a file onto the disk in one step; where there is none, none is left."""
    if path == target:
        return
    if not path.is_file():
        target.unlink(missing_ok=True)
        return
    beside = target.with_name(f".{target.name}.new")
    beside.write_bytes(read_file(path))
    sync(beside)
    beside.replace(target)
