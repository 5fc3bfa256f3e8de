"""Gates on a model's age, on how fast it can be stopped, and on incidents."""

from __future__ import annotations

import json
import subprocess
from datetime import datetime, timedelta
from typing import Any

from modelkeel.errors import BadInput, Refused
from modelkeel.governance.gates.case import Case
from modelkeel.governance.gates.gate import Gate, NotMeasured, Verdict
from modelkeel.governance.gates.moments import age_of, moment_of
from modelkeel.records.approvals import Approval
from modelkeel.records.base import line_of, read_text
from modelkeel.records.incidents import Incident

SOON = timedelta(days=14)  # an approval that runs out within this time is a warning
LATE = 0.8  # of a reporting clock, from where on an incident is a warning
DRILL = "evidence/drills/rollback.json"


def check_age(case: Case) -> Verdict:
    """The model was trained recently enough, and no approval of it has run out."""
    allowed = case.project.gates.freshness.max_model_days
    trained, how = trained_at(case)
    days = age_of(trained, case.now, "the time of training") / timedelta(days=1)
    approvals = _in_force(case)
    today = case.now.date()
    ended = [each for each in approvals if each.expires < today]
    soon = [each for each in approvals if today <= each.expires < today + SOON]
    measured = [f"{how} {max(days, 0):.0f} days ago"]
    measured += [f"{_named(each)} expired on {each.expires}" for each in ended]
    measured += [f"{_named(each)} expires on {each.expires}" for each in soon]
    return Verdict(
        days <= allowed and not ended,
        "; ".join(measured),
        f"at most {allowed} days (gates.toml, freshness.max_model_days), no approval expired",
        warn=bool(soon),
        remedy="have it approved anew: keel approve" if ended and days <= allowed else None,
    )


def trained_at(case: Case) -> tuple[datetime, str]:
    """When the model was trained, and how that is known.

    A bundle of before this was recorded is as old as the commit it was trained from.

    Raises:
        NotMeasured: nothing says when.
    """
    manifest = case.bundle.manifest
    if manifest.trained_at:
        return moment_of(manifest.trained_at, "manifest.json, trained_at"), "trained"
    commit = manifest.code_commit
    if commit:
        done = subprocess.run(
            ["git", "show", "--no-patch", "--format=%cI", commit],
            cwd=case.project.root,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            made = moment_of(done.stdout.strip(), f"commit {commit[:12]}")
            return made, "trained from a commit of"
    raise NotMeasured(
        f"{case.bundle.path}: does not say when it was trained",
        "run `uv run dvc repro --force --single-item train`, then `uv run dvc repro`",
    )


def check_stop(case: Case) -> Verdict:
    """A rollback was practised lately, and was fast enough."""
    oversight = case.project.system.oversight
    if oversight is None:
        raise NotMeasured(
            "governance/system.toml: oversight: no such table",
            "say there who watches the system, and how fast it must stop",
        )
    drill = _drill(case)
    allowed = oversight.max_stop_seconds
    days = min(oversight.drill_every_days, case.project.gates.freshness.max_drill_days)
    age = age_of(drill["time"], case.now, DRILL) / timedelta(days=1)
    seconds = float(drill["seconds"])
    return Verdict(
        seconds <= allowed and age <= days,
        f"{seconds:.1f} s, {max(age, 0):.0f} days ago",
        f"at most {allowed} s (system.toml, oversight.max_stop_seconds), at most {days} days ago",
    )


def check_incidents(case: Case) -> Verdict:
    """No incident is past the time by which the authority must know.

    One that was reported late stands until it is closed, and from then on warns. A time that lies
    in the future is a slip, and no clock runs from it.
    """
    _refuse_ahead(case)
    clocks = [each for each in case.project.incidents.values() if each.deadline is not None]
    late = [each for each in clocks if _used(each, case.now) > 1]
    open_ones = [each for each in clocks if each.reported is None]
    soon = [each for each in open_ones if LATE <= _used(each, case.now) <= 1]
    told = [
        f"{_clock(each)} has passed"
        + (f", it was reported at {each.reported:%Y-%m-%d %H:%M}" if each.reported else "")
        for each in late
    ]
    told += [f"{_clock(each)} comes" for each in soon]
    others = len([each for each in open_ones if each not in late and each not in soon])
    if others or not told:
        told.append(f"{others} with time left" if others else "no report is due")
    settled = all(each.reported and each.closed for each in late)
    return Verdict(
        settled,
        "; ".join(told),
        "each reported before its deadline",
        warn=bool(soon or late),
        remedy="close it once the authority has what it asks: `closed` in the incident's record"
        if late and all(each.reported for each in late)
        else None,
    )


def _refuse_ahead(case: Case) -> None:
    ahead = [
        f"{path}:{line_of([key], read_text(path))}: {key}: lies in the future"
        for path, incident in case.project.incidents.items()
        for key in incident.after(case.now)
    ]
    if ahead:
        raise BadInput("\n".join(ahead), remedy="correct the times named")


def _used(incident: Incident, now: datetime) -> float:
    """The share of the time to report that was taken; above 1 it was too late."""
    assert incident.deadline is not None  # noqa: S101
    return ((incident.reported or now) - incident.known) / (incident.deadline - incident.known)


def _clock(incident: Incident) -> str:
    return f"{incident.id}: the deadline {incident.deadline:%Y-%m-%d %H:%M} UTC"


def _in_force(case: Case) -> list[Approval]:
    """The newest approval of each thing that concerns this bundle; a waiver ends by itself."""
    newest: dict[tuple[str, str], Approval] = {}
    for each in sorted(case.project.approvals.values(), key=lambda each: each.given):
        other = each.subject.digest not in (None, case.bundle.digest)
        if each.kind == "waiver" or (each.kind == "release" and other):
            continue
        newest[each.kind, each.subject.name] = each
    return [each for each in newest.values() if each.decision == "approve"]


def _named(approval: Approval) -> str:
    return f"the approval {approval.kind} of {approval.subject.name}"


def _drill(case: Case) -> dict[str, Any]:
    path = case.project.root / DRILL
    remedy = "practise it: keel model rollback --drill"
    if not path.is_file():
        raise NotMeasured(f"{path}: no such file", remedy)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["schema"] != "drill/1" or not found["seconds"] >= 0:
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise Refused(f"{path}: is no record of a drill", remedy=remedy) from None
    return dict(found)


OPERATION_GATES = (
    Gate(
        "G-AGE",
        "The model and its approvals are fresh",
        ("release", "live"),
        check_age,
        "train again: `uv run dvc repro --force --single-item train`, then `uv run dvc repro`",
        ("AIA 72", "MTS O4"),
    ),
    Gate(
        "G-STOP",
        "The model can be stopped in time",
        ("live",),
        check_stop,
        "practise it: keel model rollback --drill",
        ("AIA 14(4)(e)", "MTS I7"),
        tiers=("high",),
        trial=False,
    ),
    Gate(
        "G-INC",
        "Incidents are reported in time",
        ("live",),
        check_incidents,
        "report it to the authority, then write `reported` into the incident's record",
        ("AIA 73", "GDPR 33"),
        trial=False,
        waivable=False,
    ),
)
