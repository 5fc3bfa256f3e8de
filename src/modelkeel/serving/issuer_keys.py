"""The public keys of an OpenID Connect issuer, asked of it over HTTP."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from modelkeel.errors import KeelError

MAX_BYTES = 1_000_000
_WAY = "/.well-known/openid-configuration"


def fetch_keys(issuer: str, keys_url: str | None, timeout: float) -> dict[str, dict[str, Any]]:
    """The keys that verify signatures, as JSON Web Keys (RFC 7517) by key id; blocks.

    A key without an id has the empty one, and is left out where there are several.

    Args:
        issuer: its URL.
        keys_url: where the keys are; found by discovery (OpenID Connect Discovery 1.0) if None.
        timeout: seconds that each answer may take.

    Raises:
        KeelError: the issuer does not answer, or not as it should.
    """
    if keys_url is None:
        place = issuer.rstrip("/") + _WAY
        document = _fetch(place, timeout)
        if document.get("issuer") != issuer:
            raise KeelError(f"{place}: names another issuer than {issuer}")
        keys_url = document.get("jwks_uri")
        if not isinstance(keys_url, str) or (
            issuer.startswith("https:") and not keys_url.startswith("https:")
        ):
            raise KeelError(f"{place}: its jwks_uri is no URL with https")
    keys = _fetch(keys_url, timeout).get("keys")
    if not isinstance(keys, list):
        raise KeelError(f"{keys_url}: holds no list of keys")
    usable = [key for key in keys if _verifies(key)]
    by_id: dict[str, dict[str, Any]] = {key["kid"]: key for key in usable if key.get("kid")}
    if len(usable) == 1:
        by_id[""] = usable[0]  # the only one is also that of tokens that name none
    return by_id


def _verifies(key: object) -> bool:
    return (
        isinstance(key, dict)
        and key.get("kty") in ("RSA", "EC", "OKP")
        and key.get("use", "sig") == "sig"
        and isinstance(key.get("kid", ""), str)
    )


def _fetch(url: str, timeout: float) -> dict[str, Any]:
    """A JSON object, of a bounded size and in a bounded time; no redirect is followed."""
    import httpx2

    ends = time.monotonic() + timeout
    content = bytearray()
    try:
        with httpx2.stream("GET", url, timeout=timeout) as response:
            if response.status_code != 200:
                raise KeelError(f"{url}: answered {response.status_code}")
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > MAX_BYTES or time.monotonic() > ends:
                    raise KeelError(f"{url}: the answer is too long, or takes too long")
    except httpx2.HTTPError as error:
        raise KeelError(f"{url}: {type(error).__name__}: {error}") from None
    try:
        return msgspec.json.decode(bytes(content), type=dict[str, Any])
    except msgspec.DecodeError:
        raise KeelError(f"{url}: is no JSON object") from None
