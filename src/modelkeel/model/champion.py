"""The champion: the bundle that was approved to serve.

It is named by one file, so that replacing it is one atomic step:

    models/champion.json                      name, version, digest, run id, time, folder, previous
    models/champion/<digest12>/               the bundle that was promoted, and the one before it
    models/champion/<digest12>.summary.json   what was decided of it, and
    models/champion/<digest12>.sig            the signature of it, where there is one
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelkeel.errors import Refused
from modelkeel.model.bundle import Bundle, load_bundle
from modelkeel.model.files import (
    first_problem,
    read_file,
    replace_folder,
    sync,
    write_json,
)
from modelkeel.model.manifest import MANIFEST, files_below, verify

RECORD = "champion.json"


class Champion(BaseModel):
    """`champion.json`: what was approved to serve. `folder` is relative to the models folder.

    `trial` says that it is only tried out; `previous` is the digest that a rollback returns to.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(min_length=1)
    version: str | None = None
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    run_id: str | None = None
    promoted_at: str
    folder: str = Field(pattern=r"^champion/[0-9a-f]{12}$")
    trial: bool = False
    previous: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


def place_bundle(bundle: Bundle, models: Path) -> Path:
    """Copy a bundle to where it will serve from, onto the disk, unless it is there already."""
    target = models / folder_of(bundle.digest)
    target.parent.mkdir(parents=True, exist_ok=True)
    if _is_sound(target, bundle.digest):
        return target
    incoming = target.parent / f".{target.name}.new"
    shutil.rmtree(incoming, ignore_errors=True)
    shutil.copytree(bundle.path, incoming)
    verify(incoming, bundle.digest)
    for file in [*files_below(incoming), MANIFEST]:
        sync(incoming / file)
    replace_folder(incoming, target)
    sync(target.parent)
    return target


def point_at(models: Path, champion: Champion) -> None:
    """Replace champion.json in one step."""
    pointer = models / f".{RECORD}.new"
    write_json(pointer, champion.model_dump(mode="json"), RECORD)
    sync(pointer)
    pointer.replace(models / RECORD)
    sync(models)


def clear_out(models: Path, kept: Collection[str]) -> None:
    """Remove bundles, summaries and signatures but those of the champion and the digests given."""
    champion = _read_if_sound(models)
    if champion is None:
        return
    digests = {*kept, champion.digest, champion.previous or champion.digest}
    names = {digest[:12] for digest in digests}
    for old in (models / "champion").iterdir():
        if old.is_symlink() or old.name.removeprefix(".").partition(".")[0] in names:
            continue
        if old.is_dir():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.unlink(missing_ok=True)


def folder_of(digest: str) -> str:
    """Where the bundle with a digest serves from, below the models folder."""
    return f"champion/{digest[:12]}"


def read_champion(models_dir: Path) -> Champion | None:
    """The record of the champion, or None when nothing was promoted yet.

    Raises:
        Refused: champion.json is not readable as a record.
    """
    path = Path(models_dir) / RECORD
    if not path.exists() and not path.is_symlink():
        return None
    remedy = "promote a bundle again: keel model promote"
    try:
        return Champion.model_validate(json.loads(read_file(path)))
    except ValidationError as error:
        raise Refused(f"{path}: {first_problem(error)}", remedy=remedy) from error
    except ValueError as error:
        raise Refused(f"{path} is not JSON", remedy=remedy) from error


def load_champion(models_dir: Path) -> Bundle:
    """Load the promoted bundle and check it against its record.

    Raises:
        Refused: nothing was promoted, or the bundle is not the one that was approved.
    """
    record = read_champion(models_dir)
    if record is None:
        raise Refused(
            f"no champion in {models_dir}: {RECORD} is not there",
            remedy="promote a bundle: keel model promote",
        )
    try:
        bundle = load_bundle(Path(models_dir) / record.folder, record.digest)
    except Refused as error:
        remedy = "copy it again from where it was approved, or promote anew: keel model promote"
        raise Refused(str(error), remedy=remedy) from error
    return replace(bundle, record=record)


def previous_of(before: Champion | None, digest: str) -> str | None:
    """What a rollback returns to once `digest` takes the place of `before`.

    The same bundle promoted again keeps what came before it.
    """
    if before is None:
        return None
    return before.previous if before.digest == digest else before.digest


def _read_if_sound(models: Path) -> Champion | None:
    try:
        return read_champion(models)
    except Refused:
        return None


def _is_sound(path: Path, digest: str) -> bool:
    try:
        verify(path, digest)
    except Refused:
        return False
    return True
