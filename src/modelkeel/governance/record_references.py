"""What records name in each other: gates, guardrails, features, actions, approvals, evidence."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from modelkeel.errors import KeelError
from modelkeel.governance.approvals import approval_problem, named_approval
from modelkeel.governance.approvals.subject import ADVISORY, role_problem
from modelkeel.governance.open_answers import evidence_problem
from modelkeel.project import Project
from modelkeel.records.answer import Evidence, deferred
from modelkeel.records.approvals import Approval, Kind
from modelkeel.records.base import line_of
from modelkeel.records.charter import Charter
from modelkeel.records.gates import Gates
from modelkeel.records.keys import nearest
from modelkeel.records.params import Params
from modelkeel.records.privacy import Privacy
from modelkeel.records.reasons import Reasons
from modelkeel.records.risks import Residual, Risks
from modelkeel.records.system import System

Problem = tuple[Path, str, str]
"""File, dotted key, and what is wrong."""


def dangling(project: Project, records: Mapping[Path, Any], today: date) -> list[str]:
    """References to what is not there, one `file:line: key: problem` each.

    Args:
        project: the project.
        records: those that could be read, by file; one that could not is not judged.
        today: the day to judge approvals by.
    """
    by_type = {type(record): (path, record) for path, record in records.items()}
    problems = [
        *_of_risks(by_type),
        *_of_reasons(by_type),
        *_of_gates(by_type),
        *_of_approvals(by_type, records),
        *_of_evidence(project, records),
        *_of_named(project, by_type, today),
    ]
    return [_line(*each) for each in problems]


def _line(path: Path, key: str, said: str) -> str:
    text = path.read_text(encoding="utf-8")
    return f"{path}:{line_of(key.split('.'), text)}: {key}: {said}"


def _of_risks(by_type: Mapping[type, tuple[Path, Any]]) -> Iterator[Problem]:
    """Gates and guardrails that are to hold a risk down."""
    from modelkeel.governance.gates import GATES

    if Risks not in by_type:
        return
    path, risks = by_type[Risks]
    gates = [gate.id for gate in GATES]
    charter = by_type[Charter][1] if Charter in by_type else None
    for number, risk in enumerate(risks.risk):
        for place, measure in enumerate(risk.measures):
            key = f"risk.{number}.measures.{place}"
            if measure.gate is not None and measure.gate not in gates:
                yield path, f"{key}.gate", _unknown("gate", measure.gate, gates)
            if measure.guardrail is not None and charter is not None:
                rails = [each.id for each in charter.guardrail]
                if measure.guardrail not in rails:
                    said = _unknown("guardrail of charter.toml", measure.guardrail, rails)
                    yield path, f"{key}.guardrail", said


def _of_reasons(by_type: Mapping[type, tuple[Path, Any]]) -> Iterator[Problem]:
    """Features that a reason stands for, and the action that it explains."""
    if Reasons not in by_type:
        return
    path, reasons = by_type[Reasons]
    if Params in by_type:
        features = by_type[Params][1].features.names
        for number, reason in enumerate(reasons.reason):
            for name in reason.features:
                if name not in features:
                    said = _unknown("feature of params.yaml", name, features)
                    yield path, f"reason.{number}.features", said
    if Charter in by_type:
        actions = by_type[Charter][1].decision.actions
        if reasons.adverse not in actions:
            yield path, "adverse", _unknown("action of charter.toml", reasons.adverse, actions)


def _of_gates(by_type: Mapping[type, tuple[Path, Any]]) -> Iterator[Problem]:
    """The action that fairness counts."""
    if Gates not in by_type or Charter not in by_type:
        return
    path, gates = by_type[Gates]
    actions = by_type[Charter][1].decision.actions
    favourable = gates.fairness.favourable
    if favourable is not None and favourable not in actions:
        yield path, "fairness.favourable", _unknown("action of charter.toml", favourable, actions)


def _of_approvals(
    by_type: Mapping[type, tuple[Path, Any]], records: Mapping[Path, Any]
) -> Iterator[Problem]:
    """Things that are approved, and roles in which people decide."""
    from modelkeel.governance.gates import GATES

    gates = [gate.id for gate in GATES]
    for path, record in records.items():
        if not isinstance(record, Approval):
            continue
        name = record.subject.name
        if record.kind == "waiver" and name not in gates and not ADVISORY.fullmatch(name):
            yield path, "subject.name", _unknown("gate", name, gates)
        if System in by_type:
            system = by_type[System][1]
            problem = role_problem(system, record.kind, record.by.email, record.by.role)
            if problem and "no role" in problem:
                yield path, "by.role", problem


def _of_evidence(project: Project, records: Mapping[Path, Any]) -> Iterator[Problem]:
    """Keys of what machines wrote; a file that is not there yet is the gates' business."""
    for path, record in records.items():
        if path.suffix != ".toml":
            continue
        for key, answer in deferred(record):
            if not isinstance(answer, Evidence) or not (project.root / answer.path).is_file():
                continue
            if problem := evidence_problem(project.root, answer):
                yield path, key, problem


def _of_named(
    project: Project, by_type: Mapping[type, tuple[Path, Any]], today: date
) -> Iterator[Problem]:
    """Approvals that records name: there, of the kind, and valid."""
    for path, key, name, kind in _named(by_type):
        try:
            found = named_approval(project, name)
            if found is None:
                yield path, key, f"no approval {name!r} in governance/approvals"
            elif found[1].kind != kind:
                yield path, key, f"{name!r} is of the kind {found[1].kind}, not {kind}"
            elif problem := approval_problem(project, *found, today):
                yield path, key, problem
        except KeelError as error:
            yield path, key, str(error).replace("\n", "; ")


def _named(by_type: Mapping[type, tuple[Path, Any]]) -> Iterator[tuple[Path, str, str, Kind]]:
    if System in by_type:
        path, system = by_type[System]
        if name := system.classification.approval:
            yield path, "classification.approval", name, "classification"
    if Charter in by_type:
        path, charter = by_type[Charter]
        if name := charter.control.approval:
            yield path, "control.approval", name, "control"
    if Privacy in by_type:
        path, privacy = by_type[Privacy]
        if privacy.assessment and (name := privacy.assessment.approval):
            yield path, "assessment.approval", name, "dpia"
    if Risks in by_type:
        path, risks = by_type[Risks]
        for number, risk in enumerate(risks.risk):
            if isinstance(risk.residual, Residual) and (name := risk.residual.approval):
                yield path, f"risk.{number}.residual.approval", name, "residual_risk"


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    near = nearest(name, known)
    return f"{name!r} is no {what}" + (f"; did you mean {near!r}?" if near else "")
