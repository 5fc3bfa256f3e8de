"""What is to serve, and the places that say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelkeel.model.champion import Champion, read_champion
from modelkeel.model.files import read_file, sha256
from modelkeel.model.manifest import MANIFEST


@dataclass(frozen=True)
class Choice:
    """What is to serve.

    Attributes:
        digest: of the bundle.
        champion: the record that says so; None for the folder of a bundle.
        generation: of the journal's row; None where no row decides.
    """

    digest: str
    champion: Champion | None = None
    generation: int | None = None


Look = Callable[[], Choice | None]
"""Says what is to serve, None when nothing is; raises KeelError when it cannot tell."""


@dataclass(frozen=True)
class FileLook:
    """Looks into a models folder with champion.json, or at the folder of a bundle."""

    folder: Path

    def __call__(self) -> Choice | None:
        """What the folder says now; it is so small that it is read each time.

        Raises:
            Refused: champion.json or the manifest cannot be read.
        """
        manifest = self.folder / MANIFEST
        if manifest.is_file():
            return Choice(sha256(read_file(manifest)))
        champion = read_champion(self.folder)
        return Choice(champion.digest, champion) if champion else None
