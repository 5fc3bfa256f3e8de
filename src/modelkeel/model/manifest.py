"""`manifest.json`: what a bundle was made from, and the SHA-256 of each of its files.

The digest of a bundle is the SHA-256 of its manifest, so it stands for every byte of it.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, ValidationError

from modelkeel.errors import Refused
from modelkeel.model.files import (
    REBUILD,
    first_problem,
    read_file,
    set_aside,
    sha256,
    write_json,
)
from modelkeel.model.lineage import Lineage

MANIFEST = "manifest.json"
CORE_FILES = ("model.onnx", "signature.json", "decision.json", "profile.json", "golden.json")
EXPLAINER, REASONS = "explainer.npz", "reasons.json"
OPTIONAL_FILES = (EXPLAINER, REASONS)
"""What a bundle may have besides."""


class Manifest(Lineage):
    """`manifest.json`: the lineage and the SHA-256 of every other file of the bundle."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    schema_: Literal["bundle/1"] = Field(default="bundle/1", alias="schema")
    name: str = Field(min_length=1)
    files: dict[str, str]


@dataclass(frozen=True)
class Verified:
    """A bundle found to be what its manifest says.

    Attributes:
        manifest: its manifest.
        digest: SHA-256 of the manifest, in hexadecimal.
        content: the very bytes that were verified, of `CORE_FILES` and, where they are there,
            of `OPTIONAL_FILES`.
    """

    manifest: Manifest
    digest: str
    content: dict[str, bytes]


def write_manifest(folder: Path, name: str, lineage: Lineage) -> None:
    """Write the manifest of the files that are in `folder`.

    Raises:
        Refused: something in the folder is no regular file.
    """
    files = {file: sha256(read_file(folder / file)) for file in files_below(folder)}
    manifest = Manifest(name=name, files=files, **lineage.model_dump())
    write_json(folder / MANIFEST, manifest.model_dump(mode="json", by_alias=True), MANIFEST)


def verify(path: Path, expected_digest: str | None = None) -> Verified:
    """Check every file of the bundle against its manifest, and its digest if one is expected.

    Raises:
        Refused: naming the file, what was found, what was expected and the remedy.
    """
    if not path.is_dir():
        raise _no_folder(path)
    root = path.resolve()  # the folder itself may be reached by a link, nothing in it may
    found = files_below(root, shown=path)
    if not (root / MANIFEST).exists():
        raise Refused(f"{path / MANIFEST} is missing, expected the list of files", remedy=REBUILD)
    raw = read_file(root / MANIFEST)
    digest = sha256(raw)
    manifest = _parse(raw, path / MANIFEST)
    _compare_names(manifest, found, path)
    content: dict[str, bytes] = {}
    for name, expected in manifest.files.items():
        body = read_file(root / name)
        actual = sha256(body)
        if actual != expected:
            raise Refused(
                f"{path / name} was changed: SHA-256 found {actual}, expected {expected}",
                remedy=REBUILD,
            )
        if name in (*CORE_FILES, *OPTIONAL_FILES):
            content[name] = body
    if expected_digest is not None and digest != expected_digest:
        raise Refused(
            f"{path / MANIFEST} is not the bundle that was approved: "
            f"digest found {digest}, expected {expected_digest}",
            remedy="restore the approved bundle, or promote this one: keel model promote",
        )
    return Verified(manifest, digest, content)


def files_below(root: Path, shown: Path | None = None) -> list[str]:
    """Paths of the regular files below root, without the manifest; nothing else may be there.

    Raises:
        Refused: there is a link or a special file, named below `shown`, or `root` by default.
    """
    files: list[str] = []
    for folder, directories, names in os.walk(root):
        for name in [*directories, *names]:
            full = Path(folder, name)
            relative = full.relative_to(root).as_posix()
            mode = full.lstat().st_mode
            if stat.S_ISLNK(mode) or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                kind = "a symbolic link" if stat.S_ISLNK(mode) else "a special file"
                raise Refused(
                    f"{(shown or root) / relative} is {kind}, expected a regular file",
                    remedy=REBUILD,
                )
            if stat.S_ISREG(mode) and relative != MANIFEST:
                files.append(relative)
    return sorted(files)


def _no_folder(path: Path) -> Refused:
    aside = set_aside(path)
    if aside.is_dir():
        return Refused(
            f"{path} is no folder: replacing it was interrupted; the bundle before is in {aside}",
            remedy=f"write the bundle again (dvc repro), or rename {aside.name} to {path.name}",
        )
    return Refused(f"{path} is no folder, expected a bundle", remedy=REBUILD)


def _parse(raw: bytes, path: Path) -> Manifest:
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise Refused(
            f"{path} is not readable: found no JSON, expected schema bundle/1", remedy=REBUILD
        ) from error
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != "bundle/1":
        raise Refused(
            f"{path} is not a manifest of ours: found schema {schema!r}, expected 'bundle/1'",
            remedy="give a folder written as a bundle, or update modelkeel if it is a newer one",
        )
    try:
        return Manifest.model_validate(value)
    except ValidationError as error:
        raise Refused(f"{path}: {first_problem(error)}", remedy=REBUILD) from error


def _compare_names(manifest: Manifest, found: list[str], path: Path) -> None:
    for name in CORE_FILES:
        if name not in manifest.files:
            raise Refused(
                f"{path / MANIFEST} does not list {name}, expected all of {', '.join(CORE_FILES)}",
                remedy=REBUILD,
            )
    for name in manifest.files:
        if name not in found:
            raise Refused(
                f"{path / name} is missing, expected as the manifest lists it", remedy=REBUILD
            )
    for name in found:
        if name not in manifest.files:
            raise Refused(
                f"{path / name} is there, expected no file the manifest does not list",
                remedy=f"remove the file, or {REBUILD}",
            )
