"""A bundle: a model in a folder, with everything needed to trust it.

    model.onnx signature.json decision.json profile.json golden.json manifest.json (+ extra files)

The manifest lists the SHA-256 of every other file; the digest of a bundle is the SHA-256 of its
manifest. A bundle is verified, its digest compared, then loaded, then its golden rows replayed:
in that order, or it is refused.

The champion is named by one file, so that replacing it is one atomic step:

    models/champion.json             name, version, digest, run id, time, and the folder below
    models/champion/<digest12>/      the bundle that was promoted, and the one before it
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from modelkeel.errors import BadInput, Refused
from modelkeel.model.lineage import Lineage
from modelkeel.model.signature import Signature

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from modelkeel.model.scorer import Scorer

MANIFEST = "manifest.json"
CORE_FILES = ("model.onnx", "signature.json", "decision.json", "profile.json", "golden.json")
TOLERANCE = 1e-6

_REBUILD = "build the bundle again (dvc repro), or copy it again from where it was approved"
_STRICT = ConfigDict(extra="forbid", frozen=True)


class PayoffDecision(BaseModel):
    """Take the action of the greatest expected payoff: amounts[action][outcome]."""

    model_config = _STRICT
    kind: Literal["payoff"] = "payoff"
    actions: list[str] = Field(min_length=1)
    outcomes: list[str] = Field(min_length=1)
    amounts: list[list[float]]

    @model_validator(mode="after")
    def _consistent(self) -> PayoffDecision:
        if len(self.amounts) != len(self.actions) or any(
            len(row) != len(self.outcomes) for row in self.amounts
        ):
            raise ValueError("amounts must have one row an action and one column an outcome")
        return self


class ValueDecision(BaseModel):
    """The prediction is used as it is."""

    model_config = _STRICT
    kind: Literal["value"] = "value"


Decision = PayoffDecision | ValueDecision
_DECISION: TypeAdapter[Decision] = TypeAdapter(Annotated[Decision, Field(discriminator="kind")])


class Manifest(Lineage):
    """`manifest.json`: the lineage and the SHA-256 of every other file of the bundle."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    schema_: Literal["bundle/1"] = Field(default="bundle/1", alias="schema")
    name: str = Field(min_length=1)
    files: dict[str, str]


class Golden(BaseModel):
    """Rows with the scores the model gave when the bundle was written."""

    model_config = _STRICT
    columns: dict[str, list[bool | int | float | str | None]]
    scores: list[float] | list[list[float]]


class Champion(BaseModel):
    """`champion.json`: what was approved to serve. `folder` is relative to the models folder."""

    model_config = _STRICT
    name: str = Field(min_length=1)
    version: str | None = None
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    run_id: str | None = None
    promoted_at: str
    folder: str = Field(pattern=r"^champion/[0-9a-f]{12}$")


@dataclass(frozen=True)
class Bundle:
    """A verified, loaded bundle. `record` is the approval it was found by, if any."""

    path: Path
    manifest: Manifest
    signature: Signature
    decision: Decision
    scorer: Scorer
    digest: str
    record: Champion | None = None

    @property
    def version(self) -> str | None:
        """The registry version, if it has one."""
        return self.record.version if self.record else self.manifest.version

    @property
    def run_id(self) -> str | None:
        """The run that trained it, if known."""
        return self.record.run_id if self.record else self.manifest.run_id

    @property
    def actions(self) -> list[str]:
        """The actions it decides between; empty when it only predicts a value."""
        return list(self.decision.actions) if isinstance(self.decision, PayoffDecision) else []

    def profile(self) -> dict[str, Any]:
        """The profile of the training data."""
        return _as_dict(_read(self.path / "profile.json"), "profile.json")

    def golden_columns(self) -> dict[str, list[Any]]:
        """The golden rows, as columns."""
        return dict(_parse_golden(_read(self.path / "golden.json")).columns)

    def decide(self, scores: NDArray[np.float64]) -> list[str] | None:
        """The action with the greatest expected payoff for each row of (n, k) probabilities.

        A tie goes to the action named first. None when the decision is the value itself.
        """
        if not isinstance(self.decision, PayoffDecision):
            return None
        actions = self.decision.actions
        best = (scores @ self._payoff).argmax(axis=1)
        return [actions[index] for index in best.tolist()]

    def replay(self) -> tuple[float, int]:
        """Score the golden rows again: the largest difference, and how many rows there are."""
        import numpy as np

        golden = _parse_golden(_read(self.path / "golden.json"))
        found = self.scorer.predict(golden.columns)
        difference = np.abs(found - np.asarray(golden.scores, dtype=np.float64))
        return float(difference.max()), len(found)

    @cached_property
    def _payoff(self) -> NDArray[np.float64]:
        """Amounts as (classes, actions), rows in the order of the signature's classes."""
        import numpy as np

        rule = self.decision
        if not isinstance(rule, PayoffDecision):
            return np.empty((0, 0))
        order = [rule.outcomes.index(name) for name in self.signature.classes]
        return np.asarray(rule.amounts, dtype=np.float64)[:, order].T.copy()


