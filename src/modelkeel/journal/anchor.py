"""Anchors: the ends of chains, written down outside the database.

Whoever holds an anchor can tell that nothing was cut off before it. One line of JSON each, added to
a file; signed with Ed25519 where there is a key, so that the file cannot be made up either.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelkeel.errors import BadInput, Refused
from modelkeel.journal.chain import Head, read
from modelkeel.journal.lines import add_line

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_DOMAIN = b"modelkeel journal anchor\n"


@dataclass(frozen=True)
class Anchor:
    """A file of anchors.

    Attributes:
        path: the file; best on another machine or in another account than the database.
        key: signs what is added; None leaves it unsigned.
    """

    path: Path
    key: Ed25519PrivateKey | None = None

    def add(self, heads: Sequence[Head], at: int, pruned: Sequence[Head] = ()) -> None:
        """Write the ends of chains down.

        Args:
            heads: the ends.
            at: now, microseconds.
            pruned: the ends of chains whose records are about to be pruned.

        Raises:
            OSError: the file cannot be written.
        """
        said = _said(heads, at, pruned)
        line = dict(said)
        if self.key is not None:
            line["signature"] = base64.b64encode(self.key.sign(_signed(said))).decode()
        add_line(self.path, json.dumps(line, separators=(",", ":")).encode())


@dataclass(frozen=True)
class Anchored:
    """What an anchor says: the end of a chain at a moment, and whether a signature proves it.

    Attributes:
        head: the end.
        at: when it was written down, microseconds.
        signed: whether a signature proves it.
        pruned: whether it says that the chain's records were pruned.
    """

    head: Head
    at: int
    signed: bool
    pruned: bool = False


def read_anchors(path: Path, public: Path | None = None) -> list[Anchored]:
    """The anchors of a file, the oldest first.

    Args:
        path: the file.
        public: PEM file of the public key; with it, an anchor whose signature does not hold is
            refused.

    Raises:
        BadInput: a line is no anchor, or the key cannot be read.
        Refused: a signature is missing or does not hold.
    """
    key = _public(public) if public is not None else None
    found: list[Anchored] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{path}: cannot be read: {error}", remedy="name the file of anchors"
        ) from None
    for number, line in enumerate(lines, start=1):
        where = f"{path}:{number}"
        try:
            value: dict[str, Any] = json.loads(line)
            at = int(value["at"])
            heads, pruned = (
                read(json.dumps(each)) for each in (value["heads"], value.get("pruned", []))
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            raise BadInput(
                f"{where}: is no anchor", remedy="take the line out, or restore the file"
            ) from None
        if key is not None:
            _check(key, value, _said(heads, at, pruned), where)
        found += [Anchored(head, at, key is not None) for head in heads]
        found += [Anchored(head, at, key is not None, pruned=True) for head in pruned]
    return found


def load_key(path: Path) -> Ed25519PrivateKey:
    """The private key of a PEM file.

    Raises:
        BadInput: it holds no Ed25519 key, or cannot be read.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput(
            f"{path}: holds no Ed25519 private key in PEM",
            remedy="make one: openssl genpkey -algorithm ed25519 -out anchor.pem",
        )
    return key


def _said(heads: Sequence[Head], at: int, pruned: Sequence[Head]) -> dict[str, Any]:
    said = {"at": at, "heads": [head.shown for head in sorted(heads)]}
    return said | {"pruned": [head.shown for head in sorted(pruned)]} if pruned else said


def _signed(said: dict[str, Any]) -> bytes:
    return _DOMAIN + json.dumps(said, separators=(",", ":"), sort_keys=True).encode()


def _public(path: Path) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise BadInput(
            f"{path}: holds no Ed25519 public key in PEM",
            remedy="make it from the private one: openssl pkey -in anchor.pem -pubout",
        )
    return key


def _check(key: Any, value: dict[str, Any], said: dict[str, Any], where: str) -> None:
    from cryptography.exceptions import InvalidSignature

    try:
        signature = base64.b64decode(str(value.get("signature", "")), validate=True)
        key.verify(signature, _signed(said))
    except (InvalidSignature, ValueError):
        raise Refused(
            f"{where}: the signature does not hold; the anchor was not made with this key",
            remedy="use the public key of whoever wrote the file, or restore the file",
        ) from None
