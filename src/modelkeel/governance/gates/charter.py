"""Gates on the charter: that its target can be measured, and what became of it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from modelkeel.data.digest import sha256_file
from modelkeel.errors import Refused
from modelkeel.governance.charter_check import refuse_disagreement
from modelkeel.governance.gates.case import Case
from modelkeel.governance.gates.gate import Gate, NotMeasured, Verdict
from modelkeel.governance.gates.moments import age_of
from modelkeel.governance.numbers import bounds, interval
from modelkeel.governance.power import power
from modelkeel.governance.spread import read_evaluation
from modelkeel.governance.value import read_value
from modelkeel.governance.valuing.guardrails import check_metrics

_NAMED = 3


def check_charter_record(case: Case) -> Verdict:
    """The charter is in force, agrees with the other records, and its target is measurable."""
    charter, today = case.project.charter, case.now.date()
    refuse_disagreement(case.project, today)
    check_metrics(charter)
    if charter.review is not None and charter.review.expires < today:
        return Verdict(
            False,
            f"the charter expired on {charter.review.expires}",
            "a charter in force",
            remedy="review it with the owner and set a new review.expires in charter.toml",
        )
    if problem := _control_problem(case):
        return Verdict(
            False,
            problem,
            "a signed approval of the design that draws people at random",
            remedy="have somebody of the role risk sign it: `uv run keel approve control charter`",
        )
    found = power(charter, _evaluation(case), today)
    if found is None:
        raise NotMeasured("how far payoffs scatter is not known before the first evaluation")
    asked = f"measurable by {charter.target.by}"
    needed = case.project.gates.charter.require_measurable
    said = f"{found.sentence()}, design {found.chosen}"
    if found.measurable:
        return Verdict(True, said, asked)
    return Verdict(not needed, said, asked, warn=True)


def check_payoff(case: Case) -> Verdict:
    """Somebody stands behind the figures of the payoff table."""
    payoff = case.project.charter.value.payoff
    assumed = [f"{each.action}/{each.outcome}" for each in payoff if each.assumed]
    named = ", ".join(assumed[:_NAMED]) + (" …" if len(assumed) > _NAMED else "")
    measured = f"{len(assumed)} of {len(payoff)} amounts are assumed" + (
        f": {named}" if assumed else ""
    )
    holds = not assumed or case.tier != "high"
    return Verdict(holds, measured, "a source for each amount", warn=bool(assumed))


def check_value(case: Case) -> Verdict:
    """Live decisions are worth what the charter asks, and no guardrail is broken."""
    found = _value(case)
    target, uplift = found["target"], found["uplift_per_decision"]
    state = target["state"]
    broken = [each["id"] for each in found["guardrails"] if each["state"] == "broken"]
    unsure = [
        each["id"]
        for each in found["guardrails"]
        if each["state"] in ("open", "insufficient_evidence")
    ]
    measured = (
        f"{interval(uplift['value'], uplift['low'], uplift['high'])} {found['unit']} a decision: "
        f"{state.replace('_', ' ')} ({found['method']['name']})"
    )
    measured += f"; broken: {', '.join(broken)}" if broken else ""
    measured += f"; not settled: {', '.join(unsure)}" if unsure else ""
    charter = case.project.charter
    settled = state == "met"
    open_still = state in ("undecided", "insufficient_evidence") and (
        case.now.date() <= charter.target.by
    )
    return Verdict(
        (settled or open_still) and not broken,
        measured,
        f"at least {charter.target.at_least:g} by {charter.target.by}, every guardrail held",
        warn=not settled or bool(unsure),
    )


def check_kill(case: Case) -> Verdict:
    """No kill criterion is hit, unless a person signed that decisions may go back to the model."""
    found = _value(case)
    hit, said, resumed = [], [], []
    for each in found["kill"]:
        state = each["state"].replace("_", " ")
        said.append(f"{each['id']} {state} ({bounds(each['value'])})")
        if each["state"] != "hit":
            continue
        approval = case.approval("resume", each["id"])
        # of decisions made since it was signed, a hit is a new one
        if approval is not None and approval.given > date.fromisoformat(each["since"]):
            resumed.append(f"{each['id']}: resumed by {approval.by.email}")
        else:
            hit.append(each["id"])
    unsure = any(each["state"] == "insufficient_evidence" for each in found["kill"])
    return Verdict(
        not hit,
        "; ".join([*said, *resumed]),
        "; ".join(each["asked"] for each in found["kill"]),
        warn=unsure or bool(resumed),
    )


def _evaluation(case: Case) -> dict[str, Any] | None:
    """What was measured; whether it is of the newest bundle is for other gates to say."""
    try:
        return case.metrics
    except (NotMeasured, Refused):
        return read_evaluation(case.project)


def _control_problem(case: Case) -> str | None:
    """Why people may not be drawn at random; None if nobody is, or it was approved."""
    project, control = case.project, case.project.charter.control
    if control.design == "replay" or not project.system.use.about_people:
        return None
    what = f"control.design {control.design} draws people at random"
    approval = case.approval("control", "charter")
    if approval is None:
        return f"{what}, and no valid approval of the kind control names charter"
    digest = sha256_file(project.root / "charter.toml")
    if digest not in (approval.subject.digest, approval.inputs.get("charter.toml")):
        return f"{what}, and the approval of {approval.given} is of another charter.toml"
    return None


def _value(case: Case) -> dict[str, Any]:
    """evidence/value.json, if it is recent and by this charter.

    Raises:
        NotMeasured: it is missing or too old.
        Refused: it was judged by another charter, or is broken.
    """
    remedy = "run `uv run keel charter value TABLE` on the newest decisions"
    found = read_value(case.project)
    if found is None:
        raise NotMeasured("evidence/value.json: no such file", remedy)
    if found["charter"] != sha256_file(case.project.root / "charter.toml"):
        raise Refused(
            "evidence/value.json: was judged by another charter.toml than the one in force",
            remedy=remedy,
        )
    age = age_of(found["made"], case.now, "evidence/value.json, made")
    most = case.project.gates.value.max_age_days
    if age > timedelta(days=most):
        raise NotMeasured(
            f"evidence/value.json: was measured {age.days} days ago, at most {most} count", remedy
        )
    return found


def _no_kill(case: Case) -> str | None:
    return None if case.project.charter.kill else "the charter names no kill criterion"


CHARTER_GATES = (
    Gate(
        "G-CHARTER",
        "The charter is in force, and its target is measurable by its date",
        ("pull_request", "release"),
        check_charter_record,
        "set a larger target or a later date, or choose a design that detects more: "
        "`uv run keel charter check` compares them",
        ("AIA 9(8)",),
    ),
    Gate(
        "G-PAYOFF",
        "Each amount of the payoff table has a source",
        ("release",),
        check_payoff,
        "have the owner name where each amount comes from, in value.payoff of charter.toml",
        ("AIA 9(8)", "NIST MAP 3.1"),
        trial=False,
    ),
    Gate(
        "G-VALUE",
        "Live decisions are worth what the charter asks",
        ("live",),
        check_value,
        "look at reports/value.html with the owner: improve the model, or stop it",
        ("AIA 72", "AIA 26(5)", "MTS O7"),
        trial=False,
    ),
    Gate(
        "G-KILL",
        "No kill criterion is hit",
        ("live",),
        check_kill,
        "route decisions to the baseline, open an incident in governance/incidents/; only a signed "
        "approval of the kind resume brings the model back",
        ("AIA 26(5)", "AIA 72", "NIST MANAGE 2.4"),
        applies=_no_kill,
        trial=False,
        waivable=False,
    ),
)
