import pytest

from modelkeel.data.check import check_source
from modelkeel.errors import BadInput
from modelkeel.project import Project


def test_check_source_reads_and_writes_nothing(project: Project) -> None:
    before = sorted(project.root.rglob("*"))
    found = check_source(project)
    assert (found.rows, found.quarantined) == (40, 0)
    assert sorted(project.root.rglob("*")) == before


def test_a_class_that_never_occurs(project: Project) -> None:
    lines = (project.root / "data/source/table.csv").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("0,")]
    (project.root / "data/source/table.csv").write_text("\n".join(kept) + "\n")
    with pytest.raises(BadInput, match=r"column risk: class '0' \(not repaid\) never occurs"):
        check_source(project)
