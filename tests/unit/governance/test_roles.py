"""CODEOWNERS and responsibilities follow from the roles of the system record."""

from __future__ import annotations

from typing import get_args

import pytest
from signing import add, write

from modelkeel.governance.roles import (
    END,
    START,
    Host,
    codeowners_block,
    responsibilities,
    review_rules,
    update_codeowners,
)
from modelkeel.project import Project
from modelkeel.records.system import Role

OWNER = "owner@bank.example"
RISK = '[roles]\nrisk = ["risk@bank.example", "second@bank.example"]\n'


@pytest.mark.parametrize(("host", "title"), [("github", "# Risk"), ("gitlab", "[Risk]")])
def test_the_block(project: Project, host: Host, title: str) -> None:
    lines = codeowners_block(add(project, "governance/system.toml", RISK), host).splitlines()
    assert (lines[0], lines[-1]) == (START, END)
    assert f"* {OWNER}" in lines
    people = "risk@bank.example second@bank.example"
    own = f"/.{host}/CODEOWNERS {people}"
    assert lines[-4:-1] == [title, f"/governance/ {people}", own]
    assert f"/src/credit/train.py {OWNER}" in lines


def test_every_role_reviews_something(project: Project) -> None:
    assert {each.role for each in review_rules("credit")} == set(get_args(Role))


@pytest.mark.parametrize("place", [".github/CODEOWNERS", ".gitlab/CODEOWNERS"])
def test_only_the_block_is_replaced(project: Project, place: str) -> None:
    before, after = "# ours\n/vendor/ a@b.example\n\n", "\n/deploy/ c@d.example\n"
    old = f"{START}\n* nobody@bank.example\n{END}\n"
    write(project, place, before + old + after)
    changed = add(project, "governance/system.toml", RISK)
    path = update_codeowners(changed)
    assert path == project.root / place
    host: Host = "github" if "github" in place else "gitlab"
    assert path.read_text() == before + codeowners_block(changed, host) + after
    stamp = path.stat().st_mtime_ns
    assert update_codeowners(changed) == path
    assert path.stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    "text", ["* @bank/team\n", f"{START}\n* a@b.example\n", f"{END}\n* a@b.example\n{START}\n", ""]
)
def test_a_file_without_a_block_is_left_alone(project: Project, text: str) -> None:
    write(project, ".github/CODEOWNERS", text)
    assert update_codeowners(project) is None
    assert (project.root / ".github/CODEOWNERS").read_text() == text


def test_no_file(project: Project) -> None:
    assert update_codeowners(project) is None


def test_a_block_at_the_end_without_a_line_end(project: Project) -> None:
    write(project, ".github/CODEOWNERS", f"{START}\n{END}")
    path = update_codeowners(project)
    assert path is not None
    assert path.read_text() == codeowners_block(project).removesuffix("\n")


def test_who_answers_for_what(project: Project) -> None:
    found = responsibilities(add(project, "governance/system.toml", RISK).system)
    areas = {each.area: each for each in found}
    assert {"charter", "data", "model", "release", "monitoring", "incidents"} <= set(areas)
    assert areas["charter"].accountable == ("owner", (OWNER,))
    assert areas["release"].accountable == ("risk", ("risk@bank.example", "second@bank.example"))
    assert areas["model"].consulted[0] == ("domain", (OWNER,))
