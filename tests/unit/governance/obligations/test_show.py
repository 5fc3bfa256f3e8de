"""The duties as a person and as a machine read them."""

from __future__ import annotations

import json
from datetime import date

from modelkeel.governance.obligations.resolve import resolve
from modelkeel.governance.obligations.show import obligations_json, obligations_text
from modelkeel.project import Project

TODAY = date(2026, 11, 24)


def test_a_person_reads_what_is_in_force_first(project: Project) -> None:
    text = obligations_text(resolve(project.system, TODAY))
    assert text.startswith("19 duties in force, 25 to come.")
    assert "no legal advice" in text.splitlines()[0]
    assert text.index("GDPR-35") < text.index("from 2027-12-02") < text.index("AIA-14")
    assert "needs   system.oversight, G-OVERSIGHT, G-STOP, human-oversight.md" in text
    assert max(map(len, text.splitlines())) <= 100


def test_one_duty_is_not_plural(project: Project) -> None:
    assert obligations_text(resolve(project.system, TODAY)[:1]).startswith("1 duty in force, 0 to")
    assert obligations_text([]).startswith("0 duties in force, 0 to come.")


def test_a_machine_reads_all_of_it(project: Project) -> None:
    found = json.loads(obligations_json(resolve(project.system, TODAY)))["duties"]
    duty = next(each for each in found if each["id"] == "AIA-14")
    assert duty["applies_from"] == "2027-12-02"
    assert duty["due"] is False
    assert duty["source"].startswith("https://eur-lex")
    assert duty["verified_on"] == "2026-11-23"
    assert duty["needs"]["documents"] == ["human-oversight.md"]
