"""Each duty that names a document of ours finds it rendered."""

from __future__ import annotations

from datetime import date
from fnmatch import fnmatchcase
from itertools import product

import pytest

from modelkeel.governance.documents.which import DOCUMENTS
from modelkeel.governance.obligations.resolve import resolve
from modelkeel.records.system import Domain, Jurisdiction, OutputUse, System

USES: tuple[OutputUse, ...] = ("internal", "decides_about_people", "interacts_with_people")
DOMAINS: tuple[Domain, ...] = ("none", "credit", "employment", "health", "public_services")
PLACES: tuple[Jurisdiction, ...] = ("EU", "UK", "US")
NAMES = {each.file.replace("*", "rows") for each in DOCUMENTS}


def system(use: str, domain: str, data: str, place: str) -> System:
    return System.model_validate(
        {
            "schema": "system/1",
            "identity": {"name": "x", "purpose": "Decide on something", "owner": "a@bank.test"},
            "use": {
                "output_use": use,
                "domain": domain,
                "personal_data": data,
                "jurisdictions": [place],
            },
        }
    )


@pytest.mark.parametrize("place", PLACES)
def test_a_duty_finds_the_document_that_it_names(place: Jurisdiction) -> None:
    lacking = set()
    for use, domain, data in product(USES, DOMAINS, ("none", "personal", "special")):
        found = system(use, domain, data, place)
        files = {each.file.replace("*", "rows") for each in DOCUMENTS if each.needed(found)}
        for each in resolve(found, date(2026, 11, 24)):
            for pattern in each.obligation.needs.documents:
                known = any(fnmatchcase(name, pattern) for name in NAMES)
                if known and not each.obligation.only_if:
                    there = any(fnmatchcase(name, pattern) for name in files)
                    lacking |= set() if there else {(each.obligation.id, pattern)}
    assert lacking == set()


def test_every_document_has_its_template() -> None:
    from modelkeel.governance.documents import templates

    there = {path.name for path in templates.FOLDER.glob("*.jinja")}
    assert {each.template for each in DOCUMENTS if each.file.endswith(".md")} == there
