"""The lock is reproducible, and says what changed since it was written."""

from __future__ import annotations

import tomllib
from datetime import date

import pytest

from modelkeel.errors import BadInput
from modelkeel.governance.obligations.catalogue import Needs, Obligation, load_catalogue
from modelkeel.governance.obligations.lock import (
    differences,
    lock_of,
    lock_path,
    lock_problem,
    read_lock,
    write_lock,
)
from modelkeel.project import Project, load_project

MINIMAL = ('output_use = "decides_about_people"', 'output_use = "internal"')


def answer(project: Project, *changes: tuple[str, str]) -> Project:
    path = project.governance_dir / "system.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return load_project(project.root)


def problem(project: Project) -> str:
    found = lock_problem(project)
    assert found is not None
    return found


def test_it_is_written_alike_each_time(project: Project) -> None:
    path = write_lock(project)
    first = path.read_bytes()
    assert write_lock(project).read_bytes() == first
    assert b"\r" not in first
    assert lock_problem(project) is None
    assert [file.name for file in path.parent.glob("obligations*")] == ["obligations.lock"]


def test_it_reads_as_it_was_meant(project: Project) -> None:
    found = tomllib.loads(write_lock(project).read_text(encoding="utf-8"))
    assert found["tier"] == "high"
    assert found["tier_reason"] == project.system.tier_reason
    duty = next(each for each in found["duty"] if each["id"] == "GDPR-35")
    assert duty["cite"] == "Reg (EU) 2016/679 Art 35(3)(a), (7), 36"
    assert str(duty["applies_from"]) == "2018-05-25"
    assert duty["records"] == ["privacy.assessment"]
    assert duty["documents"] == ["dpia.md"]
    assert duty["why"] == ["jurisdictions has EU", "people are evaluated from their data"]
    assert read_lock(project) == lock_of(project.system)


def test_a_minimal_project_has_a_short_one(project: Project) -> None:
    changes = (MINIMAL, ('"credit"\npersonal_data = "personal"', '"none"\npersonal_data = "none"'))
    minimal = answer(project, *changes)
    assert len(write_lock(minimal).read_text(encoding="utf-8").splitlines()) < 20
    assert [each.id for each in read_lock(minimal).duty] == ["AIA-4"]


def test_without_one(project: Project) -> None:
    assert "obligations.lock: no such file" in problem(project)


def test_another_answer_shows_what_it_changes(project: Project) -> None:
    write_lock(project)
    found = problem(answer(project, MINIMAL))
    assert "tier high, now minimal" in found
    assert "removed AIA-5, AIA-6, AIA-9" in found
    assert "more" in found


def test_an_edit_by_hand(project: Project) -> None:
    path = write_lock(project)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('documents = ["dpia.md"]\n', ""), encoding="utf-8")
    assert problem(project).endswith("not current: changed GDPR-35 (documents)")
    path.write_text(text + "# mine\n", encoding="utf-8")
    assert problem(project).endswith("not current: it was edited by hand")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"schema: obligations/1\n", "no valid TOML"),
        (b"\xff\xfe", "not UTF-8"),
        (b'schema = "obligations/1"\ntier = "some"\n', "tier"),
    ],
)
def test_a_broken_one(project: Project, text: bytes, said: str) -> None:
    lock_path(project).write_bytes(text)
    assert said in problem(project)
    with pytest.raises(BadInput, match=r"obligations\.lock") as caught:
        read_lock(project)
    assert "govern lock" in caught.value.remedy


def test_line_ends_of_windows_change_nothing(project: Project) -> None:
    path = write_lock(project)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert lock_problem(project) is None


def changed(name: str, **fields: object) -> tuple[Obligation, ...]:
    """The catalogue of a later version of the library, with one entry changed."""
    return tuple(
        each.model_copy(update=fields) if each.id == name else each for each in load_catalogue()
    )


def test_a_library_that_knows_another_law_shows_the_difference(project: Project) -> None:
    old, entries = lock_of(project.system), load_catalogue()
    later = [
        ("added X-1", (*entries, entries[0].model_copy(update={"id": "X-1"}))),
        ("removed AIA-4", entries[1:]),
        ("changed GDPR-17 (status)", changed("GDPR-17", status="pending")),
        ("changed GDPR-17 (documents)", changed("GDPR-17", needs=_more(entries, "GDPR-17"))),
        ("words, sources or notes", changed("GDPR-17", note="Read this again.")),
    ]
    for said, catalogue in later:
        (found,) = differences(old, lock_of(project.system, catalogue))
        assert said in found


def _more(entries: tuple[Obligation, ...], name: str) -> Needs:
    needs = next(each.needs for each in entries if each.id == name)
    return needs.model_copy(update={"documents": ("ropa.csv",)})


def test_a_second_look_without_a_finding_changes_nothing(project: Project) -> None:
    again = changed("GDPR-17", verified_on=date(2027, 6, 1), checked="another page")
    assert lock_of(project.system, again) == lock_of(project.system)


def test_a_change_that_is_about_others_changes_nothing(project: Project) -> None:
    others = changed("HIPAA-164.514", duty="Another sentence about health data.")
    assert lock_of(project.system, others) == lock_of(project.system)
