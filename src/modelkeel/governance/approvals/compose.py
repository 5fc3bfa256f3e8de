"""The text of an approval, and the file that it belongs into."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import tomlkit
from pydantic import ValidationError

from modelkeel.errors import BadInput
from modelkeel.governance.approvals.inputs import inputs_of
from modelkeel.governance.approvals.subject import check_role, check_subject, digest_of
from modelkeel.project import Project
from modelkeel.records.approvals import MAX_WAIVER, Approval, Decision, Kind
from modelkeel.records.base import describe

_LASTS = timedelta(days=365)
_RELEASE_LASTS = timedelta(days=90)

_STATEMENTS: dict[Kind, str] = {
    "release": "I looked at the files under inputs and agree to the release of this bundle.",
    "waiver": "I know that {name} does not hold and accept it until this expires.",
    "classification": "I looked at the system record and agree with its classification.",
    "residual_risk": "I looked at the risk record and accept what is left of {name}.",
    "dpia": "I looked at the assessment of the processing and agree with it.",
    "fria": "I looked at the assessment of the impact on fundamental rights and agree with it.",
    "control": "I looked at the charter and agree that its control design treats people by chance.",
    "thresholds": "I looked at the thresholds and agree that runs made before are judged by them.",
    "resume": "I looked at why decisions were stopped and agree that they resume.",
    "manual_check": "I did the check {name} by hand and it holds.",
}


@dataclass(frozen=True)
class Decided:
    """What a person decides; a field that is None is filled in.

    Attributes:
        kind: what is decided.
        name: of the thing: the project for a release, a gate for a waiver, a risk's id.
        email: address of the person.
        role: in which they decide: `owner` or `risk`; of a check by hand any role.
        given: the day.
        decision: `reject` to refuse, or to take an earlier approval back.
        expires: last day it holds; 90 days of a release or waiver, else a year.
        statement: what the person says; a plain sentence.
        digest: of the bundle, or of the thresholds; those that are there.
    """

    kind: Kind
    name: str
    email: str
    role: str
    given: date
    decision: Decision = "approve"
    expires: date | None = None
    statement: str | None = None
    digest: str | None = None


def composed(project: Project, decided: Decided) -> tuple[Path, str]:
    """The file of an approval, which is not there yet, and its text.

    Raises:
        BadInput: there is no such thing to approve, the person does not have the role, a date
            does not fit, or the file is there already.
        Refused: the bundle to release does not verify.
    """
    check_subject(project, decided.kind, decided.name)
    check_role(project, decided.kind, decided.email, decided.role)
    digest = decided.digest or digest_of(project, decided.kind)
    path = _path_of(project, decided, digest)
    text = tomlkit.dumps(
        {
            "schema": "approval/1",
            "kind": decided.kind,
            "decision": decided.decision,
            "statement": decided.statement or _said(decided),
            "given": decided.given,
            "expires": decided.expires or decided.given + _lasts(decided.kind),
            "subject": _subject(project, decided, digest),
            "by": {"email": decided.email, "role": decided.role},
            "inputs": inputs_of(project, decided.kind, digest),
        }
    )
    try:
        Approval.model_validate(tomllib.loads(text))
    except ValidationError as error:
        raise BadInput(
            describe(error, path, text, Approval), remedy="give other values for these keys"
        ) from None
    return path, text


def _subject(project: Project, decided: Decided, digest: str | None) -> dict[str, str]:
    subject = {"project": project.name, "name": decided.name}
    return subject | {"digest": digest} if digest else subject


def _lasts(kind: Kind) -> timedelta:
    return {"waiver": MAX_WAIVER, "release": _RELEASE_LASTS}.get(kind, _LASTS)


def _said(decided: Decided) -> str:
    if decided.decision == "reject":
        return f"I do not agree ({decided.kind.replace('_', ' ')} of {decided.name})."
    return _STATEMENTS[decided.kind].format(name=decided.name)


def _path_of(project: Project, decided: Decided, digest: str | None) -> Path:
    """`DATE-KIND-NAME[-DIGEST].toml`; one by another person or role on that day gets a number."""
    slug = re.sub(r"[^a-z0-9]+", "-", decided.name.lower()).strip("-")
    parts = [str(decided.given), decided.kind, slug, *([digest[:12]] if digest else [])]
    folder = project.governance_dir / "approvals"
    stem, number = "-".join(parts), 1
    path = folder / f"{stem}.toml"
    while path.exists():
        if _same(path, decided):
            raise BadInput(
                f"{path}: is there already, and an approval is never overwritten",
                remedy="if it does not hold any more, remove it and its .sig, then approve again",
            )
        number += 1
        path = folder / f"{stem}-{number}.toml"
    return path


def _same(path: Path, decided: Decided) -> bool:
    """Whether a file holds this decision of this person in this role; an unreadable one may."""
    try:
        there = Approval.load(path)
    except BadInput:
        return True
    made = (there.by.email.lower(), there.by.role, there.decision)
    return made == (decided.email.lower(), decided.role, decided.decision)
