"""Projects of each kind, with records and measurements but no model: documents need none."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modelkeel.data.digest import sha256_file
from modelkeel.governance.obligations.lock import write_lock
from modelkeel.project import Project, load_project

CREDIT = Path(__file__).with_name("credit")
TEMPLATE = Path(__file__).parents[4] / "template"
CLASSIFICATION = "{% if task == 'classification' %}"
PYPROJECT = '[tool.modelkeel]\nname = "credit-risk"\npackage = "credit"\ntask = "classification"\n'
OWNER = "owner@example.com"
TODAY = datetime.now(UTC).date()
SNAPSHOT = {
    "schema": "data/1",
    "digest": "ab" * 32,
    "time": "2026-11-24T02:20:05+00:00",
    "contract": "governance/data/credit_applications.odcs.yaml",
    "contract_sha256": "cd" * 32,
    "inputs": [
        {
            "name": "applications",
            "kind": "csv",
            "location": "data/source/german_credit.csv",
            "rows": 1000,
            "bytes": 51_000,
            "sha256": "ef" * 32,
        }
    ],
    "quality": {"rows": 1000, "quarantined": 0, "share": 0.0},
    "profile": {"rows": 1000, "columns": {}},
}
MINIMAL_SYSTEM = """
schema = "system/1"
[identity]
name = "credit-risk"
purpose = "Sort credit applications for the archive"
owner = "owner@bank.test"
[use]
output_use = "internal"
domain = "none"
personal_data = "none"
jurisdictions = ["EU"]
"""


def again(project: Project) -> Project:
    """The project as it is on disk now."""
    return load_project(project.root)


def edit(project: Project, file: str, old: str, new: str) -> Project:
    """The project with a text in one of its files replaced by another."""
    path = project.root / file
    text = path.read_text(encoding="utf-8")
    assert old in text, old
    path.write_text(text.replace(old, new), encoding="utf-8")
    return again(project)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Project]:
    """Makes the credit example; `system` replaces its system record and drops the others."""

    def made(*, system: str = "", measured: bool = True) -> Project:
        governance = tmp_path / "governance"
        (governance / "data").mkdir(parents=True)
        for name in ("charter.toml", "gates.toml"):
            place = tmp_path if name == "charter.toml" else governance
            shutil.copy(CREDIT / name, place / name)
        shutil.copy(
            TEMPLATE / f"{CLASSIFICATION}params.yaml{{% endif %}}", tmp_path / "params.yaml"
        )
        contract = f"{CLASSIFICATION}credit_applications.odcs.yaml{{% endif %}}"
        to = governance / "data" / "credit_applications.odcs.yaml"
        shutil.copy(TEMPLATE / "governance" / "data" / contract, to)
        (tmp_path / "pyproject.toml").write_text(PYPROJECT)
        if system:
            (governance / "system.toml").write_text(system)
        else:
            for name in ("system", "risks", "privacy", "reasons"):
                shutil.copy(CREDIT / f"{name}.toml", governance / f"{name}.toml")
        if measured:
            shutil.copytree(CREDIT / "reports", tmp_path / "reports")
            kept = tmp_path / "evidence" / "data" / f"{'ab' * 8}.json"
            kept.parent.mkdir(parents=True)
            kept.write_text(json.dumps(SNAPSHOT))
        project = load_project(tmp_path)
        write_lock(project)
        return again(project)

    return made


@pytest.fixture
def credit(make: Callable[..., Project]) -> Project:
    """High tier, credit, with full records and measurements."""
    return make()


@pytest.fixture
def minimal(make: Callable[..., Project]) -> Project:
    """Minimal tier: nobody is concerned."""
    return make(system=MINIMAL_SYSTEM)


_TODO = re.compile(r"\{ todo = .*? \}")
_ANSWERS = {
    "prohibited": "false",
    "days": "1095",
    "protection_officer": '"officer@bank.test"',
    "recipients": '["the branch that decides"]',
    "residual": "{ likelihood = 2, severity = 2 }",
}


def approve(
    project: Project,
    kind: str,
    name: str,
    *,
    decision: str = "approve",
    ago: int = 0,
    days: int = 30,
    signed: bool = True,
    subject: str = "",
    inputs: str = "",
) -> Path:
    """Write a decision that lasts some days and has a signature, if not one of anybody's."""
    folder = project.governance_dir / "approvals"
    folder.mkdir(exist_ok=True)
    given = TODAY - timedelta(days=ago)
    path = folder / f"{given}-{kind}-{name}-{decision}.toml"
    path.write_text(
        f'schema = "approval/1"\nkind = "{kind}"\ndecision = "{decision}"\n'
        'statement = "I looked at it and decided."\n'
        f"given = {given}\nexpires = {given + timedelta(days=days)}\n"
        f'[subject]\nname = "{name}"\n{subject}\n[by]\nemail = "{OWNER}"\nrole = "risk"\n'
        f"[inputs]\n{inputs}\n"
    )
    if signed:
        path.with_name(f"{path.name}.sig").write_text("a signature")
    return path


@pytest.fixture
def complete(credit: Project) -> Project:
    """The credit example once each question is answered and the evidence is there."""
    for path in sorted(credit.governance_dir.glob("*.toml")):
        lines = [_answered(line) for line in path.read_text().splitlines()]
        path.write_text("\n".join(lines) + "\n")
    digest = "12" * 32
    folder = credit.evidence_dir / digest[:12]
    folder.mkdir()
    reports = [{"digest": {"sha256": sha256_file(credit.evaluation_path)}}]
    for name, predicate in (
        ("provenance", {"runDetails": {"byproducts": reports}}),
        ("vulnerabilities", {"found": []}),
    ):
        subject = [{"name": "credit-risk", "digest": {"sha256": digest}}]
        statement = {"subject": subject, "predicate": predicate}
        (folder / f"{name}.json").write_text(json.dumps(statement))
    (folder / "bom.cdx.json").write_text("{}")
    for kind in ("dpia", "fria"):
        approve(credit, kind, "credit-risk")
    write_lock(again(credit))
    return again(credit)


def _answered(line: str) -> str:
    key = line.split(" = ")[0]
    return _TODO.sub(_ANSWERS.get(key, '"It is settled, and written down."'), line)
