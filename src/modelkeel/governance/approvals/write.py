"""Approvals as they are written: drafted with what is to be looked at, and signed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from modelkeel.errors import Refused
from modelkeel.governance.approvals.compose import Decided, composed
from modelkeel.governance.approvals.ssh import NAMESPACE, sign_bytes
from modelkeel.governance.approvals.valid import content_flaw, signature_path, signers_path
from modelkeel.project import Project
from modelkeel.records.approvals import Approval, Decision, Kind


def draft(
    project: Project,
    kind: Kind,
    name: str,
    by: str,
    role: str,
    expires: date | None = None,
    statement: str | None = None,
    digest: str | None = None,
    *,
    decision: Decision = "approve",
    today: date | None = None,
) -> Path:
    """Write an approval that is still to be signed; `Decided` says what the fields are.

    Raises:
        BadInput: there is no such thing to approve, the person does not have the role, a date
            does not fit, or the file is there already.
        Refused: the bundle to release does not verify.
    """
    given = today or datetime.now(UTC).date()
    decided = Decided(kind, name, by, role, given, decision, expires, statement, digest)
    path, text = composed(project, decided)
    _publish(path, text.encode())
    return path


def sign(path: Path, key: Path) -> Path:
    """Sign an approval; the signature appears beside it, whole, as PATH.sig.

    Args:
        path: the approval.
        key: a private SSH key, or the public half of one that the SSH agent holds.

    Raises:
        BadInput: the approval cannot be read, or the key signs nothing.
        KeelError: ssh-keygen is missing or gives no answer.
    """
    Approval.load(path)
    target = signature_path(path)
    _publish(target, sign_bytes(path.read_bytes(), key))
    return target


def approve(
    project: Project,
    kind: Kind,
    name: str,
    *,
    email: str,
    role: str,
    key: Path,
    expires: date | None = None,
    statement: str | None = None,
    digest: str | None = None,
    decision: Decision = "approve",
    today: date | None = None,
) -> Path:
    """Draft, sign and verify; nothing is left behind unless all of it worked.

    Returns:
        The approval's file; its signature is beside it.

    Raises:
        BadInput: as `draft` and `sign` do.
        Refused: the key is not that of the person in governance/allowed_signers.
        KeelError: ssh-keygen is missing or gives no answer.
    """
    given = today or datetime.now(UTC).date()
    decided = Decided(kind, name, email, role, given, decision, expires, statement, digest)
    path, text = composed(project, decided)
    content = text.encode()
    signature = sign_bytes(content, key)
    if flaw := content_flaw(project, path, content, signature, email, given):
        raise Refused(flaw.text, remedy=_how_to_be_known(project, email, key))
    _publish(signature_path(path), signature)  # first: no unsigned approval is ever there
    _publish(path, content)
    return path


def approval_text(approval: Approval) -> str:
    """What is approved, by whom, until when, on the sight of what."""
    about = approval.subject.name
    if approval.subject.digest:
        about += f" ({approval.subject.digest[:12]})"
    lines = [
        f"{approval.decision:<10}{approval.kind.replace('_', ' ')} of {about}",
        f"by        {approval.by.email}, as {approval.by.role}",
        f"from      {approval.given} until {approval.expires}",
        f'says      "{approval.statement}"',
        f"looked at {len(approval.inputs) or 'no'} file{'s' * (len(approval.inputs) != 1)}",
    ]
    lines += [f"          {digest[:12]}  {name}" for name, digest in approval.inputs.items()]
    return "\n".join(lines)


def _publish(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(content)
    beside.replace(path)


def _how_to_be_known(project: Project, email: str, key: Path) -> str:
    """The line that makes a key known, which somebody else has to agree to."""
    key = key.expanduser()
    public = key if key.suffix == ".pub" else key.with_name(key.name + ".pub")
    try:
        body = " ".join(public.read_text(encoding="utf-8").split()[:2])
    except (OSError, UnicodeDecodeError):
        body = f"CONTENT OF {public.name}"
    return (
        f"sign with the key of {email}, or have this line reviewed and merged into "
        f'{signers_path(project)}: {email} namespaces="{NAMESPACE}" {body}'
    )
