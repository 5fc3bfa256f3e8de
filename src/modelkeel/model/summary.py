"""The verification summary of a promotion: which gates a bundle met, beside the bundle.

It is a SLSA Verification Summary Attestation v1, in a DSSE envelope when it is signed:
`models/champion/<digest12>.summary.json`. A server checks it before it serves.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from modelkeel.data.digest import sha256_file
from modelkeel.errors import BadInput, Refused
from modelkeel.model.champion import Champion
from modelkeel.model.envelope import read_payload, sign_statement, verify_envelope
from modelkeel.model.files import read_file, sync, write_json
from modelkeel.model.keys import PUBLIC_KEY, public_key_path
from modelkeel.model.signing import signature_path, verify_bundle_signature
from modelkeel.model.vsa import (
    BLOCKING,
    NAMESPACE,
    PROMOTE,
    GateLine,
    Summary,
    from_statement,
    to_statement,
)
from modelkeel.project import Project
from modelkeel.records.system import Tier

__all__ = [
    "NAMESPACE",
    "GateLine",
    "Summary",
    "check_champion",
    "check_summary",
    "must_be_signed",
    "policy_digest",
    "read_summary",
    "staged_summary",
    "summary_aside",
    "summary_path",
    "trusted_key",
    "write_summary",
]


def summary_path(folder: Path) -> Path:
    """Where the summary of a promoted bundle lies: beside its folder."""
    return folder.parent / f"{folder.name}.summary.json"


def staged_summary(folder: Path) -> Path:
    """Where the summary of a promotion waits until it is decided."""
    return folder.parent / f".{folder.name}.summary.next"


def summary_aside(folder: Path) -> Path:
    """Where the summary of the promotion before waits until the next one is done."""
    return folder.parent / f".{folder.name}.summary.old"


def write_summary(path: Path, summary: Summary, key: Path | None = None) -> Path:
    """Write a summary, signed when a private key is given; one that was there is replaced.

    Raises:
        BadInput: the key cannot be used.
    """
    statement = to_statement(summary)
    value = statement if key is None else sign_statement(statement, key)
    beside = path.parent / f".{path.name}.new"
    write_json(beside, value, path.name)
    sync(beside)
    beside.replace(path)
    return path


def read_summary(path: Path, public: Path | None) -> tuple[Summary, bool]:
    """A summary, and whether it is signed with the key; without a key, none counts as signed.

    Raises:
        BadInput: the key cannot be used.
        Refused: it is missing, does not verify, or is no summary.
    """
    if not path.is_file():
        raise Refused(f"{path}: no such file, expected a verification summary", remedy=PROMOTE)
    try:
        value: Any = json.loads(read_file(path))
    except ValueError:
        raise Refused(f"{path} is not JSON", remedy=PROMOTE) from None
    signed = False
    if isinstance(value, dict) and "payloadType" in value:
        signed = public is not None
        shown = str(path)
        value = verify_envelope(value, public, shown) if public else read_payload(value, shown)
    return from_statement(value, path), signed


def check_summary(
    record: Champion,
    folder: Path,
    public: Path | None,
    *,
    production: bool,
    tier: Tier | None = None,
) -> Summary | None:
    """Check that a champion was let through by the gates, and in production that it is released.

    What is there has to be sound in any mode. In production a summary has to be there and must
    not be a trial's; it and the bundle have to be signed when there is a public key or the tier
    is high.

    Args:
        record: champion.json.
        folder: the folder of the bundle that it names.
        public: the public key that is trusted.
        production: whether the server takes decisions that count.
        tier: the risk tier of the project; the summary's own when unknown.

    Returns:
        The summary; None where there is none, which only development allows.

    Raises:
        BadInput: the public key cannot be used.
        Refused: naming the file, what was found, what was expected and the remedy.
    """
    path, signature = summary_path(folder), signature_path(folder)
    if not path.is_file() and not production:
        if public is not None and signature.is_file():
            _check_signature(record, folder, public)
        return None
    summary, signed = read_summary(path, public)
    _check_match(summary, record, path)
    if production and (summary.trial or record.trial):
        raise Refused(
            f"{path}: the champion is a trial, expected a release in production",
            remedy="promote it without --trial: keel model promote",
        )
    must = public is not None or "high" in (tier, summary.tier)
    if production and must:
        if public is None:
            raise Refused(
                f"{path}: cannot be verified: no public key is given, the tier high needs one",
                remedy="commit governance/keys/model.pub (keel model keygen), or set "
                "MODELKEEL_PUBLIC_KEY to its path",
            )
        if not signed:
            raise Refused(
                f"{path} is not signed, expected a signature by {public}",
                remedy="promote the bundle again with its key: keel model promote --key PATH",
            )
    if public is not None and (production or signature.is_file()):
        _check_signature(record, folder, public)
    return summary


def check_champion(project: Project, record: Champion) -> Summary | None:
    """`check_summary` with the tier and the key of a project; a release as in production.

    Raises:
        BadInput: the public key cannot be used.
        Refused: as `check_summary` says.
    """
    return check_summary(
        record,
        project.models_dir / record.folder,
        trusted_key(project),
        production=not record.trial,
        tier=project.system.tier,
    )


def must_be_signed(project: Project) -> bool:
    """Whether a release without a signature counts for nothing."""
    return trusted_key(project) is not None or project.system.tier == "high"


def trusted_key(project: Project | None) -> Path | None:
    """The public key that releases are verified with, if there is one."""
    if os.environ.get(PUBLIC_KEY):
        return Path(os.environ[PUBLIC_KEY])
    committed = public_key_path(project) if project is not None else None
    return committed if committed is not None and committed.is_file() else None


def _check_match(summary: Summary, record: Champion, path: Path) -> None:
    """The summary is about this champion, and lets it through."""
    if summary.digest != record.digest:
        raise Refused(
            f"{path} is about another bundle: digest found {summary.digest}, "
            f"expected {record.digest}",
            remedy=PROMOTE,
        )
    if summary.verdict != "PASSED":
        refused = ", ".join(each.id for each in summary.gates if each.outcome in BLOCKING)
        raise Refused(
            f"{path}: the verdict is {summary.verdict}, expected PASSED; refused by {refused}",
            remedy=f"mend what they name, then {PROMOTE}",
        )
    for what, said, expected in (
        ("name", summary.name, record.name),
        ("version", summary.version, record.version),
        # The other way round is a release whose champion.json is still to be replaced.
        ("trial", summary.trial, summary.trial and record.trial),
    ):
        if said != expected:
            raise Refused(
                f"{path} contradicts champion.json: {what} found {said!r}, expected {expected!r}",
                remedy=PROMOTE,
            )


def _check_signature(record: Champion, folder: Path, public: Path) -> None:
    """The files are those that were signed, and so is the manifest that the digest stands for."""
    signed = verify_bundle_signature(folder, public, signature_path(folder))
    if signed.get("manifest.json") != record.digest:
        raise Refused(
            f"{signature_path(folder)} signs another manifest.json than champion.json names: "
            f"found {signed.get('manifest.json')}, expected {record.digest}",
            remedy=PROMOTE,
        )


def policy_digest(path: Path) -> str:
    """SHA-256 of the thresholds that the gates read.

    Raises:
        BadInput: there are none.
    """
    if not path.is_file():
        raise BadInput(f"{path}: no such file", remedy="restore it from git")
    return sha256_file(path)