def write_bundle(
    folder: Path,
    *,
    name: str,
    onnx_path: Path,
    signature: Signature,
    decision: Decision | Mapping[str, Any],
    profile: BaseModel | Mapping[str, Any],
    golden_columns: Mapping[str, Sequence[Any]],
    lineage: Mapping[str, Any],
    extra_files: Mapping[str, Path] | None = None,
) -> Bundle:
    """Write a bundle and load it back.

    It is built in a sibling folder and renamed into place, so `folder` never holds half of one.
    `lineage` has any of version, run_id, code_commit, data, charter, params. `extra_files` maps a
    path inside the bundle to a file to copy there.

    Raises:
        BadInput: an argument cannot be written (unknown lineage key, decision that does not fit
            the classes, no golden rows, a golden value that breaks the signature).
        Refused: the model does not fit its signature, or gives no finite score on a golden row.
    """
    from modelkeel.model.scorer import Scorer

    rule = _checked_decision(decision, signature)
    origin = _checked_lineage(lineage)
    columns = _golden_values(golden_columns, signature)
    extra = dict(extra_files or {})
    for target in extra:
        parts = Path(target).parts
        if target in (*CORE_FILES, MANIFEST) or Path(target).is_absolute() or ".." in parts:
            raise BadInput(
                f"extra file {target} cannot be in a bundle",
                remedy="give a relative path that is no file of the bundle itself",
            )
    content = Path(onnx_path).read_bytes()
    scores = Scorer(content, signature).predict(columns)
    _refuse_not_finite(scores)

    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = folder.parent / f".{folder.name}.new"
    shutil.rmtree(building, ignore_errors=True)
    try:
        building.mkdir()
        (building / "model.onnx").write_bytes(content)
        profile_value = (
            profile.model_dump(mode="json") if isinstance(profile, BaseModel) else (dict(profile))
        )
        golden = {"columns": columns, "scores": scores.tolist()}
        for file, value in (
            ("signature.json", signature.model_dump(mode="json")),
            ("decision.json", rule.model_dump(mode="json")),
            ("profile.json", profile_value),
            ("golden.json", golden),
        ):
            _write_json(building / file, value, file)
        for target, source in extra.items():
            (building / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, building / target)
        files = {file: _sha256(_read(building / file)) for file in sorted(_walk(building))}
        manifest = Manifest(name=name, files=files, **origin.model_dump())
        _write_json(building / MANIFEST, manifest.model_dump(mode="json", by_alias=True), MANIFEST)
        _replace_folder(building, folder)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return load_bundle(folder)


def verify_bundle(path: Path, expected_digest: str | None = None) -> Manifest:
    """Check every file of the bundle against its manifest, and its digest if one is expected.

    Raises:
        Refused: naming the file, what was found, what was expected and the remedy.
    """
    return _verify(Path(path), expected_digest)[0]


def bundle_digest(path: Path) -> str:
    """The digest of a bundle: the SHA-256 of its manifest, after `verify_bundle`."""
    return _verify(Path(path), None)[1]


