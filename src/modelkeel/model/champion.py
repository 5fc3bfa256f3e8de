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
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelkeel.errors import BadInput, Refused
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


def publish_bundle(src: Path, champion_dir: Path, record: Mapping[str, Any]) -> Champion:
    """Make `src` the champion; `champion_dir` is the project's models/champion.

    `record` has name and any of version, run_id, promoted_at, trial, previous, digest; a digest
    given must be that of `src`. The bundle is copied beside the present one, then champion.json
    is replaced in one step: killed at any moment, either the old or the new champion loads. The
    bundle that was champion before is kept; older ones are removed.

    Raises:
        BadInput: the record has an unknown or missing key.
        Refused: `src` is not sound or has another digest than the record.
    """
    champion_dir = Path(champion_dir)
    approved = record.get("digest")
    bundle = load_bundle(Path(src), str(approved) if approved else None)
    if champion_dir.name != "champion":
        raise BadInput(
            f"{champion_dir} is no champion folder", remedy="give the folder models/champion"
        )
    models = champion_dir.parent
    before = _read_if_sound(models)
    champion = _record(bundle, record, before)
    place_bundle(bundle, models)
    point_at(models, champion)
    clear_out(models, [each.digest for each in (before, champion) if each])
    return champion


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


def _record(bundle: Bundle, given: Mapping[str, Any], before: Champion | None) -> Champion:
    values = {
        "version": bundle.manifest.version,
        "run_id": bundle.manifest.run_id,
        "promoted_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "previous": previous_of(before, bundle.digest),
        **given,
        "digest": bundle.digest,
        "folder": folder_of(bundle.digest),
    }
    try:
        return Champion.model_validate(values)
    except ValidationError as error:
        raise BadInput(
            f"the champion's record: {first_problem(error)}",
            remedy="give name, version, run_id, promoted_at and digest",
        ) from error


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
