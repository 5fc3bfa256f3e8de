"""Which duties bear on which system, over every combination of answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fnmatch import fnmatch
from itertools import combinations, product
from typing import Any, get_args

import pytest

from modelkeel.governance.documents.which import DOCUMENTS
from modelkeel.governance.gates import GATES
from modelkeel.governance.obligations.resolve import Resolved, annex_of, resolve
from modelkeel.records.system import TIERS, Domain, Jurisdiction, OutputUse, System

TODAY = date(2026, 11, 24)
PLACES = get_args(Jurisdiction)
REGIONS = [part for size in range(1, 6) for part in combinations(PLACES, size)]
DATA = ("none", "personal", "special")
ABOUT = ("informs_about_people", "decides_about_people")


def system(
    use: str = "internal",
    domain: str = "none",
    data: str = "none",
    places: tuple[str, ...] = ("EU",),
    **classification: Any,
) -> System:
    return System.model_validate(
        {
            "schema": "system/1",
            "identity": {"name": "s", "purpose": "To decide on things", "owner": "a@bank.eu"},
            "use": {
                "output_use": use,
                "domain": domain,
                "personal_data": data,
                "jurisdictions": list(places),
            },
            "classification": classification,
        }
    )


def all_answers() -> Iterator[System]:
    for use, domain, data in product(get_args(OutputUse), get_args(Domain), DATA):
        yield from (system(use, domain, data, places) for places in REGIONS)


def all_classifications() -> Iterator[System]:
    """Every answer in one place, with every classification that a person may add."""
    answers = product(get_args(OutputUse), get_args(Domain), DATA, PLACES)
    for use, domain, data, place in answers:
        for tier, claimed in product((None, *TIERS), (False, True)):
            yield system(use, domain, data, (place,), tier=tier, art_6_3=claimed)


def ids(found: list[Resolved]) -> set[str]:
    return {each.obligation.id for each in found}


def sound(each: System) -> None:
    """What has to hold of the duties of any system."""
    found = resolve(each, TODAY)
    use, asked = each.use, [(one.obligation, one.obligation.applies_if) for one in found]
    for obligation, condition in asked:
        assert obligation.status in ("in_force", "pending")
        assert not condition.tier or each.tier in condition.tier
        assert not condition.jurisdictions or set(condition.jurisdictions) & set(use.jurisdictions)
        assert not condition.profiling or use.profiling in condition.profiling
    names = ids(found)
    assert ("AIA-9" in names) == (each.tier == "high" and "EU" in use.jurisdictions)
    assert ("GDPR-5" in names) == (use.personal_data != "none" and "EU" in use.jurisdictions)
    assert ("GDPR-22" in names) <= (use.output_use in ABOUT)
    assert any(name.startswith("HIPAA") for name in names) == (
        use.domain == "health" and use.personal_data != "none" and "US" in use.jurisdictions
    )
    assert all(one.due == (one.applies_from <= TODAY) for one in found)
    assert all(one.why for one in found)


def test_every_combination_of_answers_resolves() -> None:
    for each in all_answers():
        sound(each)


def test_every_classification_resolves() -> None:
    for each in all_classifications():
        sound(each)


def test_the_tier_follows_from_the_answers() -> None:
    regulated = set(get_args(Domain)) - {"none", "other"}
    for each in all_answers():
        use = each.use
        high = use.output_use == "safety_component" or (
            use.output_use in ABOUT and use.domain in regulated
        )
        limited = use.output_use == "interacts_with_people"
        high |= limited and use.domain == "biometrics" and "EU" in use.jurisdictions
        assert each.tier == ("high" if high else "limited" if limited else "minimal")


@pytest.mark.parametrize("use", get_args(OutputUse))
def test_special_categories_in_the_uk_are_asked_what_they_are_in_the_eu(use: str) -> None:
    eu, uk = (
        ids(resolve(system(use, "health", "special", (place,)), TODAY)) for place in PLACES[:2]
    )
    for name in ("GDPR-9", "GDPR-35", "GDPR-35-special"):
        assert (name in eu) == (f"UK-{name}" in uk)
    assert "UK-GDPR-9" in uk


def test_what_a_duty_needs_is_there_for_every_system_that_has_it() -> None:
    """No duty asks for a document that its system does not get, or a gate not asked of its tier."""
    tiers = {gate.id: gate.tiers for gate in GATES}
    lacking = set()
    for each in all_answers():
        files = [document.file for document in DOCUMENTS if document.needed(each)]
        for one in resolve(each, TODAY):
            needs, name = one.obligation.needs, one.obligation.id
            if one.obligation.only_if:
                continue
            lacking |= {
                (name, pattern)
                for pattern in needs.documents
                if not any(fnmatch(file, pattern) for file in files)
            }
            if needs.gates and not any(each.tier in tiers[gate] for gate in needs.gates):
                lacking.add((name, each.tier))
    assert not lacking


def test_a_minimal_project_has_a_short_list() -> None:
    assert ids(resolve(system(), TODAY)) == {"AIA-4"}


def test_a_credit_decision_has_a_long_one() -> None:
    found = resolve(system("decides_about_people", "credit", "personal", ("EU", "US")), TODAY)
    assert len(found) > 40
    assert {"AIA-27", "AIA-86", "GDPR-35", "US-ECOA", "US-SR-26-2"} <= ids(found)


def test_products_and_uses_have_dates_of_their_own() -> None:
    def since(each: System) -> date:
        (found,) = [one for one in resolve(each, TODAY) if one.obligation.id == "AIA-14"]
        return found.applies_from

    assert since(system("decides_about_people", "credit")) == date(2027, 12, 2)
    assert since(system("safety_component", "health")) == date(2028, 8, 2)
    assert since(system("safety_component", "critical_infrastructure")) == date(2027, 12, 2)
    assert since(system(tier="high")) == date(2027, 12, 2)


def test_a_product_has_no_duty_that_is_about_uses_alone() -> None:
    product_ = system("safety_component", "health")
    assert annex_of(product_) == "annex_i"
    assert not {"AIA-27-public", "AIA-49(1)", "AIA-86"} & ids(resolve(product_, TODAY))


def test_biometrics_that_people_interact_with_are_assessed_by_public_bodies() -> None:
    met = system("interacts_with_people", "biometrics", "special")
    assert met.tier == "high"
    assert "AIA-27-public" in ids(resolve(met, TODAY))
    assert "fria.md" in [each.file for each in DOCUMENTS if each.needed(met)]


def test_a_claim_of_article_6_3_has_duties_of_its_own() -> None:
    claimed = system("informs_about_people", "education", tier="minimal", art_6_3=True)
    assert {"AIA-6(4)", "AIA-49(2)"} <= ids(resolve(claimed, TODAY))
    assert "AIA-9" not in ids(resolve(claimed, TODAY))


def test_why_names_the_answers() -> None:
    (found,) = [
        each
        for each in resolve(system("decides_about_people", "credit", places=("EU", "UK")), TODAY)
        if each.obligation.id == "AIA-27"
    ]
    assert found.why == (
        "output_use is decides_about_people",
        "domain is credit",
        "jurisdictions has EU",
        "tier is high",
    )


@pytest.mark.parametrize(("day", "due"), [(date(2027, 12, 1), False), (date(2027, 12, 2), True)])
def test_a_duty_is_due_from_its_day_on(day: date, due: bool) -> None:
    found = resolve(system("decides_about_people", "credit"), day)
    assert next(each for each in found if each.obligation.id == "AIA-9").due is due
