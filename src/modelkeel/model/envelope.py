"""DSSE envelopes: an in-toto statement and its signature in one JSON object.

The form is DSSE v1 (secure-systems-lab/dsse), signed with ECDSA P-256 and SHA-256.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelkeel.errors import Refused
from modelkeel.model.keys import key_id, load_private, load_public

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
_REMEDY = "sign it again with the key whose public half is committed: keel model promote --key PATH"


def sign_statement(statement: Mapping[str, Any], key: Path) -> dict[str, Any]:
    """Put a statement into a signed envelope.

    Raises:
        BadInput: the private key cannot be used.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    private = load_private(key)
    text = json.dumps(statement, sort_keys=True, ensure_ascii=False, allow_nan=False)
    payload = text.encode("utf-8")
    signature = private.sign(_pae(PAYLOAD_TYPE, payload), ec.ECDSA(SHA256()))
    return {
        "payload": base64.b64encode(payload).decode("ascii"),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [
            {
                "keyid": key_id(private.public_key()),
                "sig": base64.b64encode(signature).decode("ascii"),
            }
        ],
    }


def verify_envelope(
    envelope: Any, public: Path | EllipticCurvePublicKey, shown: str = "the envelope"
) -> dict[str, Any]:
    """The statement of an envelope that was signed with the other half of a public key.

    Args:
        envelope: the JSON object.
        public: the key that is trusted, or its file.
        shown: how the envelope is called in a refusal.

    Raises:
        BadInput: the public key cannot be used.
        Refused: the signature does not verify, or what it signs is no in-toto statement.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256

    key = load_public(public) if isinstance(public, Path) else public
    payload_type, payload, signature = _parts(envelope, shown)
    if payload_type != PAYLOAD_TYPE:
        raise Refused(f"{shown} holds {payload_type!r}, expected {PAYLOAD_TYPE!r}", remedy=_REMEDY)
    try:
        key.verify(signature, _pae(payload_type, payload), ec.ECDSA(SHA256()))
    except InvalidSignature:
        raise Refused(
            f"{shown} does not verify: its signature was not made by the key "
            f"{key_id(key)[:12]}, or its content was changed afterwards",
            remedy=_REMEDY,
        ) from None
    return _statement(payload, shown)


def read_payload(envelope: Any, shown: str) -> dict[str, Any]:
    """The statement of an envelope, its signature not looked at.

    Raises:
        Refused: it is no envelope, or holds no in-toto statement.
    """
    return _statement(_parts(envelope, shown)[1], shown)


def _parts(envelope: Any, shown: str) -> tuple[str, bytes, bytes]:
    try:
        (signature,) = envelope["signatures"]
        return (
            str(envelope["payloadType"]),
            base64.b64decode(envelope["payload"], validate=True),
            base64.b64decode(signature["sig"], validate=True),
        )
    except (KeyError, TypeError, ValueError):
        raise Refused(
            f"{shown} is no DSSE envelope: expected payload, payloadType and one signature",
            remedy=_REMEDY,
        ) from None


def _statement(payload: bytes, shown: str) -> dict[str, Any]:
    try:
        value = json.loads(payload)
    except ValueError:
        value = None
    if not isinstance(value, dict) or value.get("_type") != STATEMENT:
        raise Refused(f"{shown} holds no in-toto statement v1", remedy=_REMEDY)
    return value


def _pae(payload_type: str, payload: bytes) -> bytes:
    """Pre-authentication encoding: what is signed, so that type and payload stand apart."""
    name = payload_type.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)
