"""Loads what is to serve from where its bundle is at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from modelkeel.errors import Refused
from modelkeel.model.bundle import Bundle, load_bundle
from modelkeel.model.champion import Champion
from modelkeel.model.manifest import verify
from modelkeel.project import Project
from modelkeel.serving.admission import Mode, admit
from modelkeel.serving.choice import Choice
from modelkeel.serving.state import Loaded

Fetch = Callable[[Champion], Path]
"""Brings a champion's bundle here and returns its folder."""


@dataclass(frozen=True)
class Loader:
    """Loads a choice, verified and admitted.

    Attributes:
        source: the project, a models folder, or the folder of a bundle.
        max_rows: rows allowed in one request.
        mode: what the server is for, and the key that it trusts.
        folders: models folders to look through, in order.
        fetch: asked when none of them has a sound bundle.
        expected_digest: the only digest that may serve, if there is one.
    """

    source: Project | Path
    max_rows: int
    mode: Mode
    folders: tuple[Path, ...]
    fetch: Fetch | None = None
    expected_digest: str | None = None

    def __call__(self, choice: Choice, known: Iterable[Bundle] = ()) -> Loaded:
        """Verify and load.

        Args:
            choice: what is to serve.
            known: bundles in memory; one of them is verified on disk again, not loaded again.

        Raises:
            KeelError: there is no sound bundle, or it must not be served.
        """
        if self.expected_digest is not None and choice.digest != self.expected_digest:
            raise Refused(
                f"what is to serve is not the bundle that was approved: digest found "
                f"{choice.digest}, expected {self.expected_digest}",
                remedy="mount the approved bundle",
            )
        if choice.champion is None:
            bundle = _load(Path(str(self.source)), choice.digest, known)
        else:
            bundle = replace(self._promoted(choice.champion, known), record=choice.champion)
        return self._admitted(bundle)

    def _admitted(self, bundle: Bundle) -> Loaded:
        tier = None
        if isinstance(self.source, Project):
            tier = self.source.system.tier
            if bundle.signature.task != self.source.task:
                raise Refused(
                    f"{bundle.path} is for {bundle.signature.task}, the project for "
                    f"{self.source.task}",
                    remedy="promote a bundle of this project: keel model promote",
                )
        return Loaded.of(bundle, self.max_rows, admit(bundle, self.mode, tier))

    def _promoted(self, champion: Champion, known: Iterable[Bundle]) -> Bundle:
        problem: Refused | None = None
        for models in self.folders:
            folder = models / champion.folder
            if not folder.is_dir():
                continue
            try:
                return _load(folder, champion.digest, known)
            except Refused as error:
                problem = problem or error
        if self.fetch is not None:
            return _load(self.fetch(champion), champion.digest, known)
        where = ", ".join(str(models / "champion") for models in self.folders)
        raise problem or Refused(
            f"version {champion.version} ({champion.digest[:12]}) is not in {where}",
            remedy="copy models/ from where it was promoted, or set MODELKEEL_REGISTRY",
        )


def _load(folder: Path, digest: str, known: Iterable[Bundle]) -> Bundle:
    for bundle in known:
        if bundle.digest == digest and bundle.path == folder:
            verify(folder, digest)
            return bundle
    return load_bundle(folder, digest)