def load_bundle(path: Path, expected_digest: str | None = None) -> Bundle:
    """Verify, compare the digest, load, replay the golden rows.

    Raises:
        Refused: naming the file, what was found, what was expected and the remedy.
    """
    path = Path(path)
    manifest, digest, content = _verify(path, expected_digest)

    from modelkeel.model.scorer import Scorer

    signature = _parse_signature(content["signature.json"], path)
    decision = _parse_decision(content["decision.json"], signature, path)
    _as_dict(content["profile.json"], str(path / "profile.json"))
    scorer = Scorer(content["model.onnx"], signature)
    _replay(scorer, _parse_golden(content["golden.json"]), path)
    return Bundle(path, manifest, signature, decision, scorer, digest)


def publish_bundle(src: Path, champion_dir: Path, record: Mapping[str, Any]) -> Champion:
    """Make `src` the champion; `champion_dir` is the project's models/champion.

    `record` has name and any of version, run_id, promoted_at, digest; a digest given must be
    that of `src`. The bundle is copied beside the present one, then champion.json is replaced
    in one step: killed at any moment, either the old or the new champion loads. The bundle that
    was champion before is kept; older ones are removed.

    Raises:
        BadInput: the record has an unknown or missing key.
        Refused: `src` is not sound or has another digest than the record.
    """
    champion_dir = Path(champion_dir)
    approved = record.get("digest")
    bundle = load_bundle(Path(src), str(approved) if approved else None)
    folder = f"champion/{bundle.digest[:12]}"
    if champion_dir.name != "champion":
        raise BadInput(
            f"{champion_dir} is no champion folder", remedy="give the folder models/champion"
        )
    values = {
        "version": bundle.manifest.version,
        "run_id": bundle.manifest.run_id,
        "promoted_at": datetime.now(UTC).isoformat(timespec="seconds"),
        **record,
        "digest": bundle.digest,
        "folder": folder,
    }
    try:
        champion = Champion.model_validate(values)
    except ValidationError as error:
        raise BadInput(
            f"the champion's record: {_first(error)}",
            remedy="give name, version, run_id, promoted_at and digest",
        ) from error

    models = champion_dir.parent
    champion_dir.mkdir(parents=True, exist_ok=True)
    target = champion_dir / bundle.digest[:12]
    if not _is_sound(target, bundle.digest):
        incoming = champion_dir / f".{target.name}.new"
        shutil.rmtree(incoming, ignore_errors=True)
        shutil.copytree(src, incoming)
        verify_bundle(incoming, bundle.digest)
        for file in [*_walk(incoming), MANIFEST]:
            _sync(incoming / file)
        _replace_folder(incoming, target)
        _sync(champion_dir)
    before = _folder_in(models / "champion.json")
    pointer = models / ".champion.json.new"
    _write_json(pointer, champion.model_dump(mode="json"), "champion.json")
    _sync(pointer)
    pointer.replace(models / "champion.json")
    _sync(models)
    for old in champion_dir.iterdir():
        if old.is_dir() and not old.is_symlink() and f"champion/{old.name}" not in (folder, before):
            shutil.rmtree(old, ignore_errors=True)
    return champion


def read_champion(models_dir: Path) -> Champion | None:
    """The record of the champion, or None when nothing was promoted yet.

    Raises:
        Refused: champion.json is not readable as a record.
    """
    path = Path(models_dir) / "champion.json"
    if not path.exists() and not path.is_symlink():
        return None
    remedy = "promote a bundle again: keel model promote"
    try:
        return Champion.model_validate(json.loads(_read(path)))
    except ValidationError as error:
        raise Refused(f"{path}: {_first(error)}", remedy=remedy) from error
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
            f"no champion in {models_dir}: champion.json is not there",
            remedy="promote a bundle: keel model promote",
        )
    bundle = load_bundle(Path(models_dir) / record.folder, record.digest)
    return replace(bundle, record=record)


