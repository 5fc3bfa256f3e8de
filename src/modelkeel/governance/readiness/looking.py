"""Looks at whatever a folder holds, and prints what was found in one of four forms."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console

from modelkeel.errors import BadInput
from modelkeel.governance.gates.gate import STAGES
from modelkeel.governance.readiness.annotations import as_annotations
from modelkeel.governance.readiness.check import Readiness, check
from modelkeel.governance.readiness.foreign import Foreign, look
from modelkeel.governance.readiness.foreign_table import print_foreign
from modelkeel.governance.readiness.record import as_record
from modelkeel.governance.readiness.sarif import as_sarif
from modelkeel.governance.readiness.table import print_table
from modelkeel.project import Project, load_project


def look_at(
    path: Path | None, stages: Sequence[str] | None, key: Path | None, *, quiet: bool
) -> Readiness | Foreign:
    """Run the gates of a project, or look at the files of another repository.

    Args:
        path: a folder; the working directory when left out.
        stages: only gates of these; of all when left out.
        key: private key that will sign, if it is at hand.
        quiet: show no progress.

    Raises:
        BadInput: there is no such folder, or `[tool.modelkeel]` is broken.
    """
    if path is not None and not path.is_dir():
        raise BadInput(f"{path}: no such folder", remedy="name the folder of a repository")
    due = None if stages is None else tuple(each for each in STAGES if each in stages)
    project = _project(path or Path.cwd())
    if project is None:
        return look(path or Path.cwd())
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        return check(project, due, key=key)
    with console.status("looking at the gates") as status:
        return check(
            project,
            due,
            key=key,
            progress=lambda gate, at, of: status.update(f"{gate} ({at} of {of})"),
        )


def _project(folder: Path) -> Project | None:
    """The project that a folder belongs to; None if it is not one of ours."""
    try:
        return load_project(folder)
    except BadInput as error:
        if "is in no modelkeel project" in str(error):
            return None
        raise


def show(found: Readiness | Foreign) -> None:
    """Print the table on stdout."""
    console = Console(highlight=False)
    if isinstance(found, Foreign):
        print_foreign(found, console)
    else:
        print_table(found, console)


def printed(found: Readiness | Foreign, form: Literal["json", "sarif", "github", "table"]) -> str:
    """The answer as text for a machine."""
    if form == "json":
        return json.dumps(found.as_record() if isinstance(found, Foreign) else as_record(found))
    gates = found.as_readiness() if isinstance(found, Foreign) else found
    return json.dumps(as_sarif(gates), indent=2) if form == "sarif" else as_annotations(gates)
