"""The gates on the repository: CI, tests, secrets."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from modelkeel.governance.gates import Case
from modelkeel.governance.gates.code import CODE_GATES
from modelkeel.governance.gates.gate import GateResult
from modelkeel.project import Project

SHA = "3d3c42e5aac5ba805825da76410c181273ba90b1"
WORKFLOW = f"""
name: ci
on: [push]
permissions: {{}}
jobs:
  code:
    runs-on: ubuntu-24.04
    permissions: {{contents: read}}
    container: python:3.12-slim
    steps:
      - uses: actions/checkout@{SHA} # v7
      - uses: ./.github/actions/own
      - run: echo done
"""
PIPELINE = """
default: {image: "python:3.12-slim"}
code:
  services: [{name: "postgres:17"}]
  script: [!reference [.setup, script], echo done]
"""
OWNERS = "* ada@bank.example\n/governance/ risk@bank.example\n"
BASELINE = {"version": "1.5.0", "plugins_used": [], "results": {}}
JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" tests="2">
<testcase classname="tests.unit.test_a" name="test_one" time="0.1"/>
<testcase classname="tests.unit.test_a" name="test_two" time="0.1"><skipped message="x"/></testcase>
</testsuite></testsuites>
"""


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)


@pytest.fixture
def sound(project: Project) -> Case:
    root = project.root
    write(root, ".github/workflows/ci.yml", WORKFLOW)
    write(root, ".gitlab-ci.yml", PIPELINE)
    write(root, ".github/CODEOWNERS", OWNERS)
    write(root, ".secrets.baseline", json.dumps(BASELINE))
    write(root, "noxfile.py", 'session.run("detect-secrets-hook")\n')
    write(root, "tests/unit/test_a.py", "def test_one():\n    assert True\n")
    write(root, "reports/junit.xml", JUNIT)
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    return Case(project)


def run(case: Case, gate: str) -> GateResult:
    (found,) = [each.run(case) for each in CODE_GATES if each.id == gate]
    return found


@pytest.mark.parametrize("gate", [each.id for each in CODE_GATES])
def test_a_sound_repository_passes(sound: Case, gate: str) -> None:
    assert run(sound, gate).outcome == "pass"


@pytest.mark.turns_red("G-CI")
@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (".github/workflows/ci.yml", SHA, "v7", "ci.yml:11: actions/checkout@v7 is not pinned"),
        (".github/workflows/ci.yml", ":3.12-slim", "", "python is not pinned to a tag"),
        (".github/workflows/ci.yml", ":3.12-slim", ":latest", "python:latest is not pinned"),
        (".github/workflows/ci.yml", "permissions: {}", "", "pass"),
        (".github/workflows/ci.yml", "{contents: read}", "write-all", "lets a job write every"),
        (".gitlab-ci.yml", "postgres:17", "postgres", "postgres is not pinned"),
        (".gitlab-ci.yml", "default:", "include: [{remote: x}]\ndefault:", "from elsewhere"),
        (".github/CODEOWNERS", "/governance/ risk@bank.example", "", "names no reviewer"),
        (".github/CODEOWNERS", "risk@bank.example", "", "names no reviewer"),
    ],
)
def test_ci_that_may_change_or_do_too_much(
    sound: Case, name: str, old: str, new: str, said: str
) -> None:
    path = sound.project.root / name
    path.write_text(path.read_text().replace(old, new, 1))
    found = run(sound, "G-CI")
    if said == "pass":  # each job states its own
        assert found.outcome == "pass"
        return
    assert found.outcome == "fail"
    assert said in found.measured


def test_rights_that_nobody_states(sound: Case) -> None:
    path = sound.project.root / ".github/workflows/ci.yml"
    text = path.read_text().replace("permissions: {}", "").replace("permissions: {con", "env: {con")
    path.write_text(text)
    assert "permissions are not stated" in run(sound, "G-CI").measured


def test_no_ci_and_nobody_to_review(project: Project) -> None:
    found = run(Case(project), "G-CI")
    assert found.outcome == "fail"
    assert "no CODEOWNERS" in found.measured


