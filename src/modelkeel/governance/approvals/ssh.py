"""Signatures by `ssh-keygen -Y`, without ever asking for anything."""

from __future__ import annotations

import os
import subprocess
import tempfile
from datetime import date
from pathlib import Path

from modelkeel.errors import BadInput, KeelError

NAMESPACE = "governance"
_SECONDS = 60  # a key on a token waits for a touch


def sign_bytes(content: bytes, key: Path) -> bytes:
    """The signature of some bytes, armoured, in the namespace `governance`.

    Args:
        content: what to sign.
        key: a private key, or the public half of one that the SSH agent holds.

    Raises:
        BadInput: the key is missing, not readable, locked by a passphrase, or no key.
        KeelError: ssh-keygen is missing, too old, or gives no answer.
    """
    key = key.expanduser()
    if not key.is_file():
        raise BadInput(
            f"{key}: no such key",
            remedy="make one: ssh-keygen -t ed25519 -f KEY; its public half goes into "
            "governance/allowed_signers",
        )
    done = _run("sign", "-n", NAMESPACE, "-f", str(key), stdin=content)
    if done.returncode == 0 and b"BEGIN SSH SIGNATURE" in done.stdout:
        return done.stdout
    raise _no_signature(key, _words(done))


def broken(content: bytes, signature: bytes) -> str | None:
    """Why a signature is not one of these bytes, whoever made it; None if it is."""
    with _file(signature) as path:
        done = _run("check-novalidate", "-n", NAMESPACE, "-s", path, stdin=content)
    if done.returncode == 0:
        return None
    words = _words(done)
    if "incorrect signature" in words:
        return "was edited after it was signed"
    if "namespace does not match" in words:
        return f"was signed for another purpose; sign with -n {NAMESPACE}"
    return f"the signature cannot be read: {words or 'no reason given'}"


def not_from(
    content: bytes, signature: bytes, *, allowed: Path, principal: str, day: date
) -> str | None:
    """Why `ssh-keygen` does not take a signature as this person's on a day; None if it does."""
    with _file(signature) as path:
        done = _run(
            *("verify", "-f", str(allowed), "-I", principal, "-n", NAMESPACE, "-s", path),
            *("-O", f"verify-time={day:%Y%m%d}235959"),
            stdin=content,
        )
    return None if done.returncode == 0 else _words(done)


def key_holders(signature: bytes, *, allowed: Path) -> list[str]:
    """To whom the file of signers gives the key of a signature."""
    with _file(signature) as path:
        done = _run("find-principals", "-f", str(allowed), "-s", path, stdin=b"")
    if done.returncode:
        return []
    return sorted({each for line in done.stdout.decode().split() for each in line.split(",")})


class _file:  # noqa: N801 - reads as a function
    """A signature as a file, for the time of a command."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __enter__(self) -> str:
        handle, self._name = tempfile.mkstemp(suffix=".sig")
        with os.fdopen(handle, "wb") as file:
            file.write(self._content)
        return self._name

    def __exit__(self, *_: object) -> None:
        Path(self._name).unlink(missing_ok=True)


def _run(*arguments: str, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    """Run `ssh-keygen -Y`; with no terminal and no helper it cannot ask, only fail."""
    asks = {"SSH_ASKPASS", "DISPLAY", "WAYLAND_DISPLAY"}
    environment = {name: value for name, value in os.environ.items() if name not in asks}
    environment |= {"SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["ssh-keygen", "-Y", *arguments],
            input=stdin,
            capture_output=True,
            env=environment,
            start_new_session=True,
            timeout=_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise KeelError(
            "ssh-keygen is not on this machine, so no signature can be made or verified",
            remedy="install OpenSSH 8.9 or newer (package openssh-client)",
        ) from None
    except subprocess.TimeoutExpired:
        raise KeelError(
            f"ssh-keygen gave no answer in {_SECONDS} s",
            remedy="a key on a token waits for a touch; load a key with `ssh-add` first",
        ) from None
    words = done.stderr.decode(errors="replace").lower()
    if done.returncode and ("unknown option" in words or "illegal option" in words):
        raise KeelError(
            "ssh-keygen is too old for signatures (-Y)", remedy="install OpenSSH 8.9 or newer"
        )
    return done


def _words(done: subprocess.CompletedProcess[bytes]) -> str:
    """What ssh-keygen said, in one line, without its decoration."""
    lines = done.stderr.decode(errors="replace").replace("\r", "\n").splitlines()
    told = [line.strip() for line in lines if line.strip(" @") and "Signing data" not in line]
    return "; ".join(dict.fromkeys(told))


def _no_signature(key: Path, words: str) -> BadInput:
    lower = words.lower()
    if "passphrase" in lower:
        return BadInput(
            f"{key}: is locked by a passphrase, and keel never asks for one",
            remedy=f"unlock it for the SSH agent first: ssh-add {key}",
        )
    if "permissions" in lower or "unprotected" in lower:
        return BadInput(
            f"{key}: can be read by others, so it is not used", remedy=f"chmod 600 {key}"
        )
    if "no private key found" in lower:
        return BadInput(
            f"{key}: is a public key, and the SSH agent does not hold its private half",
            remedy="give the private key, or load it with `ssh-add`",
        )
    if "couldn't load" in lower or "invalid format" in lower or "error in libcrypto" in lower:
        return BadInput(f"{key}: is no SSH key", remedy="give the file that ssh-keygen wrote")
    return BadInput(f"{key}: gives no signature: {words}", remedy="try another key")
