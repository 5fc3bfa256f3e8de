"""Approvals with real keys: what counts, what does not, and what is said of it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from signing import Person, add, allow, edit, person, write

from modelkeel.data.digest import sha256_file
from modelkeel.errors import BadInput, KeelError, Refused
from modelkeel.governance.approvals import (
    approval_problem,
    approval_text,
    approve,
    draft,
    named_approval,
    sign,
    signature_problem,
    valid_approvals,
)
from modelkeel.governance.approvals.subject import check_subject
from modelkeel.governance.gates import Case
from modelkeel.project import Project
from modelkeel.records.approvals import Approval, Kind

TODAY = date(2026, 11, 24)
OWNER, RISK = "owner@bank.example", "risk@bank.example"


@pytest.fixture
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def owner(keys: Path) -> Person:
    return person(keys, OWNER)


@pytest.fixture
def risk(keys: Path) -> Person:
    return person(keys, RISK)


@pytest.fixture
def team(project: Project, owner: Person, risk: Person) -> Project:
    """A project whose owner and risk officer may sign."""
    allow(project, owner, risk)
    return add(project, "governance/system.toml", f'[roles]\nrisk = ["{RISK}"]\n')


def waived(project: Project, by: Person, role: str = "owner", today: date = TODAY) -> Path:
    return approve(project, "waiver", "G-BASE", email=by.email, role=role, key=by.key, today=today)


def rejected(project: Project, by: Person) -> Path:
    who, name = by.email, "G-BASE"
    return approve(
        *(project, "waiver", name),
        email=who,
        role="risk",
        key=by.key,
        decision="reject",
        today=TODAY,
    )


def problem(project: Project, path: Path, today: date = TODAY, **rest: str) -> str:
    found = approval_problem(project, path, Approval.load(path), today, **rest)
    assert found is not None
    assert not any(each in valid_approvals(project, today) for each in [Approval.load(path)])
    return found


def test_a_signed_approval_counts(team: Project, owner: Person) -> None:
    path = waived(team, owner)
    assert path.name == "2026-11-24-waiver-g-base.toml"
    given = Approval.load(path)
    assert valid_approvals(team, TODAY) == [given]
    assert approval_problem(team, path, given, TODAY) is None
    assert given.expires == TODAY + timedelta(days=90)
    assert given.inputs == {
        "governance/gates.toml": sha256_file(team.root / "governance/gates.toml")
    }


def test_a_draft_is_signed_later(team: Project, owner: Person) -> None:
    path = draft(team, "waiver", "G-BASE", OWNER, "owner", today=TODAY)
    assert "no such file, so nobody signed" in problem(team, path)
    sign(path, owner.key)
    assert valid_approvals(team, TODAY) == [Approval.load(path)]


def test_what_ssh_keygen_signs_counts_too(team: Project, owner: Person) -> None:
    path = draft(team, "waiver", "G-BASE", OWNER, "owner", today=TODAY)
    command = ["ssh-keygen", "-Y", "sign", "-n", "governance", "-f", str(owner.key), str(path)]
    subprocess.run(command, check=True, capture_output=True)
    assert signature_problem(team, path, Approval.load(path), TODAY) is None


def test_without_ssh_keygen(
    team: Project, owner: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = waived(team, owner)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KeelError, match="ssh-keygen is not on this machine") as found:
        signature_problem(team, path, Approval.load(path), TODAY)
    assert "OpenSSH" in found.value.remedy
    assert valid_approvals(team, TODAY) == []


def test_without_allowed_signers(team: Project, owner: Person) -> None:
    path = waived(team, owner)
    (team.governance_dir / "allowed_signers").unlink()
    assert "allowed_signers: cannot be read: No such file" in problem(team, path)


def test_a_signer_whom_nobody_allowed(team: Project, owner: Person, risk: Person) -> None:
    path = waived(team, owner)
    allow(team, risk)
    assert f"{OWNER} has no key in" in problem(team, path)


def test_the_key_of_somebody_else(team: Project, risk: Person) -> None:
    path = draft(team, "waiver", "G-BASE", OWNER, "owner", today=TODAY)
    sign(path, risk.key)
    assert f"says {OWNER}, but the key is that of {RISK}" in problem(team, path)


def test_a_key_that_nobody_has(team: Project, keys: Path) -> None:
    path = draft(team, "waiver", "G-BASE", OWNER, "owner", today=TODAY)
    sign(path, person(keys, "stranger@bank.example").key)
    assert f"gives to {OWNER} made the signature" in problem(team, path)


def test_edited_after_it_was_signed(team: Project, owner: Person) -> None:
    path = waived(team, owner)
    path.write_text(path.read_text().replace("2027-02-22", "2027-02-21"))
    assert "was edited after it was signed" in problem(team, path)


def test_a_signature_for_another_purpose(team: Project, owner: Person) -> None:
    path = draft(team, "waiver", "G-BASE", OWNER, "owner", today=TODAY)
    command = ["ssh-keygen", "-Y", "sign", "-n", "git", "-f", str(owner.key), str(path)]
    subprocess.run(command, check=True, capture_output=True)
    assert "for another purpose" in problem(team, path)


def test_a_signature_that_is_none(team: Project) -> None:
    path = draft(team, "waiver", "G-BASE", OWNER, "owner", today=TODAY)
    path.with_name(path.name + ".sig").write_text("hello")
    assert "the signature cannot be read" in problem(team, path)


@pytest.mark.parametrize(("days", "said"), [(91, "it ran out on"), (-2, "is still to come")])
def test_out_of_time(team: Project, owner: Person, days: int, said: str) -> None:
    assert said in problem(team, waived(team, owner), TODAY + timedelta(days=days))


def test_the_last_day_counts(team: Project, owner: Person) -> None:
    waived(team, owner)
    assert valid_approvals(team, TODAY + timedelta(days=90))


def test_a_decision_against(team: Project, risk: Person) -> None:
    path = rejected(team, risk)
    found = approval_problem(team, path, Approval.load(path), TODAY)
    assert found is not None
    assert f"{RISK} rejected it" in found


def test_an_approval_that_somebody_takes_back(team: Project, owner: Person, risk: Person) -> None:
    path = waived(team, owner)
    rejected(team, risk)
    assert "a later decision rejects it" in problem(team, path)


def test_another_bundle(case: Case, owner: Person) -> None:
    allow(case.project, owner)
    path = approve(
        case.project, "release", "credit", email=OWNER, role="owner", key=owner.key, today=TODAY
    )
    assert case.bundle.digest[:12] in path.name
    given = Approval.load(path)
    assert approval_problem(case.project, path, given, TODAY, digest=case.bundle.digest) is None
    found = approval_problem(case.project, path, given, TODAY, digest="0" * 64)
    assert found is not None
    assert f"is about {case.bundle.digest[:12]}, expected 000000000000" in found


def test_a_release_lists_what_there_is_to_look_at(case: Case) -> None:
    evidence = case.project.evidence_dir / case.bundle.digest[:12] / "bom.json"
    for path in (evidence, case.project.documents_dir / "model-card.md"):
        path.parent.mkdir(parents=True)
        path.write_text("{}")
    inputs = Approval.load(draft(case.project, "release", "credit", OWNER, "owner")).inputs
    assert set(inputs) == {
        "charter.toml",
        "governance/gates.toml",
        "governance/system.toml",
        "docs/governance/model-card.md",
        "reports/evaluation.json",
        "reports/quality.json",
        "reports/data_checks.json",
        f"evidence/{case.bundle.digest[:12]}/bom.json",
    }


def test_an_input_that_changed_since(team: Project, owner: Person) -> None:
    path = waived(team, owner)
    changed = edit(team, "governance/gates.toml", "min_uplift = 0.0", "min_uplift = -1.0")
    assert "inputs: changed since it was given: governance/gates.toml is" in problem(changed, path)
    (team.governance_dir / "gates.toml").unlink()
    assert "governance/gates.toml is gone" in problem(team, path)


@pytest.mark.parametrize("name", ["/etc/hostname", "../secret"])
def test_an_input_outside_the_project_is_not_read(team: Project, owner: Person, name: str) -> None:
    path = draft(team, "waiver", "G-BASE", OWNER, "owner", today=TODAY)
    text = path.read_text()
    path.write_text(text.replace('"governance/gates.toml"', f'"{name}"'))
    sign(path, owner.key)
    assert f"{name} lies outside the project" in problem(team, path)


def test_an_approval_copied_from_another_project(team: Project, owner: Person) -> None:
    path = waived(team, owner)
    other = edit(team, "pyproject.toml", 'name = "credit"', 'name = "debit"')
    assert "subject.project: is credit, this is debit" in problem(other, path)


def test_what_machines_write_may_be_written_again(case: Case, owner: Person) -> None:
    """A promotion assesses the bundle anew, and documents show the approvals."""
    allow(case.project, owner)
    evidence = case.project.evidence_dir / case.bundle.digest[:12] / "provenance.json"
    written = [evidence, case.project.documents_dir / "model-card.md"]
    for each in written:
        each.parent.mkdir(parents=True)
        each.write_text("{}")
    path = approve(
        case.project, "release", "credit", email=OWNER, role="owner", key=owner.key, today=TODAY
    )
    for each in written:
        each.write_text('{"written": "again"}')
    assert approval_problem(case.project, path, Approval.load(path), TODAY) is None


def test_a_role_that_the_person_does_not_have(team: Project, owner: Person) -> None:
    with pytest.raises(BadInput, match=f"{OWNER} does not have the role risk"):
        waived(team, owner, "risk")
    path = draft(team, "waiver", "G-BASE", OWNER, "owner", today=TODAY)
    path.write_text(path.read_text().replace('role = "owner"', 'role = "risk"'))
    sign(path, owner.key)
    assert f"by.role: {OWNER} does not have the role risk" in problem(team, path)


def test_a_key_that_asks_for_a_passphrase(team: Project, keys: Path) -> None:
    locked = person(keys, "locked@bank.example", passphrase="secret")
    path = draft(team, "waiver", "G-BASE", OWNER, "owner", today=TODAY)
    begun = time.monotonic()
    with pytest.raises(BadInput, match="locked by a passphrase") as found:
        sign(path, locked.key)
    assert time.monotonic() - begun < 10
    assert f"ssh-add {locked.key}" in found.value.remedy
    assert not path.with_name(path.name + ".sig").exists()


@pytest.fixture
def agent(keys: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    socket = keys / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL) as own:
        for _ in range(600):
            if socket.exists():
                break
            time.sleep(0.05)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        yield
        own.terminate()


@pytest.mark.usefixtures("agent")
def test_a_key_that_the_agent_holds(team: Project, owner: Person) -> None:
    subprocess.run(["ssh-add", "-q", str(owner.key)], check=True, stdin=subprocess.DEVNULL)
    public = owner.key.with_suffix(".pub")
    owner.key.unlink()
    path = waived(team, Person(OWNER, public))
    assert valid_approvals(team, TODAY) == [Approval.load(path)]


def test_keys_that_sign_nothing(
    team: Project, owner: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    path = draft(team, "waiver", "G-BASE", OWNER, "owner", today=TODAY)
    with pytest.raises(BadInput, match="no such key"):
        sign(path, owner.key.with_name("absent"))
    with pytest.raises(BadInput, match="is no SSH key"):
        sign(path, team.root / "charter.toml")
    hidden = owner.key.rename(owner.key.with_name("elsewhere"))
    with pytest.raises(BadInput, match="does not hold its private half"):
        sign(path, owner.key.with_suffix(".pub"))
    if os.name == "posix":
        hidden.chmod(0o644)
        with pytest.raises(BadInput, match="can be read by others"):
            sign(path, hidden)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ('namespaces="git"', "not permitted for use in signature namespace"),
        ('valid-before="20261123"', "key has expired"),
        ('valid-after="20261126"', "key is not yet valid"),
    ],
)
def test_a_key_that_is_restricted(team: Project, owner: Person, options: str, said: str) -> None:
    path = waived(team, owner)
    allow(team, owner, options=options)
    assert said in problem(team, path)


def test_an_address_in_other_letters(team: Project, owner: Person) -> None:
    allow(team, Person("Owner@Bank.example", owner.key))
    waived(team, owner)
    assert len(valid_approvals(team, TODAY)) == 1


@pytest.mark.parametrize("names", ["*@bank.example", "owner@bank.example,other@bank.example"])
def test_keys_that_could_act_as_several(team: Project, owner: Person, names: str) -> None:
    path = waived(team, owner)
    (team.governance_dir / "allowed_signers").write_text(f"{names} {owner.public}\n")
    assert any(said in problem(team, path) for said in ("names nobody", "is also that of"))


def test_an_approval_is_never_overwritten(team: Project, owner: Person, risk: Person) -> None:
    waived(team, owner)
    with pytest.raises(BadInput, match="is there already"):
        waived(team, owner)
    assert waived(team, risk, "risk").name == "2026-11-24-waiver-g-base-2.toml"


def test_nothing_is_left_of_a_refused_approval(team: Project, owner: Person, keys: Path) -> None:
    folder = team.governance_dir / "approvals"
    stranger = person(keys, "stranger@bank.example")
    with pytest.raises(Refused) as found:
        waived(team, Person(OWNER, stranger.key))
    line = f'{OWNER} namespaces="governance" {stranger.public}'
    assert line in found.value.remedy
    with pytest.raises(BadInput, match="no such key"):
        waived(team, Person(OWNER, keys / "absent"))
    assert not folder.exists() or not list(folder.iterdir())
    add(team, "governance/allowed_signers", "")
    (team.governance_dir / "allowed_signers").write_text(line + "\n")
    waived(team, Person(OWNER, stranger.key))
    assert len(valid_approvals(team, TODAY)) == 1


@pytest.mark.parametrize(
    ("kind", "name", "role", "said"),
    [
        ("waiver", "G-BAS", "owner", "'G-BAS' is no gate"),
        ("waiver", "G-GOLDEN", "owner", "nobody can waive this gate"),
        ("thresholds", "gates", "owner", "'gates' is no file of thresholds"),
        ("waivr", "G-BASE", "owner", "'waivr' is no kind of approval"),
        ("release", "debit", "owner", "'debit' is no project"),
        ("release", "credit", "owner", "nothing to release"),
        ("dpia", "credit", "owner", "nothing to approve"),
        ("waiver", "G-BASE", "risks", "did you mean 'risk'"),
        ("waiver", "G-BASE", "software", "decides nothing of the kind waiver"),
    ],
)
def test_what_cannot_be_approved(team: Project, kind: str, name: str, role: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as found:
        draft(team, kind, name, OWNER, role)  # type: ignore[arg-type]
    assert found.value.remedy
    assert not (team.governance_dir / "approvals").exists()


KILL = '[[kill]]\nid = "loss"\nwindow_days = 90\n'


@pytest.mark.parametrize(
    ("kind", "name", "wrong", "possible"),
    [
        ("dpia", "credit", "credits", "credit"),
        ("fria", "credit", "debit", "credit"),
        ("control", "charter", "credit", "charter"),
        ("resume", "loss", "losses", "loss"),
        ("manual_check", "MTS D2", "D2", "MTS D1, MTS D2, MTS D3"),
    ],
)
def test_a_name_that_nothing_looks_up_is_refused(
    team: Project, kind: Kind, name: str, wrong: str, possible: str
) -> None:
    sound = add(team, "charter.toml", KILL)
    check_subject(sound, kind, name)
    with pytest.raises(BadInput, match=f"'{wrong}' is no ") as found:
        check_subject(sound, kind, wrong)
    assert f"choose among: {possible}" in found.value.remedy


def test_nothing_to_resume(team: Project) -> None:
    with pytest.raises(BadInput, match="is no kill criterion") as found:
        check_subject(team, "resume", "loss")
    assert found.value.remedy == "there is none"


@pytest.mark.parametrize("name", ["CVE-2026-1234", "GHSA-9v9h-cgj8-h64p", "PYSEC-2026-12"])
def test_one_vulnerability_can_be_waived(team: Project, owner: Person, name: str) -> None:
    approve(team, "waiver", name, email=OWNER, role="owner", key=owner.key, today=TODAY)
    assert [each.subject.name for each in valid_approvals(team, TODAY)] == [name]


def test_a_waiver_lasts_ninety_days(team: Project) -> None:
    with pytest.raises(BadInput, match="at most 90 days"):
        draft(
            *(team, "waiver", "G-BASE", OWNER, "owner"),
            expires=TODAY + timedelta(days=91),
            today=TODAY,
        )


def test_thresholds_are_named_by_their_digest(team: Project) -> None:
    given = Approval.load(draft(team, "thresholds", "gates.toml", OWNER, "owner"))
    assert given.subject.digest == sha256_file(team.governance_dir / "gates.toml")


def test_text_with_quotes_and_lines_stays_as_it_is(team: Project) -> None:
    said = 'He said "no", then \\ and\nanother line with é'
    path = draft(team, "waiver", "G-BASE", OWNER, "owner", statement=said)
    assert Approval.load(path).statement == said


def test_the_text_says_what_is_approved(team: Project, owner: Person) -> None:
    text = approval_text(Approval.load(waived(team, owner)))
    assert text.splitlines()[:3] == [
        "approve   waiver of G-BASE",
        f"by        {OWNER}, as owner",
        "from      2026-11-24 until 2027-02-22",
    ]
    assert "looked at 1 file\n" in text
    assert "governance/gates.toml" in text


def test_records_name_approvals_with_or_without_the_day(team: Project, owner: Person) -> None:
    first, second = waived(team, owner), waived(team, owner, today=TODAY + timedelta(days=1))
    for name, expected in (
        ("waiver-g-base", second),
        ("2026-11-24-waiver-g-base", first),
        ("governance/approvals/2026-11-24-waiver-g-base.toml", first),
    ):
        found = named_approval(team, name)
        assert found is not None
        assert found[0] == expected
    assert named_approval(team, "waiver-g-bas") is None


def test_one_broken_approval_does_not_hide_the_others(team: Project, owner: Person) -> None:
    waived(team, owner)
    write(team, "governance/approvals/2026-11-24-broken.toml", "schema: approval/1\n")
    assert len(valid_approvals(team, TODAY)) == 1


def test_the_day_is_that_of_greenwich(team: Project) -> None:
    given = Approval.load(draft(team, "waiver", "G-BASE", OWNER, "owner")).given
    assert given == datetime.now(UTC).date()
