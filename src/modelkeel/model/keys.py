"""Signing keys: EC P-256 in PEM. The public one is committed, the private one never.

`cryptography` is imported inside the functions: it comes with the extras `serve` and `govern`.
"""

from __future__ import annotations

import os
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from modelkeel.errors import BadInput

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )

    from modelkeel.project import Project  # the command imports this module, and nothing heavy

SIGNING_KEY = "MODELKEEL_SIGNING_KEY"
"""Environment variable with the path of the private key."""
PUBLIC_KEY = "MODELKEEL_PUBLIC_KEY"
"""Environment variable with the path of the public key, for a server without the project."""
_MAKE = "make a pair with `keel model keygen`"


def public_key_path(project: Project) -> Path:
    """Where the public key of a project is committed."""
    return project.governance_dir / "keys" / "model.pub"


def make_key(private: Path, public: Path) -> None:
    """Make a pair of keys; the private file is readable by its owner only.

    Raises:
        BadInput: one of the files is there already, cannot be written, or the private one would
            lie in a git work tree that does not ignore it.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    for path in (private, public):
        if path.exists() or path.is_symlink():
            raise BadInput(
                f"{path}: is there already, and a key is never overwritten",
                remedy="give another path; to replace a key, remove the old file first, and "
                "promote again what it signed",
            )
    _refuse_work_tree(private)
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write_new(private, pem, 0o600)
    try:
        _write_new(public, public_pem(key.public_key()), 0o644)
    except BaseException:
        private.unlink(missing_ok=True)
        raise


def load_private(path: Path) -> EllipticCurvePrivateKey:
    """Read a private key.

    Raises:
        BadInput: it is missing, unreadable, encrypted, or of another kind.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = _read(path)
    if b"PUBLIC KEY" in content:
        raise _wrong(path, "is a public key, expected the private one")
    try:
        key = load_pem_private_key(content, None)
    except TypeError:
        raise _wrong(path, "is encrypted, expected a key without a password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _wrong(path, "is no private key in PEM") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise _wrong(path, "is a key of another kind, expected EC P-256")
    return key


def load_public(path: Path) -> EllipticCurvePublicKey:
    """Read a public key.

    Raises:
        BadInput: it is missing, unreadable, or of another kind.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    content = _read(path)
    if b"PRIVATE KEY" in content:
        raise BadInput(
            f"{path}: is a private key, expected the public one",
            remedy=f"remove it, and from git's history too; it signs nothing any more; {_MAKE}",
        )
    try:
        key = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise _wrong(path, "is no public key in PEM") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise _wrong(path, "is a key of another kind, expected EC P-256")
    return key


def public_pem(key: EllipticCurvePublicKey) -> bytes:
    """A public key as PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: EllipticCurvePublicKey) -> str:
    """SHA-256 of the PEM: how OpenSSF Model Signing names a key."""
    return sha256(public_pem(key)).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}", remedy=_MAKE) from None


def _wrong(path: Path, what: str) -> BadInput:
    return BadInput(f"{path}: {what}", remedy=f"give another file, or {_MAKE}")


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that must not be there; it appears whole, or not at all."""
    beside = path.parent / f".{path.name}.new"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)  # unlike a rename, it replaces nothing
        finally:
            beside.unlink()
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be written: {error.strerror}",
            remedy="give a path in a folder that you may write to",
        ) from None


def _refuse_work_tree(path: Path) -> None:
    """Refuse a place from where the key could be committed."""
    place = path.parent.resolve() / path.name
    if not any((folder / ".git").exists() for folder in place.parents):
        return
    here = next(folder for folder in place.parents if folder.is_dir())
    try:
        done = subprocess.run(
            ["git", "check-ignore", "--quiet", str(place)],
            cwd=here,
            capture_output=True,
            check=False,
        )
        ignored = done.returncode == 0
    except FileNotFoundError:
        ignored = False
    if not ignored:
        raise BadInput(
            f"{path}: lies in a git work tree, from where a private key may be committed",
            remedy="give a path outside the repository, such as your home folder, or name it in "
            ".gitignore first",
        )
