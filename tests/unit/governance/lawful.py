"""A project that meets the duties in force, and keys to sign approvals with."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from privacy_record import PRIVACY

from modelkeel.governance.approvals import approve
from modelkeel.governance.gates import GATES, Case, GateResult
from modelkeel.governance.obligations.lock import write_lock
from modelkeel.project import Project, load_project
from modelkeel.records.approvals import Kind

Sign = Callable[..., Path]

NOW = datetime(2026, 11, 24, tzinfo=UTC)
OWNER = "owner@bank.example"
SOUND = (
    '[classification]\nprohibited = false\nreasoning = "Credit decisions; legal looked at it."\n'
)
MINIMAL = [
    ('output_use = "decides_about_people"', 'output_use = "internal"'),
    ('domain = "credit"', 'domain = "none"'),
    ('personal_data = "personal"', 'personal_data = "none"'),
]
DOCUMENTS = ("dpia.md", "ropa.csv", "notice-affected-person.md")


def with_system(project: Project, *changes: tuple[str, str], add: str = "") -> Project:
    path = project.governance_dir / "system.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text + add, encoding="utf-8")
    return load_project(project.root)


def run(name: str, project: Project, now: datetime = NOW) -> GateResult:
    gate = next(each for each in GATES if each.id == name)
    return gate.run(Case(load_project(project.root), now))


@pytest.fixture
def whole(project: Project) -> Project:
    """A credit decision in the EU with all that the duties in force need."""
    sound = with_system(project, add=SOUND)
    (sound.governance_dir / "privacy.toml").write_text(PRIVACY, encoding="utf-8")
    sound.documents_dir.mkdir(parents=True)
    for name in DOCUMENTS:
        (sound.documents_dir / name).write_text("rendered\n", encoding="utf-8")
    write_lock(sound)
    return load_project(sound.root)


@pytest.fixture
def signed(project: Project, tmp_path: Path) -> Sign:
    """Has the owner approve something with a real key."""
    key = tmp_path / "id_owner"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)]
    subprocess.run(command, check=True)
    body = key.with_suffix(".pub").read_text(encoding="utf-8")
    signers = project.governance_dir / "allowed_signers"
    signers.write_text(f'{OWNER} namespaces="governance" {body}', encoding="utf-8")

    def sign(kind: Kind, name: str, role: str = "owner") -> Path:
        return approve(
            load_project(project.root),
            kind,
            name,
            email=OWNER,
            role=role,
            key=key,
            statement="I looked at the record and agree.",
            today=NOW.date(),
        )

    return sign
