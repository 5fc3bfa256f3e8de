"""The keys that a server takes, which follow their file."""

from __future__ import annotations

import hmac
import logging
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

from modelkeel.errors import KeelError
from modelkeel.serving.callers import Caller, Unauthorized
from modelkeel.serving.eventlog import log_event
from modelkeel.serving.keys import PREFIX, Key, digest_of, read_keys

LOOK_EVERY = 1.0
"""Seconds between two looks at the file."""

_PREFIX = PREFIX.encode()
_START = len(PREFIX) + 12 + 1  # `mk_<id>_`


@dataclass(frozen=True, slots=True)
class _Secret:
    digest: bytes
    caller: Caller
    ends: float
    revoked: bool


# An id that nobody has costs as much as one that somebody has. No digest is all zeros.
_NOBODY = (_Secret(bytes(32), Caller("", frozenset()), 0.0, revoked=True),)


class Keyring:
    """Callers by their keys.

    It looks at the file at most once a second. A file that breaks, or goes away, changes nothing:
    the last good keys stay, and the log says so. To end a key, revoke it.

    Args:
        path: the file, which need not exist; None for no keys.

    Attributes:
        problem: why what the file says now does not count; None when it does.

    Raises:
        BadInput: the file is broken now.
    """

    def __init__(self, path: Path | None) -> None:
        self.problem: str | None = None
        self._path = path
        self._secrets: dict[bytes, tuple[_Secret, ...]] = {}
        self._stamp = _stamp(path)
        self._look_at = time.monotonic() + LOOK_EVERY
        if path is not None:
            self._take(read_keys(path))

    @property
    def empty(self) -> bool:
        """Whether there is no key at all, not even one that has ended."""
        if time.monotonic() >= self._look_at:
            self._look()
        return not self._secrets

    def caller(self, key: bytes) -> Caller:
        """Whose key it is.

        Raises:
            Unauthorized: it is nobody's, or has ended.
        """
        if time.monotonic() >= self._look_at:
            self._look()
        digest = digest_of(key[_START:])
        for secret in self._secrets.get(key[:_START], _NOBODY):
            if hmac.compare_digest(secret.digest, digest):
                if secret.revoked:
                    raise Unauthorized("key: revoked")
                if secret.ends <= time.time():
                    raise Unauthorized("key: expired")
                return secret.caller
        raise Unauthorized("key: unknown")

    def _look(self) -> None:
        self._look_at = time.monotonic() + LOOK_EVERY
        stamp = _stamp(self._path)
        if self._path is None or stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            if stamp is None:
                raise KeelError(f"{self._path}: is no longer there")
            self._take(read_keys(self._path))
        except KeelError as error:
            self.problem = str(error)
            log_event("keys not taken up", level=logging.ERROR, problem=self.problem)
        else:
            self.problem = None
            log_event("keys taken up", keys=len(self._secrets))

    def _take(self, keys: tuple[Key, ...]) -> None:
        taken: dict[bytes, tuple[_Secret, ...]] = {}
        for key in keys:
            start = _PREFIX + key.id.encode() + b"_"
            caller = Caller(key.id, frozenset(key.roles))
            ends = key.expires.timestamp() if key.expires is not None else math.inf
            secret = _Secret(bytes.fromhex(key.sha256), caller, ends, key.revoked is not None)
            # The newest first: it is the one in use.
            taken[start] = (secret, *taken.get(start, ()))
        self._secrets = taken


def _stamp(path: Path | None) -> tuple[int, int, int, int] | None:
    """What changes when a file or its rights do; None where there is none."""
    try:
        found = os.stat(path) if path is not None else None  # noqa: PTH116 half the cost
    except OSError:
        return None
    if found is None:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size
