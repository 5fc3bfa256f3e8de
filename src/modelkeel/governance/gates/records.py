"""Gates on what people write: records, roles, risks and the processing of personal data."""

from __future__ import annotations

import re

from modelkeel.governance.gates.case import Case
from modelkeel.governance.gates.gate import Gate, NotMeasured, Verdict
from modelkeel.governance.open_answers import open_answers
from modelkeel.governance.record_check import check_records
from modelkeel.governance.roles import (
    PLACES,
    block_in,
    codeowners_block,
    host_of,
    owners_problem,
)
from modelkeel.records.answer import Evidence, NotApplicable, Todo
from modelkeel.records.base import read_text
from modelkeel.records.risks import Residual, Risk

# RFC 2606: nobody has an address there.
_EXAMPLE = re.compile(r"(^|\.)(example\.(com|net|org)|example|test|invalid|localhost)$", re.I)


def check_all_records(case: Case) -> Verdict:
    """Every record is sound, and what it names in others is there."""
    found = check_records(case.project, case.now.date())
    lines = found.problems or found.warnings
    measured = "\n".join([f"{len(found.records)} records read", *lines])
    asked = "every record sound, nothing named that is not there, no work overdue"
    return Verdict(not found.problems, measured, asked, warn=bool(found.warnings))


def check_owner(case: Case) -> Verdict:
    """Those who answer for the system can be reached."""
    system, charter = case.project.system, case.project.charter
    named = {
        "governance/system.toml identity.owner": [system.identity.owner],
        "charter.toml owner.accountable": [charter.owner.accountable],
    } | {f"governance/system.toml roles.{role}": people for role, people in system.roles.items()}
    nobody = [
        f"{where} is {each}"
        for where, people in named.items()
        for each in people
        if _EXAMPLE.search(each.rpartition("@")[2])
    ]
    measured = "; ".join(nobody) or f"owned by {system.identity.owner}"
    return Verdict(not nobody, measured, "addresses of people, at no example domain")


def check_privacy(case: Case) -> Verdict:
    """The processing of personal data is written down, and assessed where people are profiled."""
    project = case.project
    path, privacy = project.governance_dir / "privacy.toml", project.privacy
    if privacy is None:
        raise NotMeasured(f"{path}: no such file", f"write {path}")
    use, name = project.system.use, project.system.identity.name
    open_ones = [key for key, _ in open_answers(project.root, privacy)]
    problems = []
    if use.personal_data == "special" and privacy.processing.special_basis is None:
        problems.append("no processing.special_basis for special categories (GDPR Art 9)")
    if use.profiling and privacy.assessment is None:
        problems.append("people are profiled, and there is no [assessment] (GDPR Art 35(3)(a))")
    elif use.profiling and case.approval("dpia", name) is None:
        problems.append(f"nobody with a key approved the assessment (dpia of {name})")
    left = f"still to do: {', '.join(open_ones)}" if open_ones else ""
    if left and case.tier != "minimal":
        problems.append(left)
    return Verdict(
        not problems,
        "; ".join(problems) or left or f"{path.name} is complete",
        "privacy.toml without work left, with a signed assessment where people are profiled",
        warn=bool(left),
        remedy=None if open_ones else f"uv run keel approve dpia {name} --role owner",
    )


def check_risks(case: Case) -> Verdict:
    """Every risk is held down by something that works, and what is left is accepted."""
    project = case.project
    path, risks = project.governance_dir / "risks.toml", project.risks
    if risks is None:
        raise NotMeasured(f"{path}: no such file", f"write {path}")
    problems = []
    for each in risks.risk:
        said = _problem_of(case, each, risks.accept_up_to)
        problems += [f"{each.id}: {said}"] if said else []
    if case.tier == "high":
        sources = {each.source for each in risks.risk}
        problems += [
            f"no risk of {name.replace('_', ' ')} (AIA 9(2))"
            for name in ("intended_use", "misuse")
            if name not in sources
        ]
    return Verdict(
        not problems,
        "; ".join(problems) or f"{len(risks.risk)} risks held down, none left unaccepted",
        f"each risk above {risks.accept_up_to} with a measure that works; "
        f"what is left rated, and above {risks.accept_up_to} approved",
    )


