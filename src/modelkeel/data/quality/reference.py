"""The reference: the data that a person has looked at and found good."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelkeel.data.quality.history import dumped, load, newest, profile_of, said
from modelkeel.data.sources.writing import write_text
from modelkeel.errors import BadInput, Refused
from modelkeel.project import Project
from modelkeel.records.base import EMAIL

SCHEMA = "reference/1"
REFERENCE = Path("governance", "data", "reference.json")
HOW = 'uv run keel data accept --by you@example.com --reason "what you looked at"'


@dataclass(frozen=True)
class Reference:
    """What later data is compared with.

    Attributes:
        digest: SHA-256 of the data/raw.parquet it was made of, in hexadecimal.
        contract: path of the data contract in the project.
        by: e-mail of who accepted it.
        date: when.
        reason: why.
        profile: of the rows that held the contract.
    """

    digest: str
    contract: str
    by: str
    date: dt.date
    reason: str
    profile: dict[str, Any]


def accept(project: Project, *, by: str | None = None, reason: str) -> Path:
    """Make the newest data the reference. That is for a person to decide.

    Args:
        project: whose data.
        by: e-mail of that person; at a terminal, git's `user.email` when left out.
        reason: why the data is good, or why it may differ from the reference before.

    Raises:
        BadInput: there is no e-mail, no reason, or nothing to accept.
        Refused: the environment variable CI says that no person is here.
        KeelError: the disk is full.
    """
    if os.environ.get("CI"):
        raise Refused(
            f"{REFERENCE}: only a person accepts a reference, and CI is set",
            remedy="run `uv run keel data accept` yourself, and commit the file",
        )
    from modelkeel.data.quality.shifts import reference_labels

    person = _person(project, by)
    if not reason.strip():
        raise BadInput("--reason: is empty", remedy="say what you looked at and why it is good")
    found = newest(project, load(project))
    path = project.root / REFERENCE
    record = {
        "schema": SCHEMA,
        "digest": found.digest,
        "contract": found.contract,
        "by": person,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "reason": reason.strip(),
        "profile": found.profile,
        "labels": reference_labels(project),
    }
    write_text(path, dumped(record))
    return path


def load_reference(project: Project) -> Reference | None:
    """The accepted reference; None without one, or if it is of another contract.

    Raises:
        BadInput: the file is broken.
    """
    path = project.root / REFERENCE
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["schema"] != SCHEMA:
            raise ValueError(f"schema is {value['schema']!r}, expected {SCHEMA!r}")
        found = Reference(
            digest=str(value["digest"]),
            contract=str(value["contract"]),
            by=str(value["by"]),
            date=dt.date.fromisoformat(value["date"]),
            reason=str(value["reason"]),
            profile=profile_of(value["profile"]),
        )
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}", remedy="check its permissions") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput(
            f"{path}: is no accepted reference: {said(error)}",
            remedy=f"restore it from git, or accept anew: {HOW}",
        ) from None
    return found if found.contract == project.params.contract else None


def _person(project: Project, by: str | None) -> str:
    given = by if by is not None else _of_git(project.root) if sys.stdin.isatty() else None
    if not given:
        raise BadInput(
            "--by: nobody is named, and only a person accepts a reference",
            remedy="name yourself: --by you@example.com",
        )
    if not EMAIL.fullmatch(given.strip()):
        raise BadInput(f"--by: {given!r} is no e-mail address", remedy="write name@domain.tld")
    return given.strip()


def _of_git(root: Path) -> str | None:
    command = ["git", "config", "user.email"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None
