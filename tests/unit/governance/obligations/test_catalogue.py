"""The catalogue is whole: each entry names gates, records and documents that there are."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from modelkeel.errors import BadInput
from modelkeel.governance.documents.which import DOCUMENTS
from modelkeel.governance.gates import GATES
from modelkeel.governance.obligations.catalogue import (
    CATALOGUE,
    ByAnnex,
    Obligation,
    load_catalogue,
)
from modelkeel.records.approvals import Kind
from modelkeel.records.charter import Charter
from modelkeel.records.gates import Gates
from modelkeel.records.privacy import Privacy
from modelkeel.records.reasons import Reasons
from modelkeel.records.risks import Risks
from modelkeel.records.system import System

MODELS: dict[str, type[BaseModel]] = {
    "charter": Charter,
    "system": System,
    "risks": Risks,
    "privacy": Privacy,
    "gates": Gates,
    "reasons": Reasons,
}
# Written by people for the authority that asks for them; nothing renders them.
BY_HAND = {"atrs-tier1.md", "atrs-tier2.md", "aia.json", "m-25-21.md", "pccp.md"}
DUTIES = [each for each in load_catalogue() if each.status != "voluntary"]
ASKED = [
    "AIA-4",
    "AIA-4a",
    "AIA-5",
    "AIA-6(4)",
    "AIA-49(1)",
    "AIA-49(2)",
    "AIA-9",
    "AIA-10",
    "AIA-11",
    "AIA-12",
    "AIA-13",
    "AIA-14",
    "AIA-15",
    "AIA-17",
    "AIA-18",
    "AIA-19",
    "AIA-20",
    "AIA-25",
    "AIA-26",
    "AIA-27",
    "AIA-50(1)",
    "AIA-50(2)",
    "AIA-50(3)",
    "AIA-50(4)",
    "AIA-72",
    "AIA-73",
    "AIA-86",
    "GDPR-5",
    "GDPR-6",
    "GDPR-9",
    "GDPR-13",
    "GDPR-15",
    "GDPR-16",
    "GDPR-17",
    "GDPR-20",
    "GDPR-21",
    "GDPR-22",
    "GDPR-25",
    "GDPR-30",
    "GDPR-32",
    "GDPR-33",
    "GDPR-35",
    "HIPAA-164.514",
    "HIPAA-164.312(b)",
    "US-ECOA",
    "US-FCRA-615",
    "US-SR-26-2",
    "US-CO-26-189",
    "US-NYC-144",
    "UK-GDPR-9",
    "UK-GDPR-35-special",
    "UK-ATRS",
    "CA-DADM-6.1",
    "US-OMB-M-25-21",
    "FDA-PCCP",
    "NIST-MEASURE-2.11",
    "OWASP-ML02",
    "OWASP-LLM01-2026",
    "AML.T0020",
]


def of(name: str) -> Obligation:
    return next(each for each in load_catalogue() if each.id == name)


def models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [each for part in get_args(annotation) for each in models_in(part)]


def test_it_has_what_it_is_to_cover() -> None:
    assert set(ASKED) <= {each.id for each in load_catalogue()}


@pytest.mark.parametrize("entry", load_catalogue(), ids=lambda each: each.id)
def test_each_gate_exists(entry: Obligation) -> None:
    assert set(entry.needs.gates) <= {gate.id for gate in GATES}


@pytest.mark.parametrize("entry", DUTIES, ids=lambda each: each.id)
def test_each_part_of_a_record_exists(entry: Obligation) -> None:
    for key in entry.needs.records:
        name, *parts = key.split(".")
        if name == "approvals":
            assert parts[0] in get_args(Kind)
            continue
        models = [MODELS[name]]
        for part in parts:
            fields = [model.model_fields[part] for model in models if part in model.model_fields]
            assert fields, key
            models = [each for field in fields for each in models_in(field.annotation)]


@pytest.mark.parametrize("entry", DUTIES, ids=lambda each: each.id)
def test_each_document_is_rendered_or_known_to_be_written(entry: Obligation) -> None:
    from fnmatch import fnmatch

    for pattern in entry.needs.documents:
        rendered = any(fnmatch(document.file, pattern) for document in DOCUMENTS)
        assert rendered or (pattern in BY_HAND and entry.only_if), pattern


@pytest.mark.parametrize("entry", DUTIES, ids=lambda each: each.id)
def test_status_and_date_agree_on_the_day_it_was_looked_up(entry: Obligation) -> None:
    since = entry.applies_from
    dates = [since.annex_iii, since.annex_i] if isinstance(since, ByAnnex) else [since]
    started = [day <= entry.verified_on for day in dates if day is not None]
    assert set(started) == {"in_force": {True}, "pending": {False}}.get(entry.status, set())


@pytest.mark.parametrize(
    ("name", "annex_iii", "annex_i"),
    [
        ("AIA-4", date(2025, 2, 2), date(2025, 2, 2)),
        ("AIA-5", date(2025, 2, 2), date(2025, 2, 2)),
        ("AIA-5-imagery", date(2026, 12, 2), date(2026, 12, 2)),
        ("AIA-9", date(2027, 12, 2), date(2028, 8, 2)),
        ("AIA-26", date(2027, 12, 2), date(2028, 8, 2)),
        ("AIA-27", date(2027, 12, 2), None),
        ("AIA-50(1)", date(2026, 8, 2), date(2026, 8, 2)),
        ("US-CO-26-189", date(2027, 1, 1), date(2027, 1, 1)),
        ("US-SR-26-2", date(2026, 4, 17), date(2026, 4, 17)),
    ],
)
def test_dates_as_amended(name: str, annex_iii: date, annex_i: date | None) -> None:
    assert of(name).applies_on("annex_iii") == annex_iii
    assert of(name).applies_on("annex_i") == annex_i


def test_what_is_uncertain_says_so() -> None:
    for name in ("AIA-6", "AIA-49(2)", "AIA-73", "AIA-86", "GDPR-omnibus", "HIPAA-NPRM"):
        assert of(name).note, name
    assert {of(name).status for name in ("US-SR-11-7", "US-CFPB-2022-03")} == {"repealed"}
    assert {of(name).status for name in ("GDPR-omnibus", "HIPAA-NPRM")} == {"proposed"}


def test_nothing_promises_compliance() -> None:
    text = CATALOGUE.read_text(encoding="utf-8").lower()
    assert "complies" not in text
    assert "compliant" not in text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('status = "in_force"', 'status = "voluntary"', "do not go together"),
        ('tier = ["high"]', 'tier = ["highest"]', "applies_if"),
        ('jurisdictions = ["EU"]', 'country = ["EU"]', "country"),
        ('law = "AIA"', 'law = "AIX"', "AIX"),
        ('id = "AIA-4a"', 'id = "AIA-4"', "AIA-4 stands twice"),
        ("schema =", "schema", "no valid TOML"),
        ('gates = ["G-PRIVACY"]', 'gates = ["privacy"]', "does not look like"),
    ],
)
def test_a_broken_catalogue_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "catalogue.toml"
    path.write_text(CATALOGUE.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadInput, match=said):
        load_catalogue(path)