def _verify(path: Path, expected_digest: str | None) -> tuple[Manifest, str, dict[str, bytes]]:
    """The manifest, the digest and the verified bytes of the core files."""
    if not path.is_dir():
        raise Refused(f"{path} is no folder, expected a bundle", remedy=_REBUILD)
    root = path.resolve()  # the folder itself may be reached by a link, nothing in it may
    found = _walk(root, shown=path)
    if not (root / MANIFEST).exists():
        raise Refused(f"{path / MANIFEST} is missing, expected the list of files", remedy=_REBUILD)
    raw = _read(root / MANIFEST)
    digest = _sha256(raw)
    manifest = _parse_manifest(raw, path / MANIFEST)
    for name in CORE_FILES:
        if name not in manifest.files:
            raise Refused(
                f"{path / MANIFEST} does not list {name}, expected all of {', '.join(CORE_FILES)}",
                remedy=_REBUILD,
            )
    for name in manifest.files:
        if name not in found:
            raise Refused(
                f"{path / name} is missing, expected as the manifest lists it", remedy=_REBUILD
            )
    for name in found:
        if name not in manifest.files:
            raise Refused(
                f"{path / name} is there, expected no file the manifest does not list",
                remedy=f"remove the file, or {_REBUILD}",
            )
    content: dict[str, bytes] = {}
    for name, expected in manifest.files.items():
        body = _read(root / name)
        actual = _sha256(body)
        if actual != expected:
            raise Refused(
                f"{path / name} was changed: SHA-256 found {actual}, expected {expected}",
                remedy=_REBUILD,
            )
        if name in CORE_FILES:
            content[name] = body
    if expected_digest is not None and digest != expected_digest:
        raise Refused(
            f"{path / MANIFEST} is not the bundle that was approved: "
            f"digest found {digest}, expected {expected_digest}",
            remedy="restore the approved bundle, or promote this one: keel model promote",
        )
    return manifest, digest, content


def _walk(root: Path, shown: Path | None = None) -> list[str]:
    """Paths of the regular files below root, without the manifest; nothing else may be there."""
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
                    remedy=_REBUILD,
                )
            if stat.S_ISREG(mode) and relative != MANIFEST:
                files.append(relative)
    return sorted(files)


