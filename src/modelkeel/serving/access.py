"""Who a request comes from: an API key, or a token of an OpenID Connect issuer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from modelkeel.errors import Refused
from modelkeel.serving.callers import DEVELOPMENT, NOTHING_SENT, Caller, Unauthorized
from modelkeel.serving.keyring import Keyring
from modelkeel.serving.keys import PREFIX

if TYPE_CHECKING:
    from modelkeel.serving.tokens import Oidc

_KEY = PREFIX.encode()

Headers = Iterable[tuple[bytes, bytes]]


class Access:
    """Tells callers apart.

    Args:
        keys: the file of API keys, which need not exist; None for no keys.
        oidc: verifies tokens; None takes none.
        required: whether everybody has to say who they are. If not, everybody may do everything
            as long as there is neither a key nor an issuer: for development.

    Raises:
        BadInput: the file of keys is broken.
        Refused: it is required, and nobody could.
    """

    def __init__(self, keys: Path | None, oidc: Oidc | None, *, required: bool) -> None:
        self.required = required
        self._keyring = Keyring(keys)
        self._oidc = oidc
        if required and oidc is None and self._keyring.empty:
            raise Refused(
                "there are no API keys and no issuer of tokens, so that nobody may call"
                + (f": {keys} holds none" if keys is not None else ""),
                remedy="make a key with `keel keys create`, or set MODELKEEL_OIDC_ISSUER",
            )

    @property
    def open(self) -> bool:
        """Whether everybody may do everything."""
        return not self.required and self._oidc is None and self._keyring.empty

    @property
    def problem(self) -> str | None:
        """Why what the file of keys says now does not count; None when it does."""
        return self._keyring.problem

    def known(self, headers: Headers) -> Caller | None:
        """Who sent these headers; None where `identify` has to verify a token first.

        Raises:
            Unauthorized: nobody that is known.
        """
        if not self.required and self.open:
            return DEVELOPMENT
        sent = _sent(headers)
        if sent.startswith(_KEY):
            return self._keyring.caller(sent)
        if not sent:
            raise Unauthorized(NOTHING_SENT)
        if self._oidc is None:
            raise Unauthorized("key: malformed")
        return self._oidc.known(sent)

    async def identify(self, headers: Headers) -> Caller:
        """Who sent these headers; a token that is new is verified.

        Raises:
            Unauthorized: nobody that is known.
        """
        caller = self.known(headers)
        if caller is None:
            assert self._oidc is not None  # noqa: S101
            caller = await self._oidc.verify(_sent(headers))
        return caller


def _sent(headers: Headers) -> bytes:
    """The key or token in headers; empty where there is none.

    Raises:
        Unauthorized: there are two (RFC 6750, section 2), or it comes by another scheme.
    """
    sent = b""
    for name, value in headers:
        if name == b"authorization":
            scheme, _, credential = value.partition(b" ")
            if sent or scheme.lower() != b"bearer":
                raise Unauthorized("two keys or tokens" if sent else "another scheme")
            sent = credential.strip()
        elif name == b"x-api-key":
            if sent:
                raise Unauthorized("two keys or tokens")
            sent = value
    return sent
