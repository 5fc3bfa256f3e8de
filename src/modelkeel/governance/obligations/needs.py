"""Whether a repository holds what a duty needs: parts of records, approvals and documents."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from fnmatch import fnmatch
from typing import Any, Literal

from pydantic import BaseModel

from modelkeel.governance.open_answers import open_answers
from modelkeel.project import Project
from modelkeel.records.answer import Evidence, NotApplicable, Todo
from modelkeel.records.system import System

State = Literal["there", "to_do", "overdue", "missing"]
RECORDS: dict[str, Callable[[Project], BaseModel | None]] = {
    "charter": lambda project: project.charter,
    "system": lambda project: project.system,
    "risks": lambda project: project.risks,
    "privacy": lambda project: project.privacy,
    "gates": lambda project: project.gates,
    "reasons": lambda project: project.reasons,
}


def record_state(project: Project, key: str, today: date) -> State:
    """Whether a part of a record is there, or work that is still to do, or overdue.

    Args:
        project: the project.
        key: `privacy.rights.erasure`; a file alone is all of it.
        today: the day to judge dates by.

    Raises:
        BadInput: the record is broken.
    """
    name, *parts = key.split(".")
    value: Any = RECORDS[name](project)
    for part in parts:
        if isinstance(value, Todo | NotApplicable | Evidence):
            break
        value = getattr(value, part, None)
    if value is None or value in ([], {}, ""):
        return "missing"
    open_work = [each for _, each in open_answers(project.root, value)]
    if any(isinstance(each, Todo) and each.due < today for each in open_work):
        return "overdue"
    return "to_do" if open_work else "there"


def document_state(project: Project, pattern: str) -> State:
    """Whether docs/governance/ has a document of that name, which may hold `*`."""
    return "there" if any(project.documents_dir.glob(pattern)) else "missing"


def document_remedy(system: System, pattern: str) -> str:
    """How to get a document: most are rendered, some have to be written."""
    from modelkeel.governance.documents.which import DOCUMENTS

    names = [each.file for each in DOCUMENTS if each.needed(system)]
    if any(fnmatch(name, pattern) for name in names):
        return "run `uv run keel govern render`"
    return f"write docs/governance/{pattern}"


def where(project: Project, key: str) -> str:
    """The file that a part of a record belongs in, and its key there unless all is missing."""
    name, _, part = key.partition(".")
    file = "charter.toml" if name == "charter" else f"governance/{name}.toml"
    return f"{file}: {part}" if part and RECORDS[name](project) is not None else file
