"""`governance/allowed_signers`: which key is whose, in the format of OpenSSH."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from modelkeel.records.base import EMAIL, read_text

_KEY = re.compile(r"(?:^|\s)((?:ssh|ecdsa|sk)-[\w@.-]+)\s+([A-Za-z0-9+/]{20,}={0,2})(?:\s|$)")
_FIRST = re.compile(r'\s*(?:"([^"]*)"|(\S+))\s*(.*)')


@dataclass(frozen=True)
class Signer:
    """One line: the addresses that it names, and their key.

    Attributes:
        line: its number, from 1.
        principals: addresses, or patterns.
        key: kind and body of the key; None if the line has none.
        authority: whether the key signs certificates of others.
    """

    line: int
    principals: tuple[str, ...]
    key: tuple[str, str] | None
    authority: bool


def read_signers(path: Path) -> list[Signer]:
    """The lines that name somebody.

    Raises:
        BadInput: the file cannot be read.
    """
    found = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        first = _FIRST.match(line)
        if not first or line.lstrip().startswith("#"):
            continue
        rest = first[3]
        key = _KEY.search(rest)
        options = rest[: key.start()] if key else rest
        found.append(
            Signer(
                number,
                tuple(each for each in (first[1] or first[2]).split(",") if each),
                (key[1], key[2]) if key else None,
                "cert-authority" in re.sub(r'"[^"]*"', "", options).lower(),
            )
        )
    return found


def signers_problems(path: Path) -> list[str]:
    """Why the file does not say whose a key is, one `file:line: problem` each.

    A pattern would let its key sign in the name of everybody, and a key with two addresses would
    let one person act as two.

    Raises:
        BadInput: the file cannot be read.
    """
    problems: list[str] = []
    owner: dict[tuple[str, str], str] = {}
    for each in read_signers(path):
        where = f"{path}:{each.line}"
        if each.key is None:
            problems.append(f"{where}: no key; write ADDRESS KIND KEY, as in `ssh-keygen`'s .pub")
            continue
        if each.authority:
            continue
        for name in each.principals:
            if not EMAIL.fullmatch(name) or set(name) & set("*?!"):
                problems.append(f"{where}: {name!r} names nobody; write a person's e-mail address")
            elif (known := owner.setdefault(each.key, name.lower())) != name.lower():
                problems.append(f"{where}: the key of {name} is also that of {known}")
    return problems


def principal_of(email: str, signers: list[Signer]) -> str | None:
    """How the file spells an address; the address itself if a certificate may vouch for it."""
    for each in signers:
        for name in each.principals:
            if name.lower() == email.lower():
                return name
    return email if any(each.authority for each in signers) else None
