"""An MLflow registry over plain REST: what its alias names, and the bundle of a version.

Artifacts come through the tracking server, which has to serve them (`--artifacts-destination`).
What comes is believed only as far as its digest goes.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from modelkeel.errors import Refused
from modelkeel.model.champion import Champion, folder_of
from modelkeel.model.files import replace_folder, sha256, sync
from modelkeel.model.manifest import MANIFEST, Manifest, verify
from modelkeel.model.release_files import RELEASE
from modelkeel.model.signing import signature_path
from modelkeel.model.summary import summary_path
from modelkeel.serving.choice import Choice
from modelkeel.serving.last_good import alone
from modelkeel.serving.mlflow_rest import Mlflow


@dataclass(frozen=True)
class Registry:
    """A registered model.

    Attributes:
        url: of the MLflow server; its credentials are MLflow's own variables.
        name: of the registered model.
        cache: models folder that bundles are brought to.
        alias: that says which version is to serve.
        timeout: seconds that the server may be silent.
    """

    url: str
    name: str
    cache: Path
    alias: str = "champion"
    timeout: float = 10.0

    def look(self) -> Choice | None:
        """The version that the alias names; None when it names none.

        Raises:
            KeelError: the server does not answer, or the version is not one of ours.
        """
        found = self._server.get(
            "/registered-models/alias", {"name": self.name, "alias": self.alias}, missing=True
        )
        if found is None:
            return None
        champion = self._champion(found["model_version"])
        return Choice(champion.digest, champion)

    def fetch(self, champion: Champion) -> Path:
        """Bring a bundle with its summary and signature into the cache; returns its folder.

        Raises:
            KeelError: the server does not answer, or has not got it.
            Refused: what it has is not the bundle with that digest.
        """
        version = self._server.get(
            "/model-versions/get", {"name": self.name, "version": champion.version or ""}
        )
        digest = self._champion(version["model_version"]).digest
        if digest != champion.digest:
            raise Refused(
                f"version {champion.version} of {self.name} at {self.url} is another bundle: "
                f"digest found {digest}, expected {champion.digest}",
                remedy="set MODELKEEL_REGISTRY to the registry that it was promoted in",
            )
        target = self.cache / champion.folder
        target.parent.mkdir(parents=True, exist_ok=True)
        with alone(self.cache):
            if not _is_sound(target, champion.digest):
                self._bring(champion, target)
            self._bring_release(version["model_version"], target)
        return target

    @cached_property
    def _server(self) -> Mlflow:
        return Mlflow(self.url, self.timeout)

    def _champion(self, version: dict[str, Any]) -> Champion:
        tags = {each["key"]: each["value"] for each in version.get("tags", [])}
        digest = tags.get("bundle.sha256", "")
        if len(digest) != 64:
            raise Refused(
                f"version {version.get('version')} of {self.name} at {self.url} has no tag "
                "bundle.sha256, expected one that `keel model promote` registered",
                remedy="move the alias back: keel model verify --heal",
            )
        changed = datetime.fromtimestamp(int(version["last_updated_timestamp"]) / 1000, UTC)
        return Champion(
            name=version["name"],
            version=str(version["version"]),
            digest=digest,
            run_id=version.get("run_id") or None,
            promoted_at=changed.isoformat(timespec="seconds"),
            folder=folder_of(digest),
            trial=tags.get("promoted") == "trial",
        )

    def _bring(self, champion: Champion, target: Path) -> None:
        """Download a bundle beside its place, verify it, and move it there."""
        asked = {"name": self.name, "version": champion.version or ""}
        uri = self._server.get("/model-versions/get-download-uri", asked)["artifact_uri"]
        data = f"{_proxied(uri)}/data"
        folders = [each["path"] for each in self._server.list(data) if each.get("is_dir")]
        where = f"{data}/{folders[0]}" if len(folders) == 1 else data
        incoming = target.parent / f".{target.name}.new"
        shutil.rmtree(incoming, ignore_errors=True)
        incoming.mkdir()
        try:
            self._server.download(f"{where}/{MANIFEST}", incoming / MANIFEST)
            for name in _listed(incoming / MANIFEST, champion.digest):
                path = incoming / name
                path.parent.mkdir(parents=True, exist_ok=True)
                self._server.download(f"{where}/{name}", path)
                sync(path)
            verify(incoming, champion.digest)
            sync(incoming / MANIFEST)
            replace_folder(incoming, target)
            sync(target.parent)
        finally:
            shutil.rmtree(incoming, ignore_errors=True)

    def _bring_release(self, version: dict[str, Any], target: Path) -> None:
        """What the gates decided and who signed it, as the promotion left it with the run."""
        run = self._server.get("/runs/get", {"run_id": version.get("run_id", "")})
        folder = f"{_proxied(run['run']['info']['artifact_uri'])}/{RELEASE}"
        for path in (summary_path(target), signature_path(target)):
            beside = path.with_name(f".{path.name}.new")
            if self._server.download(f"{folder}/{path.name}", beside, missing=True):
                sync(beside)
                beside.replace(path)
            else:
                path.unlink(missing_ok=True)


def _proxied(uri: str) -> str:
    """The path of an artifact folder on the server."""
    parts = urlsplit(uri)
    if parts.scheme != "mlflow-artifacts":
        raise Refused(
            f"the artifacts are at {parts.scheme or 'a path'}, expected that MLflow serves them",
            remedy="start the MLflow server with --artifacts-destination, then train and promote",
        )
    return parts.path.strip("/")


def _listed(path: Path, digest: str) -> list[str]:
    """The files of a bundle by its manifest, once that is the one with the digest."""
    content = path.read_bytes()
    if sha256(content) != digest:
        raise Refused(
            f"the manifest that the registry has is another: digest found {sha256(content)}, "
            f"expected {digest}",
            remedy="promote the bundle again: keel model promote",
        )
    names = list(Manifest.model_validate_json(content).files)
    for name in names:
        if PurePosixPath(name).is_absolute() or ".." in name.split("/") or "\\" in name:
            raise Refused(f"the manifest lists {name!r}, expected a path inside the bundle")
    return names


def _is_sound(folder: Path, digest: str) -> bool:
    try:
        verify(folder, digest)
    except Refused:
        return False
    return True