def _problem_of(case: Case, risk: Risk, accepted: int) -> str | None:
    """What is wrong with a risk; None if it is under control."""
    if risk.review_by < case.now.date():
        return f"its review was due on {risk.review_by}"
    if risk.level > accepted and not _held(case, risk):
        return f"level {risk.level}, and no measure that works holds it down"
    left = risk.residual
    if isinstance(left, Todo):
        return f"what is left is still to be rated by {left.owner}: {left.todo}"
    if isinstance(left, Evidence):
        return "what is left is for people to rate: give likelihood and severity"
    if isinstance(left, NotApplicable) and risk.level > accepted:
        return f"level {risk.level}, so what is left has to be rated"
    if not isinstance(left, Residual):
        return None
    rest = left.likelihood * left.severity
    if rest > risk.level:
        return f"what is left ({rest}) is more than the risk itself ({risk.level})"
    if rest > accepted and case.approval("residual_risk", risk.id) is None:
        return f"what is left ({rest}) is above {accepted}, and nobody with a key accepted it"
    return None


def _held(case: Case, risk: Risk) -> bool:
    """Whether a measure works: a gate works where the tier asks for it and nobody waived it."""
    from modelkeel.governance.gates import GATES

    working = {gate.id for gate in GATES if case.tier in gate.tiers and not case.waiver_of(gate.id)}
    return any(each.gate is None or each.gate in working for each in risk.measures)


def check_roles(case: Case) -> Verdict:
    """Changes are reviewed by the roles that the system record names."""
    project = case.project
    host = host_of(project)
    asked = "the block of CODEOWNERS as governance/system.toml has the roles"
    if host is None:
        places = " or ".join(place.as_posix() for place in PLACES.values())
        raise NotMeasured(f"no {places}", "add CODEOWNERS from the template: keel update")
    path = PLACES[host].as_posix()
    block = block_in(read_text(project.root / path))
    problem = owners_problem(project)
    if block is None and problem is None:
        said = f"{path} has no block of the roles, so people keep it by hand"
        return Verdict(True, said, asked, warn=True)
    expected = codeowners_block(project, host).strip().splitlines()
    there = (block or "").strip().splitlines()
    if block is None or expected == there:
        return Verdict(problem is None, problem or f"{path} agrees with the roles", asked)
    stale = [line for line in there if line not in expected]
    absent = [line for line in expected if line not in there]
    first = (absent or stale or ["the order of its lines"])[0]
    return Verdict(False, f"{path} differs first in: {first}", asked)


def no_personal_data(case: Case) -> str | None:
    """Why nothing about privacy is asked; None if it is."""
    none = case.project.system.use.personal_data == "none"
    return "no personal data is processed" if none else None


RECORD_GATES = (
    Gate(
        "G-REC",
        "Every record is sound and names only what is there",
        ("pull_request", "release"),
        check_all_records,
        "mend the lines named",
        ("AIA 11", "AIA 17", "NIST GOVERN 2.1"),
        waivable=False,
    ),
    Gate(
        "G-OWNER",
        "Those who answer for it can be reached",
        ("release",),
        check_owner,
        "write the addresses of people into charter.toml and governance/system.toml",
        ("AIA 17(1)(m)", "NIST GOVERN 2.1"),
        trial=False,
        waivable=False,
    ),
    Gate(
        "G-RISK",
        "Risks are held down, and what is left is accepted",
        ("release",),
        check_risks,
        "rate, measure and review in governance/risks.toml; `uv run keel approve residual_risk ID`",
        ("AIA 9", "NIST MANAGE 1"),
        tiers=("limited", "high"),
        trial=False,
    ),
    Gate(
        "G-PRIVACY",
        "The processing of personal data is written down and assessed",
        ("release",),
        check_privacy,
        "fill in governance/privacy.toml",
        ("GDPR 30(1)", "GDPR 35(7)", "NIST MEASURE 2.10"),
        applies=no_personal_data,
        trial=False,
    ),
    Gate(
        "G-ROLES",
        "Changes are reviewed by the roles that have to",
        ("pull_request",),
        check_roles,
        "uv run keel govern render",
        ("AIA 17(1)(m)", "NIST GOVERN 2.1"),
    ),
)