def test_a_workflow_that_is_no_yaml(sound: Case) -> None:
    write(sound.project.root, ".github/workflows/bad.yml", "jobs: [")
    assert "bad.yml: no valid YAML" in run(sound, "G-CI").measured


@pytest.mark.turns_red("G-TESTS")
def test_a_test_that_failed(sound: Case) -> None:
    report = JUNIT.replace("<skipped", "<failure").replace('name="test_one"', 'name="test_1"')
    write(sound.project.root, "reports/junit.xml", report)
    found = run(sound, "G-TESTS")
    assert (found.outcome, found.measured) == ("fail", "1 of 2 tests passed, 0 skipped")


@pytest.mark.parametrize(
    ("report", "outcome", "said"),
    [
        ("<testsuites/>", "not_assessed", "lacks the tests of tests.unit.test_a"),
        ("<testsuites", "fail", "no test report"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><testsuites/>', "fail", "declares entities"),
        (JUNIT.replace('time="0.1"/>', "><skipped/></testcase>"), "fail", "0 of 2 tests passed"),
        (None, "not_assessed", "no such file"),
    ],
)
def test_a_report_that_says_nothing(
    sound: Case, report: str | None, outcome: str, said: str
) -> None:
    path = sound.project.reports_dir / "junit.xml"
    path.unlink() if report is None else path.write_text(report)
    found = run(sound, "G-TESTS")
    assert found.outcome == outcome
    assert said in found.measured
    assert "nox -s tests" in found.remedy


def test_code_that_changed_after_the_tests(sound: Case) -> None:
    path = sound.project.root / "tests/unit/test_a.py"
    later = (sound.project.reports_dir / "junit.xml").stat().st_mtime + 10
    os.utime(path, (later, later))
    found = run(sound, "G-TESTS")
    assert found.outcome == "not_assessed"
    assert "is older than tests/unit/test_a.py" in found.measured


def test_no_tests_at_all(project: Project) -> None:
    assert run(Case(project), "G-TESTS").outcome == "fail"


@pytest.mark.turns_red("G-SECRETS")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deploy/server.pem", "-----BEGIN PRIVATE KEY-----\nabc\n"),  # pragma: allowlist secret
        ("notes.md", "see\n-----BEGIN OPENSSH PRIVATE KEY-----\n"),  # pragma: allowlist secret
        (".env", "TOKEN=1\n"),
        ("keys/id_ed25519", "x\n"),
    ],
)
def test_a_key_that_was_committed(sound: Case, name: str, text: str) -> None:
    write(sound.project.root, name, text)
    assert run(sound, "G-SECRETS").outcome == "pass"  # it is not committed
    git(sound.project.root, "add", "--force", name)
    found = run(sound, "G-SECRETS")
    assert found.outcome == "fail"
    assert f"{name}: holds a private key" in found.measured


def test_an_example_of_settings_is_no_secret(sound: Case) -> None:
    write(sound.project.root, ".env.example", "TOKEN=\n")
    write(sound.project.root, "model.pub", "-----BEGIN PUBLIC KEY-----\n")
    git(sound.project.root, "add", "--all")
    assert run(sound, "G-SECRETS").outcome == "pass"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (".secrets.baseline", "[]", "no baseline of detect-secrets"),
        (
            ".secrets.baseline",
            '{"results": {"a.py": [{"line_number": 3, "is_secret": true}]}}',
            "a.py:3: a person judged it a secret",
        ),
        ("noxfile.py", "", "is run by neither"),
    ],
)
def test_a_search_that_is_not_in_place(sound: Case, name: str, text: str, said: str) -> None:
    write(sound.project.root, name, text)
    found = run(sound, "G-SECRETS")
    assert found.outcome == "fail"
    assert said in found.measured


def test_outside_git_nothing_is_known(sound: Case, tmp_path: Path) -> None:
    (tmp_path / ".git").rename(tmp_path / "was")
    assert run(sound, "G-SECRETS").outcome == "not_assessed"
