"""`governance/obligations.lock`: the duties that bear on a system, as people last saw them.

It follows from governance/system.toml and the catalogue alone, so it can be written again at any
time; a library update that changes the law, or another answer, makes it show as not current.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field

from modelkeel.errors import BadInput
from modelkeel.governance.obligations.catalogue import Obligation, Status
from modelkeel.governance.obligations.resolve import Resolved, resolve
from modelkeel.project import Project
from modelkeel.records.base import Record, Strict
from modelkeel.records.system import System, Tier

REMEDY = "run `uv run keel govern lock`, and read what changed before you commit it"
_HEAD = """\
# The duties that bear on this system, as `uv run keel govern lock` works them out of
# governance/system.toml and the catalogue of modelkeel. Do not edit it. No legal advice.
"""
_LISTED = 5


class Duty(Strict):
    """A duty as the lock keeps it."""

    id: str
    title: str
    cite: str
    why: tuple[str, ...]
    only_if: str = ""
    applies_from: date
    status: Status
    records: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()


class Lock(Record):
    """What the lock says; `digest` is of all that the catalogue says about these duties."""

    schema_: Literal["obligations/1"] = Field(alias="schema")
    tier: Tier
    tier_reason: str
    digest: str
    duty: tuple[Duty, ...] = ()


def lock_path(project: Project) -> Path:
    """Where the lock is kept."""
    return project.governance_dir / "obligations.lock"


def write_lock(project: Project) -> Path:
    """Write the lock of a project.

    Raises:
        BadInput: the system record is missing or broken.
    """
    path = lock_path(project)
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(lock_text(project.system), encoding="utf-8", newline="\n")
    beside.replace(path)
    return path


def read_lock(project: Project) -> Lock:
    """The lock of a project.

    Raises:
        BadInput: it is missing or broken.
    """
    try:
        return Lock.load(lock_path(project))
    except BadInput as error:
        raise BadInput(str(error), remedy=REMEDY) from None


def lock_problem(project: Project) -> str | None:
    """Why the lock is not current, with what changed; None if it is.

    Raises:
        BadInput: the system record is missing or broken.
    """
    system = project.system
    try:
        found = read_lock(project)
    except BadInput as error:
        return str(error)
    if lock_path(project).read_text(encoding="utf-8") == lock_text(system):
        return None
    changes = differences(found, lock_of(system))
    return f"{lock_path(project)}: not current: {'; '.join(changes)}"


def lock_of(system: System, catalogue: Sequence[Obligation] | None = None) -> Lock:
    """What the lock of a system has to say."""
    resolved = resolve(system, date.min, catalogue)  # no day of writing: it stays reproducible
    return Lock(
        schema="obligations/1",
        tier=system.tier,
        tier_reason=system.tier_reason,
        digest=_digest(resolved),
        duty=tuple(_duty(each) for each in resolved),
    )


def lock_text(system: System) -> str:
    """The lock of a system as TOML."""
    lock = lock_of(system).model_dump(by_alias=True)
    duties = lock.pop("duty")
    parts = [_HEAD + _table(lock)]
    parts += [f"[[duty]]\n{_table(each)}" for each in duties]
    return "\n".join(parts)


def _duty(found: Resolved) -> Duty:
    entry = found.obligation
    return Duty(
        id=entry.id,
        title=entry.title,
        cite=entry.cite,
        why=found.why,
        only_if=entry.only_if,
        applies_from=found.applies_from,
        status=entry.status,
        **entry.needs.model_dump(),
    )


def _digest(resolved: Sequence[Resolved]) -> str:
    """SHA-256 of the entries, but for when and in what they were looked up: no law changed then."""
    entries = [
        each.obligation.model_dump(mode="json", exclude={"verified_on", "checked"})
        for each in resolved
    ]
    text = json.dumps(entries, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _table(values: dict[str, object]) -> str:
    """Keys and values as TOML; those that are empty are left out."""
    kept = {key: value for key, value in values.items() if value not in ("", ())}
    return "".join(f"{key} = {_toml(value)}\n" for key, value in kept.items())


def _toml(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(each) for each in value)}]"
    return json.dumps(value, ensure_ascii=False)  # a JSON string is a TOML string


def differences(old: Lock, new: Lock) -> list[str]:
    """What differs, in words, a line each."""
    before = {each.id: each for each in old.duty}
    after = {each.id: each for each in new.duty}
    changed = [
        f"{name} ({', '.join(keys)})"
        for name in after
        if name in before and (keys := _differing(before[name], after[name]))
    ]
    said = [f"tier {old.tier}, now {new.tier}"] if old.tier != new.tier else []
    said += _listed("added", [name for name in after if name not in before])
    said += _listed("removed", [name for name in before if name not in after])
    said += _listed("changed", changed)
    said += ["reason of the tier"] if not said and old.tier_reason != new.tier_reason else []
    if not said and old.digest != new.digest:
        return ["what the catalogue says about the same duties (words, sources or notes)"]
    return said or ["it was edited by hand"]


def _differing(old: Duty, new: Duty) -> list[str]:
    return [key for key in Duty.model_fields if getattr(old, key) != getattr(new, key)]


def _listed(what: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return [f"{what} {', '.join(names[:_LISTED])}{more}"]
