"""Which model served when, and who said so: `evidence/promotions.jsonl`, one line a change.

Each line holds the SHA-256 of the line before, so that none can be changed or taken out of the
middle unseen; git and whoever pulled the file hold the end. champion.json says what serves now and
has to agree with the line that put it there.
"""

from __future__ import annotations

import getpass
import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelkeel.errors import Refused
from modelkeel.model.champion import RECORD, Champion, folder_of
from modelkeel.model.files import first_problem, naming, read_file, sha256, sync
from modelkeel.project import Project

Kind = Literal["promote", "trial", "rollback", "found"]
RESTORE = "restore it from git: git checkout -- evidence/promotions.jsonl"


class Entry(BaseModel):
    """One line: what became champion.

    Attributes:
        time: when, ISO 8601 in UTC.
        kind: how; `found` is a champion that was there before this history was kept.
        name: of the model.
        version: in the registry.
        digest: of the bundle.
        run_id: the run that trained it.
        trial: whether it is only tried out.
        previous: digest that a rollback returns to.
        by: who, as far as the machine knows.
        reason: why.
        summary: SHA-256 of the verification summary, if there is one.
        before: SHA-256 of the line before; None in the first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    time: str
    kind: Kind
    name: str = Field(min_length=1)
    version: str | None
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    run_id: str | None
    trial: bool
    previous: str | None = Field(pattern=r"^[0-9a-f]{64}$")
    by: str
    reason: str
    summary: str | None
    before: str | None = None

    @property
    def champion(self) -> Champion:
        """The champion.json that belongs to it."""
        return Champion(
            name=self.name,
            version=self.version,
            digest=self.digest,
            run_id=self.run_id,
            promoted_at=self.time,
            folder=folder_of(self.digest),
            trial=self.trial,
            previous=self.previous,
        )

    @property
    def draft(self) -> Entry:
        """The same without its place in the chain."""
        return self.model_copy(update={"before": None})


def history_path(project: Project) -> Path:
    """Where the history is kept."""
    return project.evidence_dir / "promotions.jsonl"


def read_history(project: Project) -> list[Entry]:
    """Every change of the champion, the oldest first.

    Raises:
        Refused: a line was changed, taken out or put in.
    """
    path = history_path(project)
    if not path.is_file():
        return []
    entries: list[Entry] = []
    before: str | None = None
    for number, line in enumerate(read_file(path).splitlines(), start=1):
        entry = _parse(line, f"{path}: line {number}")
        if entry.before != before:
            raise Refused(
                f"{path}: line {number}: does not follow the line before: found "
                f"{_short(entry.before)}, expected {_short(before)}; a line was changed, taken "
                "out or put in",
                remedy=f"{RESTORE}; where two branches were merged, keep the lines of one",
            )
        entries.append(entry)
        before = sha256(line)
    return entries


def append(project: Project, draft: Entry) -> Entry:
    """Add a line, in one step; one that is there already is not added twice.

    Raises:
        Refused: the history is broken.
    """
    history = read_history(project)
    for entry in reversed(history):
        if entry.draft == draft.draft:
            return entry
    path = history_path(project)
    lines = read_file(path).splitlines() if history else []
    entry = draft.model_copy(update={"before": sha256(lines[-1]) if lines else None})
    lines.append(json.dumps(entry.model_dump(), ensure_ascii=False).encode())
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    with naming(beside):
        beside.write_bytes(b"\n".join(lines) + b"\n")
    sync(beside)
    beside.replace(path)
    sync(path.parent)
    return entry


def entry_of(champion: Champion, history: list[Entry]) -> Entry | None:
    """The line that put a champion there, the newest if there are several."""
    return next((each for each in reversed(history) if each.champion == champion), None)


def disagreement(project: Project, champion: Champion, history: list[Entry]) -> str | None:
    """How champion.json differs from the line that should have written it; None if it does not."""
    if not history or entry_of(champion, history):
        return None
    same = [each for each in history if each.digest == champion.digest]
    expected = (same or history)[-1]
    found, asked = champion.model_dump(), expected.champion.model_dump()
    keys = [key for key in found if found[key] != asked[key]]
    told = "; ".join(f"{key} is {found[key]!r}, expected {asked[key]!r}" for key in keys)
    line = history.index(expected) + 1
    path = project.models_dir / RECORD
    return f"{path} was changed by hand: {told} (promotions.jsonl line {line})"


def now() -> str:
    """This moment, as the history writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def person(root: Path) -> str:
    """Who acts, as far as the machine knows: the CI's actor, git's user, or the login."""
    for name in ("GITHUB_ACTOR", "GITLAB_USER_EMAIL"):
        if os.environ.get(name):
            return os.environ[name]
    try:
        done = subprocess.run(
            ["git", "config", "user.email"], cwd=root, capture_output=True, text=True, check=False
        )
        if done.stdout.strip():
            return done.stdout.strip()
    except FileNotFoundError:
        pass
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return f"user {os.getuid()}"


def _parse(line: bytes, shown: str) -> Entry:
    try:
        return Entry.model_validate_json(line)
    except ValidationError as error:
        raise Refused(f"{shown}: {first_problem(error)}", remedy=RESTORE) from error


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"
