"""Whether there is such a thing to approve, and whether the person has the role to do so."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import get_args

from modelkeel.data.digest import sha256_file
from modelkeel.errors import BadInput
from modelkeel.project import Project
from modelkeel.records.approvals import Kind
from modelkeel.records.keys import nearest
from modelkeel.records.system import Role, System

ROLES: tuple[str, ...] = ("owner", *get_args(Role))
_THRESHOLDS = ("gates.toml", "governance/gates.toml")
# A waiver may also be for one known vulnerability: CVE-2026-1234, GHSA-…, PYSEC-2026-1.
ADVISORY = re.compile(r"[A-Z]{2,}(-[0-9A-Za-z]+)+")
DECIDING = ("owner", "risk")  # a check done by hand is the only thing that others may state


def check_subject(project: Project, kind: Kind, name: str) -> None:
    """Stop unless there is such a thing.

    Raises:
        BadInput: naming the nearest thing that there is.
    """
    if kind not in get_args(Kind):
        raise _unknown("kind of approval", kind, get_args(Kind))
    if kind == "release" and name != project.name:
        raise BadInput(
            f"{name!r} is no project: this one is {project.name!r}",
            remedy=f"approve the release of {project.name}",
        )
    if kind == "thresholds" and name not in _THRESHOLDS:
        raise _unknown("file of thresholds", name, _THRESHOLDS)
    if kind == "waiver" and not ADVISORY.fullmatch(name):
        from modelkeel.governance.gates import GATES

        ids = {gate.id: gate for gate in GATES}
        if name not in ids:
            raise _unknown("gate", name, ids)
        if not ids[name].waivable:
            raise BadInput(f"{name}: nobody can waive this gate", remedy=ids[name].remedy)
    if kind == "classification":
        from modelkeel.governance.obligations.catalogue import load_catalogue

        names = [project.system.identity.name, *(each.id for each in load_catalogue())]
        if name not in names:
            raise _unknown("system or duty of the catalogue", name, names)
    if kind == "residual_risk" and project.risks is not None:
        ids_of_risks = [each.id for each in project.risks.risk]
        if name not in ids_of_risks:
            raise _unknown("risk of governance/risks.toml", name, ids_of_risks)
    if named := _read_by_gates(project, kind):
        what, names = named
        if name not in names:
            raise _unknown(what, name, names)


def _read_by_gates(project: Project, kind: Kind) -> tuple[str, list[str]] | None:
    """What an approval of a kind is about, and the only names under which it is looked up."""
    if kind in ("dpia", "fria"):
        return "system of governance/system.toml", [project.system.identity.name]
    if kind == "control":
        return "record with a control design", ["charter"]
    if kind == "resume":
        return "kill criterion of charter.toml", [each.id for each in project.charter.kill]
    if kind == "manual_check":
        from modelkeel.governance.readiness.score import SECTIONS

        return "item of the ML Test Score", [
            f"MTS {item.id}" for items in SECTIONS.values() for item in items
        ]
    return None


def check_role(project: Project, kind: Kind, email: str, role: str) -> None:
    """Stop unless a person has a role.

    Raises:
        BadInput: there is no such role, or it is somebody else's.
    """
    if problem := role_problem(project.system, kind, email, role):
        people = ", ".join(_people(project.system, role)) if role in ROLES else ", ".join(ROLES)
        raise BadInput(
            f"{project.governance_dir / 'system.toml'}: roles: {problem}",
            remedy=f"have somebody with the role approve, or name them there; now: {people}",
        )


def role_problem(system: System, kind: Kind, email: str, role: str) -> str | None:
    """Why a person cannot decide in a role; None if they can."""
    if role not in ROLES:
        near = nearest(role, ROLES)
        return f"there is no role {role!r}" + (f"; did you mean {near!r}?" if near else "")
    if kind != "manual_check" and role not in DECIDING:
        return f"the role {role} decides nothing of the kind {kind}; owner and risk do"
    if email.lower() not in (each.lower() for each in _people(system, role)):
        return f"{email} does not have the role {role}"
    return None


def digest_of(project: Project, kind: Kind) -> str | None:
    """The digest that an approval is about when none is given.

    Raises:
        BadInput: there is no bundle to release.
        Refused: the bundle does not verify.
    """
    if kind == "thresholds":
        return sha256_file(project.governance_dir / "gates.toml")
    if kind != "release":
        return None
    from modelkeel.model.manifest import verify

    if not (project.bundle_dir / "manifest.json").is_file():
        raise BadInput(
            f"{project.bundle_dir / 'manifest.json'}: no such file, so there is nothing to release",
            remedy="run `uv run dvc repro`",
        )
    return verify(project.bundle_dir).digest


def _people(system: System, role: str) -> list[str]:
    return [system.identity.owner] if role == "owner" else system.people_of(role)  # type: ignore[arg-type]


def _unknown(what: str, name: str, known: Iterable[str]) -> BadInput:
    near = nearest(name, known)
    meant = f"did you mean {near}? " if near else ""
    possible = ", ".join(known)
    return BadInput(
        f"{name!r} is no {what}",
        remedy=f"{meant}choose among: {possible}" if possible else "there is none",
    )
