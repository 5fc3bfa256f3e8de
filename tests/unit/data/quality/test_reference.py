from __future__ import annotations

import json
import subprocess
import sys

import pytest

from modelkeel.data.quality.history import load
from modelkeel.data.quality.reference import REFERENCE, accept, load_reference
from modelkeel.errors import BadInput, Refused
from modelkeel.project import Project

BY = "ada@bank.example"


@pytest.fixture(autouse=True)
def _a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


def test_a_person_accepts_the_newest_data(project: Project, ingest) -> None:
    ingest()
    path = accept(project, by=f" {BY} ", reason=" looked at each column ")
    assert path == project.root / REFERENCE
    found = load_reference(project)
    assert found is not None
    assert (found.by, found.reason) == (BY, "looked at each column")
    assert found.profile == load(project)[-1].profile
    assert set(json.loads(path.read_text(encoding="utf-8"))) == {
        "schema",
        "digest",
        "contract",
        "by",
        "date",
        "reason",
        "profile",
        "labels",
    }


def test_ci_accepts_nothing(project: Project, ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(Refused, match="only a person"):
        accept(project, by=BY, reason="good")
    assert load_reference(project) is None


@pytest.mark.parametrize(
    ("by", "reason", "said"),
    [
        ("ada", "good", "no e-mail address"),
        ("", "good", "nobody is named"),
        (BY, "  ", "--reason: is empty"),
    ],
)
def test_who_and_why_are_needed(project: Project, ingest, by: str, reason: str, said: str) -> None:
    ingest()
    with pytest.raises(BadInput, match=said):
        accept(project, by=by, reason=reason)


def test_git_names_the_person_at_a_terminal_only(
    project: Project, ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest()
    subprocess.run(["git", "init", "-q", project.root], check=True)
    subprocess.run(["git", "config", "user.email", BY], cwd=project.root, check=True)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(BadInput, match="nobody is named"):
        accept(project, reason="good")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    accept(project, reason="good")
    found = load_reference(project)
    assert found is not None
    assert found.by == BY


def test_nothing_is_accepted_before_something_is_read(project: Project) -> None:
    with pytest.raises(BadInput, match="has no record"):
        accept(project, by=BY, reason="good")


def test_a_broken_reference_is_named(project: Project, ingest) -> None:
    ingest()
    path = accept(project, by=BY, reason="good")
    path.write_text(path.read_text(encoding="utf-8")[:-40], encoding="utf-8")
    with pytest.raises(BadInput, match=r"reference\.json"):
        load_reference(project)


def test_a_reference_of_another_contract_does_not_count(project: Project, ingest) -> None:
    ingest()
    path = accept(project, by=BY, reason="good")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("table.odcs.yaml", "other.odcs.yaml"), encoding="utf-8")
    assert load_reference(project) is None
