"""What the duties of a project still lack, and how long the catalogue's entries have stood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal, cast, get_args

from modelkeel.governance.obligations.needs import (
    document_remedy,
    document_state,
    record_state,
    where,
)
from modelkeel.governance.obligations.resolve import Resolved, resolve

if TYPE_CHECKING:
    from modelkeel.governance.gates.case import Case
    from modelkeel.records.approvals import Kind

Urgency = Literal["due", "to_do", "perhaps", "soon", "later"]
SOON = timedelta(days=365)


@dataclass(frozen=True)
class Unmet:
    """A piece of evidence that a duty needs and that is not there.

    Attributes:
        id: of the duty.
        missing: what is not there, in words.
        urgency: `due`: the duty is in force; `to_do`: it is, and somebody has the work before
            them; `perhaps`: it is, if a condition holds that no answer settles, or a gate that
            would be evidence for it is not asked here; `soon`: it will be within a year; `later`.
        remedy: what to do.
    """

    id: str
    title: str
    cite: str
    missing: str
    urgency: Urgency
    applies_from: date
    remedy: str


def unmet(case: Case) -> list[Unmet]:
    """What the duties that bear on a project still lack, the urgent first.

    Raises:
        BadInput: a record is broken.
    """
    today = case.now.date()
    found = [
        Unmet(
            each.obligation.id,
            each.obligation.title,
            each.obligation.cite,
            missing,
            _urgency(each, state, today),
            each.applies_from,
            remedy,
        )
        for each in bearing(case)
        for missing, state, remedy in _lacks(case, each)
    ]
    order = get_args(Urgency)
    return sorted(found, key=lambda each: order.index(each.urgency))


def bearing(case: Case) -> list[Resolved]:
    """The duties that bear on a project, but for those that a person set aside."""
    aside = set_aside(case)
    found = resolve(case.project.system, case.now.date())
    return [each for each in found if each.obligation.id not in aside]


def set_aside(case: Case) -> list[str]:
    """The duties that a signed approval of the kind `classification` names: they do not apply."""
    names = [each.obligation.id for each in resolve(case.project.system, case.now.date())]
    return [name for name in names if case.approval("classification", name) is not None]


def age_days(found: list[Resolved], today: date) -> tuple[int, str]:
    """How many days ago the entry that was looked up longest ago was, and its id."""
    oldest = min(found, key=lambda each: each.obligation.verified_on, default=None)
    if oldest is None:
        return 0, ""
    return (today - oldest.obligation.verified_on).days, oldest.obligation.id


def _urgency(found: Resolved, state: Urgency, today: date) -> Urgency:
    if not found.due:
        return "soon" if found.applies_from - today <= SOON else "later"
    return "perhaps" if state == "due" and found.obligation.only_if else state


def _lacks(case: Case, found: Resolved) -> Iterator[tuple[str, Urgency, str]]:
    """What is missing, how urgent that is of a duty in force, and the remedy."""
    project, today, needs = case.project, case.now.date(), found.obligation.needs
    for key in needs.records:
        name, _, kind = key.partition(".")
        if name == "approvals":
            about = project.system.identity.name
            if case.approval(cast("Kind", kind), about) is None:
                remedy = f"run `uv run keel approve {kind} {about}`"
                yield f"a signed approval of the kind {kind}", "due", remedy
            continue
        state = record_state(project, key, today)
        if state != "there":
            place = where(project, key)
            verb = "write" if state == "missing" else "finish"
            late = " (overdue)" if state == "overdue" else ""
            yield f"{place}{late}", "to_do" if state == "to_do" else "due", f"{verb} {place}"
    for name in needs.documents:
        if document_state(project, name) != "there":
            yield f"docs/governance/{name}", "due", document_remedy(project.system, name)
    for name in needs.gates:
        if problem := _gate_problem(case, name):
            yield f"{name} ({problem})", "perhaps", f"see by hand what {name} would"


def _gate_problem(case: Case, name: str) -> str | None:
    """Why a gate is no evidence here; None if it is."""
    from modelkeel.governance.gates import GATES

    gate = next(each for each in GATES if each.id == name)
    if case.tier not in gate.tiers:
        return f"the tier {case.tier} does not ask it"
    return "waived" if case.waiver_of(name) else None
