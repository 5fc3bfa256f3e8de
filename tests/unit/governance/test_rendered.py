"""All that follows from the records is written together, and drift of each is found."""

from __future__ import annotations

import pytest

from modelkeel.errors import BadInput, Refused
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


@pytest.mark.parametrize(
    "content", [b"<<<<<<< HEAD\n", b"# \xff\n", b"duty = 3\n", b'duty = ["a"]\n']
)
def test_a_lock_that_cannot_be_read_is_written_anew(project: Project, content: bytes) -> None:
    render_all(project)
    lock = project.governance_dir / "obligations.lock"
    lock.write_bytes(content)
    assert "governance/obligations.lock" in drift(project)
    render_all(load_project(project.root))
    refuse_stale(load_project(project.root))


def test_a_broken_record_is_bad_input_all_the_same(project: Project) -> None:
    render_all(project)
    (project.root / "charter.toml").write_text("<<<<<<< HEAD\n")
    with pytest.raises(BadInput, match=r"charter\.toml"):
        refuse_stale(load_project(project.root))
