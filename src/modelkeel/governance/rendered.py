"""Every file that follows from the records: written together, and held against them together."""

from __future__ import annotations

from pathlib import Path

from modelkeel.errors import BadInput, Refused
from modelkeel.governance.documents import render, stale
from modelkeel.governance.obligations.lock import lock_problem, write_lock
from modelkeel.governance.roles import owners_problem, update_codeowners
from modelkeel.governance.schemas import schema_problems, write_schemas
from modelkeel.project import Project

RENDER = "run `uv run keel govern render` and commit what it wrote"


def render_all(project: Project) -> list[Path]:
    """Write what follows from the records; the documents last, as they cite the others.

    Raises:
        BadInput: a record is broken.
    """
    owners = update_codeowners(project)
    found = [write_lock(project), *write_schemas(project), *([owners] if owners else [])]
    return [*found, *render(project)]


def refuse_stale(project: Project) -> None:
    """Stop if a rendered file is not what the records say; schemas follow from the library alone.

    Raises:
        BadInput: a record is broken.
        Refused: naming each file that is not current.
    """
    lock = lock_problem(project)
    found = [each for each in (lock, owners_problem(project)) if each]
    found += schema_problems(project)
    try:
        found += stale(project)
    except BadInput:
        if lock is None:  # else it may be the lock that they cannot read, which is named
            raise
    if found:
        listed = "\n".join(f"  {each.replace(f'{project.root}/', '')}" for each in found)
        what = "1 file is" if len(found) == 1 else f"{len(found)} files are"
        raise Refused(f"{what} not as the records have it:\n{listed}", remedy=RENDER)
