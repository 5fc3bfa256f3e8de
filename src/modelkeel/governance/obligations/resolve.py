"""Which duties of the catalogue bear on a system, why, and since when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from modelkeel.governance.obligations.catalogue import (
    Annex,
    Condition,
    Obligation,
    load_catalogue,
)
from modelkeel.records.system import System

Answers = dict[str, tuple[str | bool, ...]]


@dataclass(frozen=True)
class Resolved:
    """A duty that bears on a system.

    Attributes:
        why: the answers that matched, such as `domain is credit`.
        applies_from: since when, or from when on.
        due: whether that day has come.
    """

    obligation: Obligation
    why: tuple[str, ...]
    applies_from: date
    due: bool


def resolve(
    system: System, today: date, catalogue: Sequence[Obligation] | None = None
) -> list[Resolved]:
    """The duties in force or adopted that bear on a system, in the order of the catalogue.

    Args:
        system: the system record.
        today: the day to judge dates by.
        catalogue: the duties to choose from; those of the library when left out.
    """
    answers, annex = answers_of(system), annex_of(system)
    found = []
    for each in load_catalogue() if catalogue is None else catalogue:
        since = each.applies_on(annex) if each.status in ("in_force", "pending") else None
        why = _why(each.applies_if, answers)
        if since is not None and why is not None:
            found.append(Resolved(each, why, since, since <= today))
    return found


def answers_of(system: System) -> Answers:
    """What conditions look at."""
    use = system.use
    return {
        "output_use": (use.output_use,),
        "domain": (use.domain,),
        "personal_data": (use.personal_data,),
        "jurisdictions": tuple(use.jurisdictions),
        "tier": (system.tier,),
        "profiling": (use.profiling,),
        "art_6_3": (system.classification.art_6_3,),
    }


def annex_of(system: System) -> Annex:
    """Whether a high-risk system would be a product of Annex I or a use of Annex III.

    Safety components of critical infrastructure are named in Annex III (2). A model about people
    in a medical device may be both; Annex III applies earlier, so it is taken.
    """
    use = system.use
    product = use.output_use == "safety_component" and use.domain != "critical_infrastructure"
    return "annex_i" if product else "annex_iii"


def _why(condition: Condition, answers: Answers) -> tuple[str, ...] | None:
    """The answers that match, in words; None if one does not."""
    found = []
    for key in type(condition).model_fields:
        wanted: tuple[str | bool, ...] = getattr(condition, key)
        hits = [value for value in answers[key] if value in wanted]
        if wanted and not hits:
            return None
        if wanted:
            found.append(_said(key, hits))
    return tuple(found)


def _said(key: str, hits: Sequence[str | bool]) -> str:
    if key == "art_6_3":
        return "Art 6(3) is claimed"
    if key == "profiling":
        return "people are evaluated from their data" if hits[0] else "nobody is evaluated"
    return f"{key} {'has' if key == 'jurisdictions' else 'is'} {', '.join(map(str, hits))}"
