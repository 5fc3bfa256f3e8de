"""Sealing: AES-256-GCM with keys of subjects and days, which the master key wraps.

What is sealed names its record as associated data, so that a payload put at another record, or a
wrapped key put at another subject, does not open. 96-bit nonces are drawn at random: NIST SP
800-38D allows 2^32 of them with a key.
"""

from __future__ import annotations

import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from modelkeel.errors import BadInput, Refused

KEY_BYTES = 32
_NONCE_BYTES = 12
_FORMAT = b"\x01"
"""First byte of what is sealed, which no JSON begins with."""


class SealBroken(Refused):
    """What is sealed does not open: it was changed, moved, or sealed with another key."""


def is_sealed(payload: bytes) -> bool:
    """Whether a stored payload is sealed, or plain JSON."""
    return payload[:1] == _FORMAT


def new_key() -> bytes:
    """A new key of 256 bits."""
    return AESGCM.generate_key(8 * KEY_BYTES)


def seal(cipher: AESGCM, plain: bytes, about: str) -> bytes:
    """Seal bytes to the record or key that `about` names."""
    nonce = os.urandom(_NONCE_BYTES)
    return _FORMAT + nonce + cipher.encrypt(nonce, plain, about.encode())


def unseal(cipher: AESGCM, sealed: bytes, about: str) -> bytes:
    """What was sealed.

    Raises:
        SealBroken: it was changed, or sealed with another key or to something else.
    """
    start = len(_FORMAT) + _NONCE_BYTES
    try:
        return cipher.decrypt(sealed[len(_FORMAT) : start], sealed[start:], about.encode())
    except (InvalidTag, ValueError):
        raise SealBroken(
            f"{about}: what is sealed does not open: it was changed, or sealed with another key",
            remedy="run `keel journal verify`, and restore the database from a backup",
        ) from None


class Master:
    """What is done with the master key: it wraps keys, and makes the index of subjects.

    Args:
        key: 32 bytes, from which one key for each of the two is derived (HKDF, RFC 5869).

    Raises:
        BadInput: the key has another length.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise BadInput(
                f"the journal's master key has {len(key)} bytes, expected {KEY_BYTES}",
                remedy="give the key that the journal was made with",
            )
        self._wrapper = AESGCM(_derived(key, b"wrap"))
        self._index_key = _derived(key, b"index")

    def index(self, subject: str) -> bytes:
        """By what a subject is found: HMAC-SHA256, which only the holder of the key can make."""
        return hmac.digest(self._index_key, subject.encode(), "sha256")

    def wrap(self, key: bytes, name: str) -> bytes:
        """A key, sealed to its name."""
        return seal(self._wrapper, key, name)

    def unwrap(self, wrapped: bytes, name: str) -> bytes:
        """The key that was wrapped.

        Raises:
            Refused: this is not the master key that wrapped it.
        """
        try:
            return unseal(self._wrapper, wrapped, name)
        except SealBroken:
            raise Refused(
                "the master key is not the one that the keys in this journal are wrapped with "
                f"(found at {name})",
                remedy="set MODELKEEL_JOURNAL_KEY or MODELKEEL_JOURNAL_KEY_FILE to the key that "
                "the journal was made with; without it payloads stay unreadable",
            ) from None


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"modelkeel journal " + purpose).derive(key)
