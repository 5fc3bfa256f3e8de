"""Which approvals count: signed by who they name, in time, about what is there now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from modelkeel.errors import BadInput, KeelError
from modelkeel.governance.approvals.inputs import changed_inputs
from modelkeel.governance.approvals.signers import principal_of, read_signers, signers_problems
from modelkeel.governance.approvals.ssh import broken, key_holders, not_from
from modelkeel.governance.approvals.subject import role_problem
from modelkeel.project import Project
from modelkeel.records.approvals import Approval

_CLOCKS = timedelta(days=1)  # east of Greenwich it is tomorrow already


@dataclass(frozen=True)
class Flaw:
    """Why a signature does not hold, and whether somebody changed what was signed."""

    text: str
    tampered: bool = False


def signers_path(project: Project) -> Path:
    """Whose key is whose."""
    return project.governance_dir / "allowed_signers"


def signature_path(path: Path) -> Path:
    """Where the signature of an approval stands: beside it, as `ssh-keygen` has it."""
    return path.with_name(path.name + ".sig")


def read_approvals(project: Project) -> tuple[dict[Path, Approval], list[str]]:
    """The approvals by file, and what is wrong with those that cannot be read."""
    found: dict[Path, Approval] = {}
    problems = []
    for path in sorted((project.governance_dir / "approvals").glob("*.toml")):
        try:
            found[path] = Approval.load(path)
        except BadInput as error:
            problems.append(str(error))
    return found, problems


def valid_approvals(project: Project, today: date) -> list[Approval]:
    """The decisions that hold: signed, in time, about what is there now, and not taken back.

    What cannot be read or verified does not count; `approval_problem` says why.
    """
    held = []
    for path, each in read_approvals(project)[0].items():
        try:
            if _unsound(project, path, each, today) is None:
                held.append(each)
        except KeelError:  # no ssh-keygen, or no system record: nothing can be shown to hold
            continue
    return [each for each in held if each.decision == "reject" or not _taken_back(each, held)]


def approval_problem(
    project: Project, path: Path, approval: Approval, today: date, *, digest: str | None = None
) -> str | None:
    """Why an approval does not count on a day; None if it does.

    Args:
        project: the project.
        path: its file.
        approval: what stands there.
        today: the day.
        digest: of the bundle that it has to be about, if it has to be about one.

    Raises:
        BadInput: the system record, which names the roles, is broken.
        KeelError: there is no ssh-keygen to ask.
    """
    if approval.decision == "reject":
        return f"{path}: {approval.by.email} rejected it on {approval.given}"
    if digest is not None and approval.subject.digest != digest:
        named = approval.subject.digest
        about = f"about {named[:12]}" if named else "about no digest"
        return f"{path}: subject.digest: is {about}, expected {digest[:12]}"
    if problem := _unsound(project, path, approval, today):
        return problem
    if _taken_back(approval, _rejections(project, today)):
        return f"{path}: a later decision rejects it"
    return None


def signature_problem(
    project: Project, path: Path, approval: Approval, today: date | None = None
) -> str | None:
    """Why a signature does not hold on a day; None if it does.

    Raises:
        KeelError: there is no ssh-keygen to ask.
    """
    found = signature_flaw(project, path, approval, today or datetime.now(UTC).date())
    return found.text if found else None


def signature_flaw(project: Project, path: Path, approval: Approval, today: date) -> Flaw | None:
    """The same, and whether what was signed was changed.

    Raises:
        KeelError: there is no ssh-keygen to ask.
    """
    beside = signature_path(path)
    if not beside.is_file():
        return Flaw(f"{beside}: no such file, so nobody signed {path.name}")
    return content_flaw(
        project, path, path.read_bytes(), beside.read_bytes(), approval.by.email, today
    )


def content_flaw(
    project: Project, path: Path, content: bytes, signature: bytes, email: str, today: date
) -> Flaw | None:
    """Why a signature does not show that this person signed these bytes; None if it does.

    Raises:
        KeelError: there is no ssh-keygen to ask.
    """
    allowed = signers_path(project)
    try:
        unclear = signers_problems(allowed)
        principal = principal_of(email, read_signers(allowed))
    except BadInput as error:
        unclear, principal = [f"{error}; it says whose key is whose"], None
    words: str | None = ""
    if principal is not None:
        words = not_from(content, signature, allowed=allowed, principal=principal, day=today)
    if words is None and not unclear:
        return None
    if found := broken(content, signature):
        return Flaw(f"{path}: {found}", tampered=True)
    if unclear:
        return Flaw(unclear[0])
    if principal is None:
        return Flaw(f"{path}: by.email: {email} has no key in {allowed}")
    holders = [each for each in key_holders(signature, allowed=allowed) if each != principal]
    if holders:
        return Flaw(f"{path}: by.email: says {email}, but the key is that of {holders[0]}")
    if not words or "Could not verify" in words:
        words = f"no key that {allowed} gives to {email} made the signature"
    return Flaw(f"{path}: {words}")


def named_approval(project: Project, name: str) -> tuple[Path, Approval] | None:
    """The approval that a record names, by its file or, for the newest of several, KIND-NAME.

    A record that an approval is about can name it by KIND-NAME before it is given, and need not
    be changed when it is renewed.

    Raises:
        BadInput: the newest of them cannot be read.
    """
    folder = project.governance_dir / "approvals"
    stem = Path(name).name.removesuffix(".toml")
    if (exact := folder / f"{stem}.toml").is_file():
        return exact, Approval.load(exact)
    dated = sorted(folder.glob(f"[0-9]*-{stem}.toml")) or sorted(
        folder.glob(f"[0-9]*-{stem}-*.toml")
    )
    return (dated[-1], Approval.load(dated[-1])) if dated else None


def _rejections(project: Project, today: date) -> list[Approval]:
    return [
        each
        for path, each in read_approvals(project)[0].items()
        if each.decision == "reject" and _unsound(project, path, each, today) is None
    ]


def decision_problem(project: Project, decision: Approval, today: date) -> str | None:
    """Why a decision of either kind does not hold by itself, signed or not; None if it does.

    Raises:
        BadInput: the system record, which names the roles, is broken.
    """
    if decision.subject.project not in (None, project.name):
        return f"subject.project: is {decision.subject.project}, this is {project.name}"
    if today > decision.expires:
        return f"expires: it ran out on {decision.expires}"
    if decision.given > today + _CLOCKS:
        return f"given: {decision.given} is still to come"
    if problem := role_problem(project.system, decision.kind, decision.by.email, decision.by.role):
        return f"by.role: {problem} (governance/system.toml)"
    if changed := changed_inputs(project, decision.inputs):
        return f"inputs: changed since it was given: {'; '.join(changed)}"
    return None


def _unsound(project: Project, path: Path, decision: Approval, today: date) -> str | None:
    """The same, and why its signature does not hold."""
    if problem := decision_problem(project, decision, today):
        return f"{path}: {problem}"
    return signature_problem(project, path, decision, today)


def _taken_back(approval: Approval, decisions: list[Approval]) -> bool:
    """Whether somebody rejected the same thing on the same day or later."""
    subject = approval.subject
    return any(
        each.decision == "reject"
        and (each.kind, each.subject.name) == (approval.kind, subject.name)
        and each.subject.digest in (None, subject.digest)
        and each.given >= approval.given
        for each in decisions
    )
