"""The signature of a bundle, in the format of OpenSSF Model Signing v1 with an EC P-256 key.

It lies beside the folder, for the manifest allows no other file in it. It is made by the package
`model-signing` (extra `govern`). It is verified here with `cryptography` alone, because a server
that only verifies would otherwise install two dozen packages for it; the two are tested
against each other.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelkeel.errors import KeelError, Refused
from modelkeel.model.envelope import sign_statement, verify_envelope
from modelkeel.model.files import read_file, sync
from modelkeel.model.files import sha256 as digest_of
from modelkeel.model.keys import key_id, load_private, load_public, make_key
from modelkeel.model.manifest import MANIFEST, files_below

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

__all__ = [
    "make_key",
    "sign_bundle",
    "sign_statement",
    "signature_path",
    "verify_bundle_signature",
    "verify_envelope",
]

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PREDICATE = "https://model_signing/signature/v1.0"
_RESIGN = "promote the bundle again with its key: keel model promote --key PATH"
_RESTORE = f"copy it again from where it was approved, or {_RESIGN}"


def signature_path(folder: Path) -> Path:
    """Where the signature of a promoted bundle lies: beside its folder."""
    return folder.parent / f"{folder.name}.sig"


def sign_bundle(folder: Path, key: Path, signature: Path) -> None:
    """Sign every file of a bundle; a signature that was there is replaced.

    Raises:
        BadInput: the private key cannot be used.
        KeelError: the extra `govern` is not installed.
        Refused: the folder holds something else than regular files.
    """
    private = load_private(key)
    files_below(folder)
    try:
        from model_signing import hashing, signing
    except ImportError as error:
        raise KeelError(
            f"signing needs a package that is not installed: {error.name}",
            remedy="install the extra: uv add 'modelkeel[govern]'",
        ) from None
    everything = hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)
    config = signing.Config().use_elliptic_key_signer(private_key=key)
    beside = signature.parent / f".{signature.name}.new"
    try:
        config.set_hashing_config(everything).sign(folder, beside)
        _verify(folder, private.public_key(), beside)
        sync(beside)
        beside.replace(signature)
    finally:
        beside.unlink(missing_ok=True)


def verify_bundle_signature(folder: Path, public: Path, signature: Path) -> dict[str, str]:
    """Check that the files of a bundle are those that were signed, no more and no fewer.

    Returns:
        The SHA-256 of each file, by its path in the folder, manifest.json among them.

    Raises:
        BadInput: the public key cannot be used.
        Refused: naming the file, what was found, what was expected and the remedy.
    """
    return _verify(folder, load_public(public), signature)


def _verify(folder: Path, key: EllipticCurvePublicKey, signature: Path) -> dict[str, str]:
    signed = _signed_files(signature, key)
    found = {
        name: digest_of(read_file(folder / name))
        for name in [*files_below(folder.resolve(), shown=folder), MANIFEST]
        if (folder / name).exists()
    }
    for name in sorted(signed.keys() | found.keys()):
        if name not in signed:
            raise Refused(f"{folder / name} is not signed", remedy=f"remove it, or {_RESTORE}")
        if name not in found:
            raise Refused(f"{folder / name} is missing, expected as signed", remedy=_RESTORE)
        if signed[name] != found[name]:
            raise Refused(
                f"{folder / name} was changed after it was signed: SHA-256 found {found[name]}, "
                f"expected {signed[name]}",
                remedy=_RESTORE,
            )
    return signed


def _signed_files(path: Path, key: EllipticCurvePublicKey) -> dict[str, str]:
    """The digest of each file that a signature signs."""
    if not path.is_file():
        raise Refused(f"{path}: no such file, expected the bundle's signature", remedy=_RESIGN)
    try:
        value: Any = json.loads(read_file(path))
        media_type = value["mediaType"]
        hint = value["verificationMaterial"]["publicKey"]["hint"]
        envelope = value["dsseEnvelope"]
    except (ValueError, KeyError, TypeError):
        raise Refused(
            f"{path} is no signature by a key in the OpenSSF Model Signing format", remedy=_RESIGN
        ) from None
    if media_type != MEDIA_TYPE:
        raise Refused(f"{path} is a {media_type!r}, expected {MEDIA_TYPE!r}", remedy=_RESIGN)
    if hint != key_id(key):
        raise Refused(
            f"{path} was made with the key {str(hint)[:12]}, expected {key_id(key)[:12]}",
            remedy=_RESIGN,
        )
    return _resources(verify_envelope(envelope, key, str(path)), path)


def _resources(statement: dict[str, Any], path: Path) -> dict[str, str]:
    """What a verified statement says of the files."""
    kind = statement.get("predicateType")
    if kind != PREDICATE:
        raise Refused(f"{path} states {kind!r}, expected {PREDICATE!r}", remedy=_RESIGN)
    try:
        (subject,) = statement["subject"]
        whole = subject["digest"]["sha256"]
        how = statement["predicate"]["serialization"]
        listed = statement["predicate"]["resources"]
        if how["method"] != "files" or how["hash_type"] != "sha256":
            raise ValueError
        if any(each["algorithm"] != "sha256" for each in listed):
            raise ValueError
        files = {str(each["name"]): str(each["digest"]) for each in listed}
        root = sha256(b"".join(bytes.fromhex(each["digest"]) for each in listed)).hexdigest()
    except (KeyError, TypeError, ValueError):
        raise Refused(
            f"{path} lists no SHA-256 of whole files, expected one for each file", remedy=_RESIGN
        ) from None
    if len(files) != len(listed) or root != whole:
        raise Refused(f"{path} contradicts itself: its digests do not add up", remedy=_RESIGN)
    return files