def _parse_manifest(raw: bytes, path: Path) -> Manifest:
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise Refused(
            f"{path} is not readable: found no JSON, expected schema bundle/1", remedy=_REBUILD
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
        raise Refused(f"{path}: {_first(error)}", remedy=_REBUILD) from error


def _parse_signature(raw: bytes, path: Path) -> Signature:
    try:
        return Signature.model_validate_json(raw)
    except ValidationError as error:
        raise Refused(f"{path / 'signature.json'}: {_first(error)}", remedy=_REBUILD) from error


def _parse_decision(raw: bytes, signature: Signature, path: Path) -> Decision:
    try:
        return _checked_decision(json.loads(raw), signature)
    except (BadInput, ValueError) as error:
        raise Refused(f"{path / 'decision.json'}: {error}", remedy=_REBUILD) from error


def _parse_golden(raw: bytes) -> Golden:
    try:
        return Golden.model_validate(json.loads(raw))
    except ValidationError as error:
        raise Refused(f"golden.json: {_first(error)}", remedy=_REBUILD) from error
    except ValueError as error:
        raise Refused("golden.json is not JSON", remedy=_REBUILD) from error


def _checked_decision(value: Decision | Mapping[str, Any], signature: Signature) -> Decision:
    try:
        decision = _DECISION.validate_python(
            value.model_dump() if isinstance(value, BaseModel) else dict(value)
        )
    except (ValidationError, TypeError) as error:
        what = _first(error) if isinstance(error, ValidationError) else "is no table"
        raise BadInput(
            f"decision: {what}", remedy="give kind, actions, outcomes and amounts"
        ) from error
    if isinstance(decision, PayoffDecision) and (
        sorted(decision.outcomes) != sorted(signature.classes)
    ):
        raise BadInput(
            f"decision: outcomes found {', '.join(decision.outcomes)}, "
            f"expected the classes {', '.join(signature.classes) or '(none: a regression)'}",
            remedy="give the payoff of every action for every class of the model",
        )
    return decision


def _checked_lineage(lineage: Mapping[str, Any]) -> Lineage:
    try:
        return Lineage.model_validate(dict(lineage))
    except ValidationError as error:
        raise BadInput(
            f"lineage: {_first(error)}",
            remedy=f"give any of {', '.join(Lineage.model_fields)}",
        ) from error


def _golden_values(
    columns: Mapping[str, Sequence[Any]], signature: Signature
) -> dict[str, list[Any]]:
    """Plain JSON values of the signature's columns: NaN as null, numpy scalars as Python's."""
    values: dict[str, list[Any]] = {}
    for feature in signature.features:
        if feature.name not in columns:
            raise BadInput(
                f"golden rows: column {feature.name} is missing",
                remedy=f"give {', '.join(signature.feature_names)}",
            )
        values[feature.name] = [_plain(value) for value in columns[feature.name]]
        for row, value in enumerate(values[feature.name]):
            problem = "" if value is None else feature.problem(value)
            if problem:
                raise BadInput(
                    f"golden rows: row {row}, column {feature.name}: the value {problem}",
                    remedy="take golden rows from data that keeps the contract",
                )
    if not next(iter(values.values())):
        raise BadInput("golden rows: there are none", remedy="give at least one row")
    return values


def _plain(value: Any) -> Any:
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and plain != plain else plain


def _refuse_not_finite(scores: NDArray[np.float64]) -> None:
    import numpy as np

    rows = np.flatnonzero(~np.isfinite(scores).reshape(len(scores), -1).all(axis=1))
    if len(rows):
        raise Refused(
            f"the model gives no finite score on golden row {rows[0]}",
            remedy="check how the model treats missing values before it is converted",
        )


def _replay(scorer: Scorer, golden: Golden, path: Path) -> None:
    import numpy as np

    where = path / "golden.json"
    expected = np.asarray(golden.scores, dtype=np.float64)
    try:
        found = scorer.predict(golden.columns)
    except BadInput as error:
        raise Refused(f"{where}: {error}", remedy=_REBUILD) from error
    if found.shape != expected.shape or not len(found):
        raise Refused(
            f"{where}: scores found of shape {found.shape}, expected {expected.shape}",
            remedy=_REBUILD,
        )
    close = np.isclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE)
    if not close.all():
        row = int(np.flatnonzero(~close.reshape(len(close), -1).all(axis=1))[0])
        raise Refused(
            f"{where}: row {row} scores {found[row].tolist()}, expected {expected[row].tolist()} "
            f"within {TOLERANCE:g}",
            remedy="serve with the versions the bundle was built with, or build it again",
        )


def _is_sound(path: Path, digest: str) -> bool:
    try:
        verify_bundle(path, digest)
    except Refused:
        return False
    return True


def _folder_in(path: Path) -> str:
    """The folder an existing champion.json names; "" when it names none."""
    try:
        value = json.loads(_read(path))
    except (OSError, ValueError, Refused):
        return ""
    return str(value.get("folder", "")) if isinstance(value, dict) else ""


def _replace_folder(new: Path, folder: Path) -> None:
    """Rename `new` to `folder`; what was there is moved aside first and then removed."""
    old = folder.parent / f".{folder.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _write_json(path: Path, value: Any, shown: str) -> None:
    try:
        text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadInput(
            f"{shown} cannot be written as JSON: {error}",
            remedy="give plain values without NaN or infinity",
        ) from error
    path.write_text(text + "\n", encoding="utf-8")


def _as_dict(raw: bytes, shown: str) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except ValueError as error:
        raise Refused(f"{shown} is not JSON", remedy=_REBUILD) from error
    if not isinstance(value, dict):
        raise Refused(f"{shown} holds no table", remedy=_REBUILD)
    return value


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(
            f"{path} cannot be read: {error.strerror}", remedy="check the file's permissions"
        ) from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _first(error: ValidationError) -> str:
    """The first problem of a validation, in one line, without the input value."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
