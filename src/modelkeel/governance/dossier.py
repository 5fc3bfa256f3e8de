"""`keel model show`: all that is known of one version, from the registry and from evidence/."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from modelkeel.errors import BadInput, KeelError
from modelkeel.governance.approvals import signature_problem
from modelkeel.governance.evidence.statements import read_statement
from modelkeel.governance.gates.gate import NotMeasured
from modelkeel.model import registry
from modelkeel.model.champion import folder_of
from modelkeel.model.keys import public_key_path
from modelkeel.model.summary import read_summary, summary_path
from modelkeel.model.switch import standing
from modelkeel.model.training_log import DATA_TAG
from modelkeel.project import Project

_LINEAGE = {
    "code commit": "mlflow.source.git.commit",
    "uncommitted changes": "git.dirty",
    "charter": "charter.sha256",
    "parameters": "params.sha256",
    "contract": "contract.sha256",
    "modelkeel": "modelkeel.version",
}


@dataclass(frozen=True)
class Dossier:
    """A version.

    Attributes:
        version: in the registry.
        serves: whether it is the champion here.
        lineage: what it was made from; digests are SHA-256.
        gates: outcome by id, as the last promotion found it; empty if none was tried.
        trial: whether only the gates of a trial were asked.
        summary: the verification summary, in words.
        approvals: of its release, in words.
        history: lines of the promotions that concern it.
    """

    version: registry.Version
    serves: bool
    lineage: Mapping[str, str]
    gates: Mapping[str, str] = field(default_factory=dict)
    trial: bool = False
    summary: str = ""
    approvals: tuple[str, ...] = ()
    history: tuple[str, ...] = ()

    def to_text(self) -> str:
        """A sheet of names and values."""
        v = self.version
        lines = [
            f"{v.name} version {v.version}" + (" serves here" if self.serves else ""),
            *_row("aliases", [", ".join(v.aliases) or "none"]),
            *_row("registered", [v.created]),
            *_row("digest", [v.digest]),
            *_row("run", [v.run_id]),
        ]
        for name, value in self.lineage.items():
            lines += _row(name, [value])
        lines += _row("gates", _gates(self.gates, self.trial))
        lines += _row("summary", [self.summary])
        lines += _row("approval", list(self.approvals) or ["none for this digest"])
        lines += _row("history", list(self.history) or ["never champion"])
        return "\n".join(lines)

    def to_json(self) -> str:
        """The same as JSON."""
        return json.dumps(asdict(self))


def show_version(project: Project, number: str | None = None) -> Dossier:
    """All that is known of a version.

    Args:
        project: the project.
        number: its number; the champion's, or else the newest, when left out.

    Raises:
        BadInput: there is no such version.
        KeelError: the registry cannot be reached.
    """
    serving = standing(project)
    digest = serving.champion.digest if serving.champion else None
    version = _pick(project, registry.list_versions(project), number, digest)
    statement = _gates_of(project, version.digest)
    return Dossier(
        version=version,
        serves=version.digest == digest,
        lineage=_lineage(project, version),
        gates={each["id"]: each["outcome"] for each in statement.get("measured", [])},
        trial=bool(statement.get("trial")),
        summary=_summary(project, version.digest),
        approvals=_approvals(project, version.digest),
        history=tuple(
            f"{each.time[:19].replace('T', ' ')} {each.kind} by {each.by}: {each.reason}"
            for each in serving.history
            if each.digest == version.digest
        ),
    )


def _pick(
    project: Project, versions: list[registry.Version], number: str | None, digest: str | None
) -> registry.Version:
    if not versions:
        raise BadInput(
            f"no version of {project.name} is registered", remedy="run `uv run keel model promote`"
        )
    if number is None:
        return next((each for each in versions if each.digest == digest), versions[0])
    found = next((each for each in versions if each.version == number), None)
    if found is None:
        there = ", ".join(each.version for each in versions[:10])
        raise BadInput(
            f"there is no version {number!r} of {project.name}", remedy=f"give one of {there}"
        )
    return found


def _lineage(project: Project, version: registry.Version) -> dict[str, str]:
    try:
        tags = registry.run_tags(project, version.run_id)
    except KeelError as error:
        return {"lineage": f"not known: {error}"}
    found = {name: tags[tag] for name, tag in _LINEAGE.items() if tags.get(tag)}
    data = {
        f"data {name.removeprefix(DATA_TAG)}": value
        for name, value in sorted(tags.items())
        if name.startswith(DATA_TAG)
    }
    return {**found, **data}


def _gates_of(project: Project, digest: str) -> dict[str, Any]:
    try:
        return read_statement(project, digest, "gates")
    except (NotMeasured, KeelError):
        return {}


def _summary(project: Project, digest: str) -> str:
    path = summary_path(project.models_dir / folder_of(digest))
    if not path.is_file():
        return "none here"
    public = public_key_path(project)
    try:
        found, signed = read_summary(path, public if public.is_file() else None)
    except KeelError as error:
        return f"does not verify: {error}"
    what = "trial" if found.trial else f"tier {found.tier}"
    how = "signed" if signed else "not signed"
    return f"{found.verdict}, {what}, {how}, {found.verified_at:%Y-%m-%d %H:%M} UTC"


def _approvals(project: Project, digest: str) -> tuple[str, ...]:
    today = datetime.now(UTC).date()
    told = []
    for path, each in project.approvals.items():
        if each.kind != "release" or each.subject.digest != digest:
            continue
        state = f"until {each.expires}" if today <= each.expires else f"expired on {each.expires}"
        problem = signature_problem(project, path, each)
        signed = f"signature does not hold: {problem}" if problem else "signed"
        told.append(f"{each.decision} by {each.by.email} ({each.by.role}), {state}, {signed}")
    return tuple(told)


def _gates(gates: Mapping[str, str], trial: bool) -> list[str]:
    if not gates:
        return ["not asked yet"]
    by: dict[str, list[str]] = {}
    for gate, outcome in gates.items():
        by.setdefault(outcome.replace("_", " "), []).append(gate)
    lines = [f"{outcome}: {', '.join(names)}" for outcome, names in by.items()]
    return [f"{lines[0]} (those of a trial)" if trial else lines[0], *lines[1:]]


def _row(name: str, values: list[str]) -> list[str]:
    lines = [f"  {name:<20} {values[0]}"]
    return lines + [f"  {'':<20} {value}" for value in values[1:]]
