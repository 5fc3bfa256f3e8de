"""Tokens of an OpenID Connect issuer: JSON Web Tokens, verified here, with its public keys.

Sources: RFC 7519, RFC 8725 (what to check and why), OpenID Connect Discovery 1.0.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from typing import Any
from urllib.parse import urlsplit

import jwt

from modelkeel.errors import BadInput
from modelkeel.serving.callers import Caller, Unauthorized
from modelkeel.serving.eventlog import log_event
from modelkeel.serving.issuer_keys import fetch_keys
from modelkeel.serving.keys import ROLES

# Only signatures by a key pair: one whose secret we knew too would let us make tokens ourselves.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
TYPES = ("jwt", "at+jwt", "application/at+jwt")
LEEWAY = 30.0
"""Seconds that the clocks of issuer and server may differ."""
MAX_TOKEN = 16_384
MAX_VERIFIED = 4096
"""Tokens that are remembered as verified."""
KEYS_AGE = 600.0
"""Seconds after which the issuer's keys are asked for again, and a token is verified again."""


class Oidc:
    """Callers by their tokens. Used from one event loop.

    Args:
        issuer: its URL, exactly as its tokens say it.
        audience: for whom a token has to be.
        roles_claim: the claim that lists the roles; dots lead into objects.
        keys_url: where its keys are; found by discovery when left out.
        refresh_every: seconds between two questions to the issuer, at least.
        timeout: seconds that its answer may take.

    Raises:
        BadInput: a URL is not https, other than on this machine.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        roles_claim: str = "roles",
        keys_url: str | None = None,
        *,
        refresh_every: float = 30.0,
        timeout: float = 5.0,
    ) -> None:
        for url in (issuer, keys_url or issuer):
            _check_url(url)
        self._issuer = issuer
        self._audience = audience
        self._roles_claim = roles_claim
        self._keys_url = keys_url
        self._refresh_every = refresh_every
        self._timeout = timeout
        self._jwt = jwt.PyJWT({"require": ["exp", "iss", "aud", "sub"]})
        self._verified: dict[bytes, tuple[float, Caller]] = {}
        self._keys: dict[str, dict[str, Any]] = {}
        self._asked_at = -float("inf")
        self._keys_at = -float("inf")
        self._asking: asyncio.Task[None] | None = None

    def known(self, token: bytes) -> Caller | None:
        """Whose token it is, if it was verified before and has not ended."""
        found = self._verified.get(hashlib.sha256(token).digest())
        return found[1] if found is not None and found[0] > time.time() else None

    async def verify(self, token: bytes) -> Caller:
        """Whose token it is.

        Raises:
            Unauthorized: it is none of the issuer's for this audience, has ended, or the issuer's
                keys cannot be had.
        """
        kid, algorithm = _header_of(token)
        if kid not in self._keys:
            await self._refresh()
        elif time.monotonic() - self._keys_at > KEYS_AGE:
            self._ask()  # in the background: the keys that are there go on
        jwk = self._keys.get(kid)
        if jwk is None:
            raise Unauthorized("token: signed by no known key of the issuer")
        claims = self._claims(token, jwk, algorithm)
        named = f"{self._issuer}|{claims['sub']}"
        caller = Caller(
            f"oidc:{hashlib.sha256(named.encode()).hexdigest()[:16]}",
            _roles(claims, self._roles_claim),
        )
        self._remember(token, int(claims["exp"]), caller)
        return caller

    def _claims(self, token: bytes, jwk: dict[str, Any], algorithm: str) -> dict[str, Any]:
        if jwk.get("alg", algorithm) != algorithm:
            raise Unauthorized("token: not the algorithm of its key")
        try:
            return self._jwt.decode(
                token,
                jwt.PyJWK(jwk, algorithm).key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY,
                options={"enforce_minimum_key_length": True},
            )
        except Exception as error:  # noqa: BLE001 whatever a token does to its reader, it is refused
            raise Unauthorized(f"token: {type(error).__name__}") from None

    def _remember(self, token: bytes, ends: int, caller: Caller) -> None:
        now = time.time()
        if len(self._verified) >= MAX_VERIFIED:
            for key in [k for k, (end, _) in self._verified.items() if end <= now]:
                del self._verified[key]
        if len(self._verified) >= MAX_VERIFIED:
            del self._verified[next(iter(self._verified))]
        self._verified[hashlib.sha256(token).digest()] = min(ends, now + KEYS_AGE), caller

    async def _refresh(self) -> None:
        """Ask the issuer for its keys, unless that was done a moment ago; wait for the answer."""
        self._ask()
        if self._asking is not None:
            await asyncio.wait({self._asking}, timeout=2 * self._timeout + 1)

    def _ask(self) -> None:
        now = time.monotonic()
        if self._asking is None and now - self._asked_at >= self._refresh_every:
            self._asked_at = now
            self._asking = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        try:
            keys = await asyncio.to_thread(fetch_keys, self._issuer, self._keys_url, self._timeout)
        except Exception as error:  # noqa: BLE001 a bad answer of the issuer ends no request
            log_event(
                "issuer's keys not to be had; tokens of unknown keys are refused",
                level=logging.ERROR,
                issuer=self._issuer,
                problem=str(error),
                keys=len(self._keys),
            )
        else:
            self._keys = keys
            self._keys_at = time.monotonic()
        finally:
            self._asking = None


def _header_of(token: bytes) -> tuple[str, str]:
    """Key id and algorithm that a token says of itself; nothing else in it is looked at yet."""
    if len(token) > MAX_TOKEN:
        raise Unauthorized("token: too long")
    try:
        header = jwt.get_unverified_header(token)
    except Exception:  # noqa: BLE001 as above
        raise Unauthorized("token: malformed") from None
    kid, algorithm = header.get("kid", ""), header.get("alg")
    if algorithm not in ALGORITHMS:
        raise Unauthorized("token: algorithm not allowed")
    if str(header.get("typ", "jwt")).lower() not in TYPES or not isinstance(kid, str):
        raise Unauthorized("token: of another type")
    return kid, algorithm


def _roles(claims: dict[str, Any], claim: str) -> frozenset[str]:
    """The roles in a claim: a list, or words as in `scope`; what is no role of ours is left out."""
    value: Any = claims.get(claim)
    if value is None:
        value = claims
        for part in claim.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, str):
        value = value.split()
    return frozenset(role for role in ROLES if isinstance(value, list) and role in value)


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or parts.scheme not in (("https", "http") if local else ("https",)):
        raise BadInput(
            f"the issuer's URL is {url!r}, expected https",
            remedy="set MODELKEEL_OIDC_ISSUER and MODELKEEL_OIDC_JWKS to URLs with https",
        )
