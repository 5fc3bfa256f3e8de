"""All that follows from the records is written together, and drift of each is found."""

from __future__ import annotations

import pytest

from modelkeel.errors import Refused
from modelkeel.governance.rendered import refuse_stale, render_all
from modelkeel.project import Project, load_project


def drift(project: Project) -> str:
    """What is said of files that are not current."""
    with pytest.raises(Refused) as refused:
        refuse_stale(load_project(project.root))
    return str(refused.value)


def test_what_was_rendered_is_current(project: Project) -> None:
    render_all(project)
    refuse_stale(load_project(project.root))


def test_schemas_that_somebody_changed(project: Project) -> None:
    render_all(project)
    (project.root / ".schemas/charter.json").write_text("{}")
    (project.root / ".schemas/system.json").unlink()
    said = drift(project)
    assert ".schemas/charter.json: is not that of this version of modelkeel" in said
    assert ".schemas/system.json: is not there" in said
