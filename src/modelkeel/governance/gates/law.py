"""Gates on what the law asks: no prohibited practice, a tier that holds, duties with evidence."""

from __future__ import annotations

from modelkeel.governance.gates.case import Case
from modelkeel.governance.gates.gate import Gate, Verdict
from modelkeel.governance.obligations.lock import REMEDY, lock_problem
from modelkeel.governance.obligations.unmet import Unmet, age_days, bearing, set_aside, unmet
from modelkeel.records.answer import Evidence, NotApplicable, Todo
from modelkeel.records.system import System

_LISTED = 3
WARN_DAYS = 180
FAIL_DAYS = 365
_KEY = "governance/system.toml, classification"


def beyond_article_5(case: Case) -> str | None:
    """Why Art 5 is not asked about: nobody in the Union is touched by the output."""
    use = case.project.system.use
    if case.project.system.classification.prohibited is True:
        return None
    if "EU" not in use.jurisdictions:
        return "not used in the EU (use.jurisdictions)"
    if not (use.about_people or use.output_use == "interacts_with_people"):
        return "the output touches no people (use.output_use)"
    return None


def check_prohibited(case: Case) -> Verdict:
    """A person has answered that the use is no practice of Art 5."""
    given = case.project.system.classification
    answer, asked = given.prohibited, f"false, answered by a person ({_KEY}.prohibited)"
    if answer is True:
        remedy = "do not build or use it; there is no waiver"
        return Verdict(False, "it is a prohibited practice", asked, remedy=remedy)
    if answer is not False:
        return Verdict(False, f"the answer is {_unanswered(answer)}", asked)
    reasoned = isinstance(given.reasoning, str)
    because = "" if reasoned else "; without a reasoning (classification.reasoning)"
    return Verdict(True, f"answered: it is none{because}", asked, warn=not reasoned)


def _unanswered(answer: Todo | NotApplicable | Evidence | None) -> str:
    if isinstance(answer, Todo):
        return "still to do"
    if isinstance(answer, NotApplicable):
        return "not applicable, which Art 5 does not know"
    return "missing" if answer is None else "left to a machine"


def check_tier(case: Case) -> Verdict:
    """The tier follows from the use, or was raised, or lowered with reasons and a signature."""
    system = case.project.system
    asked = "the computed tier or a higher one, or reasons and a signed approval for a lower one"
    measured = f"{system.tier}: {system.tier_reason}"
    if problem := _derogation_problem(system):
        remedy = f"take out {_KEY}.art_6_3, or give the reasons"
        claim = "a claim that Art 6(3) allows"
        return Verdict(False, f"{measured} {problem}", claim, remedy=remedy)
    if not system.tier_is_lowered:
        return Verdict(True, measured, asked)
    if not isinstance(system.classification.reasoning, str):
        return Verdict(False, f"{measured} No reasons are given.", asked)
    name = system.identity.name
    from_high = system.computed_tier == "high"  # who is held to less does not decide it alone
    if case.approval("classification", name, by_risk=from_high) is None:
        who = " --role risk" if from_high else ""
        remedy = f"run `uv run keel approve classification {name}{who}`, or take out {_KEY}.tier"
        missing = "No valid approval" + (" by the role risk." if from_high else ".")
        return Verdict(False, f"{measured} {missing}", asked, remedy=remedy)
    return Verdict(True, f"{measured} It is approved.", asked)


def _derogation_problem(system: System) -> str | None:
    """Why a claim under Art 6(3) cannot stand, whoever signs it."""
    if not system.classification.art_6_3:
        return None
    if system.use.profiling:
        return "Art 6(3) is claimed, and profiling of people always rules it out."
    if system.use.output_use == "safety_component":
        return "Art 6(3) is claimed for a safety component; it is for uses of Annex III."
    if not isinstance(system.classification.reasoning, str):
        return "Art 6(3) is claimed without reasons (classification.reasoning); Art 6(4) asks them."
    return None


def check_obligations(case: Case) -> Verdict:
    """The lock is current, and each duty in force has what it needs."""
    asked = "a current lock, and all that the duties in force need"
    if problem := lock_problem(case.project):
        return Verdict(False, problem, asked, remedy=REMEDY)
    duties, lacks, aside = bearing(case), unmet(case), set_aside(case)
    days, oldest = age_days(duties, case.now.date())
    old = f"{oldest} was last looked up {days} days ago" if days > WARN_DAYS else ""
    expired = days > FAIL_DAYS and case.tier == "high"
    due = [each for each in lacks if each.urgency == "due"]
    parts = [
        _said(due, "lacking"),
        _said([each for each in lacks if each.urgency == "to_do"], "still to do"),
        _said([each for each in lacks if each.urgency == "perhaps"], "lacking if they apply"),
        _said([each for each in lacks if each.urgency == "soon"], "to be there within a year"),
        old,
    ]
    measured = "; ".join(part for part in parts if part)
    signed = f", {', '.join(aside)} set aside by a signed approval" if aside else ""
    in_force = f"{sum(each.due for each in duties)} of {len(duties)} duties in force{signed}"
    return Verdict(
        not due and not expired,
        f"{in_force}; {measured or 'nothing lacking'}",
        f"{asked}, looked up within {FAIL_DAYS if case.tier == 'high' else WARN_DAYS} days",
        warn=bool(measured),
        remedy=_remedy(due) if due else "update modelkeel: `uv run keel update`" if old else None,
    )


def _said(found: list[Unmet], what: str) -> str:
    """How many pieces, and the first few with the duties that need them."""
    duties: dict[str, list[str]] = {}
    for each in found:
        duties.setdefault(each.missing, []).append(each.id)
    first = [f"{piece} for {_few(list(dict.fromkeys(ids)))}" for piece, ids in duties.items()]
    return f"{len(duties)} {what} ({_few(first, '; ')})" if duties else ""


def _few(names: list[str], separator: str = ", ") -> str:
    return separator.join(names[:_LISTED]) + (f"{separator}…" if len(names) > _LISTED else "")


def _remedy(due: list[Unmet]) -> str:
    steps = list(dict.fromkeys(each.remedy for each in due))
    return _few(steps, "; ")


LAW_GATES = (
    Gate(
        "G-PROHIB",
        "The use is no prohibited practice",
        ("release",),  # a repository begins with the question open
        check_prohibited,
        f"go through Art 5 with somebody of legal and answer in {_KEY}.prohibited",
        ("AIA 5",),
        applies=beyond_article_5,
        trial=False,
        waivable=False,
    ),
    Gate(
        "G-TIER",
        "The risk tier follows from the use",
        ("pull_request", "release"),
        check_tier,
        f"give the reasons in {_KEY}.reasoning and have them approved, or take out the tier",
        ("AIA 6(3)", "AIA 6(4)", "AIA 49(2)"),
        waivable=False,
    ),
    Gate(
        "G-OBL",
        "Each duty in force has its records and documents",
        ("pull_request", "release"),
        check_obligations,
        "run `uv run keel govern obligations` to see what is needed",
        ("AIA 17(1)(a)",),
        trial=False,
    ),
)
