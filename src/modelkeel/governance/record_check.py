"""Every record that people write, read and held against the others; all problems at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

from modelkeel.errors import BadInput
from modelkeel.governance.approvals.signers import signers_problems
from modelkeel.governance.approvals.valid import signature_flaw, signers_path
from modelkeel.project import Project
from modelkeel.records.answer import todos
from modelkeel.records.approvals import Approval
from modelkeel.records.base import line_of
from modelkeel.records.incidents import Incident
from modelkeel.records.keys import nearest

_SOON = timedelta(days=14)

# What belongs into governance/, beside the contract that params.yaml names.
KNOWN = (
    *("system.toml", "risks.toml", "privacy.toml", "gates.toml", "reasons.toml"),
    *("obligations.lock", "allowed_signers", "*.md"),
    *("approvals/*.toml", "approvals/*.toml.sig", "incidents/*.toml"),
    *("data/*.odcs.yaml", "data/reference.json", "keys/*.pub"),
)


@dataclass
class Found:
    """What reading all records showed.

    Attributes:
        records: those that could be read, by file.
        problems: what blocks, one `file:line: key: problem` a line.
        warnings: what only deserves a look.
    """

    records: dict[Path, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_records(project: Project, today: date) -> Found:
    """Read every record and hold it against the others.

    Args:
        project: the project.
        today: the day to judge dates by.
    """
    from modelkeel.governance.record_references import dangling

    found = Found()
    for path, read in _readers(project):
        try:
            if (record := read()) is not None:
                found.records[path] = record
        except BadInput as error:
            found.problems += str(error).splitlines()
    found.problems += dangling(project, found.records, today)
    for path, record in found.records.items():
        _judge_todos(found, path, record, today)
        if isinstance(record, Approval):
            _judge_signature(found, project, path, record, today)
    _judge_files(found, project)
    return found


def _readers(project: Project) -> Iterator[tuple[Path, Callable[[], Any]]]:
    """How each record is read, in the order in which people write them."""
    from modelkeel.data.contract import load_contract

    governance = project.governance_dir
    yield project.root / "charter.toml", lambda: project.charter
    yield project.root / "params.yaml", lambda: project.params
    yield governance / "system.toml", lambda: project.system
    yield governance / "gates.toml", lambda: project.gates
    yield governance / "risks.toml", lambda: project.risks
    yield governance / "privacy.toml", lambda: project.privacy
    yield governance / "reasons.toml", lambda: project.reasons
    for path in sorted((governance / "approvals").glob("*.toml")):
        yield path, _loader(Approval, path)
    for path in sorted((governance / "incidents").glob("*.toml")):
        yield path, _loader(Incident, path)
    try:
        contract = project.contract_path
    except BadInput:  # params.yaml is broken, as was said above
        return
    yield contract, lambda: load_contract(contract)


R = TypeVar("R", Approval, Incident)


def _loader(record: type[R], path: Path) -> Callable[[], R]:
    return lambda: record.load(path)


def _judge_todos(found: Found, path: Path, record: Any, today: date) -> None:
    """Work that is overdue blocks; work that is due soon is told."""
    if path.suffix != ".toml":
        return
    text = path.read_text(encoding="utf-8")
    for key, todo in todos(record):
        where = f"{path}:{line_of(key.split('.'), text)}: {key}"
        if todo.due < today:
            found.problems.append(f"{where}: overdue since {todo.due} ({todo.owner}): {todo.todo}")
        elif todo.due <= today + _SOON:
            found.warnings.append(f"{where}: due on {todo.due} ({todo.owner}): {todo.todo}")


def _judge_signature(
    found: Found, project: Project, path: Path, approval: Approval, today: date
) -> None:
    """An approval that was changed blocks; one that merely does not count is told."""
    if today > approval.expires:
        return
    flaw = signature_flaw(project, path, approval, today)
    if flaw is not None:
        (found.problems if flaw.tampered else found.warnings).append(flaw.text)


def _judge_files(found: Found, project: Project) -> None:
    """Files that nothing reads, signatures of nothing, and keys that are not one person's."""
    governance = project.governance_dir
    allowed = signers_path(project)
    if allowed.is_file():
        found.problems += signers_problems(allowed)
    files = sorted(path for path in governance.rglob("*") if path.is_file())
    for path in files:
        name = path.relative_to(governance).as_posix()
        if path.name.startswith(".") or path in found.records:
            continue
        if not any(fnmatchcase(name, pattern) for pattern in KNOWN):
            near = nearest(name, [each for each in KNOWN if "*" not in each])
            found.warnings.append(
                f"{path}:1: nothing reads this file" + (f"; did you mean {near}?" if near else "")
            )
        elif path.suffix == ".sig" and not path.with_suffix("").is_file():
            found.warnings.append(f"{path}:1: signs no file: {path.stem} is not there")
