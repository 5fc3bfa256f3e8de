"""API keys: a file that says who may do what, from which no key can be read.

A key is `mk_<id>_<secret>`, its secret 256 random bits. The file holds the secret's SHA-256: of so
much chance a plain digest is enough, there is nothing that could be guessed. A key that was rotated
has two entries with one id, so that limits and the journal go on knowing its caller.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from modelkeel.errors import BadInput
from modelkeel.records.base import Record, Strict
from modelkeel.records.incidents import Moment

Role = Literal["predict", "review", "operate", "audit"]
ROLES: tuple[Role, ...] = ("predict", "review", "operate", "audit")

PREFIX = "mk_"
_TOP = "Who may call: names, roles and digests. No key can be read from them. Made by `keel keys`."


class Key(Strict):
    """One secret of a caller.

    Attributes:
        id: of the caller, as in its key and in the journal.
        name: what a person calls it.
        sha256: of the secret, in hexadecimal digits.
        roles: what it may do.
        created: when.
        expires: when it ends; None for never.
        revoked: when it was ended by hand.
    """

    id: str = Field(pattern=r"^[0-9a-f]{12}$")
    name: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    roles: tuple[Role, ...] = Field(min_length=1)
    created: Moment
    expires: Moment | None = None
    revoked: Moment | None = None

    def state(self, now: datetime) -> str:
        """Whether it is `active`, `expired` or `revoked`."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "active"


class Keys(Record):
    """The file of keys."""

    schema_: Literal["keys/1"] = Field(alias="schema")
    keys: tuple[Key, ...] = ()


def read_keys(path: Path) -> tuple[Key, ...]:
    """The keys of a file; none where there is no file.

    Raises:
        BadInput: it cannot be read, is broken, or anybody may write to it.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be read: {error.strerror}", remedy="check its rights"
        ) from None
    if mode & stat.S_IWOTH:
        raise BadInput(f"{path}: anybody may write to it", remedy=f"chmod 600 {path}")
    return Keys.load(path).keys


def create_key(
    path: Path, name: str, roles: tuple[Role, ...], lifetime: timedelta | None
) -> tuple[Key, str]:
    """Make a key for a new caller; the entry, and the key itself, which is kept nowhere.

    Raises:
        BadInput: the name is taken by a key that is active, or the file cannot be used.
    """
    with _changing(path) as keys:
        now = _now()
        taken = next((k for k in keys if k.name == name and k.state(now) == "active"), None)
        if taken is not None:
            raise BadInput(
                f"{path}: the name {name!r} is that of the active key {taken.id}",
                remedy=f"give another name, or a new secret: keel keys rotate {taken.id}",
            )
        made, secret = _make(secrets.token_hex(6), name, roles, now, lifetime)
        keys.append(made)
    return made, secret


def rotate_key(path: Path, key_id: str, overlap: timedelta) -> tuple[Key, str]:
    """Make a new secret for a caller, good for as long as the last one was when it was new.

    Args:
        path: the file.
        key_id: whose.
        overlap: how long older secrets go on; zero ends them at once.

    Raises:
        BadInput: there is no such key, it was revoked, or the file cannot be used.
    """
    with _changing(path) as keys:
        now = _now()
        newest = max(_of(path, keys, key_id), key=lambda key: key.created)
        lifetime = newest.expires - newest.created if newest.expires is not None else None
        end = now + overlap
        for at, key in enumerate(keys):
            if key.id == key_id and (key.expires is None or key.expires > end):
                keys[at] = key.model_copy(update={"expires": end})
        made, secret = _make(key_id, newest.name, newest.roles, now, lifetime)
        keys.append(made)
    return made, secret


def revoke_key(path: Path, key_id: str) -> Key:
    """End all secrets of a caller at once; its entry stays, since the journal names its id.

    Raises:
        BadInput: there is no such key, it was revoked already, or the file cannot be used.
    """
    with _changing(path) as keys:
        _of(path, keys, key_id)
        now = _now()
        for at, key in enumerate(keys):
            if key.id == key_id:
                revoked = keys[at] = key.model_copy(update={"revoked": now})
    return revoked


def digest_of(secret: bytes) -> bytes:
    """What is kept of a secret."""
    return sha256(secret).digest()


def _make(
    key_id: str, name: str, roles: tuple[Role, ...], now: datetime, lifetime: timedelta | None
) -> tuple[Key, str]:
    secret = secrets.token_urlsafe(32)
    try:
        key = Key(
            id=key_id,
            name=name,
            sha256=digest_of(secret.encode()).hex(),
            roles=tuple(role for role in ROLES if role in roles),
            created=now,
            expires=None if lifetime is None else now + lifetime,
        )
    except ValueError:
        raise BadInput(
            f"the name {name!r} cannot be used",
            remedy="give 1 to 100 characters on one line",
        ) from None
    return key, f"{PREFIX}{key_id}_{secret}"


def _of(path: Path, keys: list[Key], key_id: str) -> list[Key]:
    found = [key for key in keys if key.id == key_id and key.revoked is None]
    if not found:
        known = any(key.id == key_id for key in keys)
        what = f"the key {key_id} was revoked" if known else f"there is no key {key_id}"
        raise BadInput(f"{path}: {what}", remedy="see `keel keys list`")
    return found


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@contextmanager
def _changing(path: Path) -> Iterator[list[Key]]:
    """The keys of a file, to be changed; written when the block ends. One process at a time."""
    path = path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        keys = list(read_keys(path))
        yield keys
        _write(path, keys, folder)
    finally:
        os.close(folder)


def _write(path: Path, keys: list[Key], folder: int) -> None:
    """Replace the file: a reader sees the old one or the new one."""
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment(_TOP))
    document["schema"] = "keys/1"
    document["keys"] = [_entry(key) for key in keys]
    beside = path.parent / f".{path.name}.new"
    try:
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(tomlkit.dumps(document).encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        os.fsync(folder)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise _unwritable(path, error) from None


def _entry(key: Key) -> dict[str, Any]:
    fields = key.model_dump(exclude_none=True)
    return {**fields, "roles": list(key.roles)}


def _unwritable(path: Path, error: OSError) -> BadInput:
    return BadInput(
        f"{path}: cannot be written: {error.strerror}",
        remedy="give a path that you may write to: --keys PATH",
    )
