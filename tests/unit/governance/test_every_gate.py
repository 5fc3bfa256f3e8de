"""Every gate has what a gate needs: a test that turns it red, a page, a stage, a remedy."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from modelkeel.governance.gates import GATES, Gate
from modelkeel.governance.gates.gate import STAGES
from modelkeel.governance.readiness.places import RECORDS
from modelkeel.governance.readiness.steps import ordered
from modelkeel.records.gates import Gates
from modelkeel.records.system import TIERS

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/reference/gates.md").read_text(encoding="utf-8")
each_gate = pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.id)


def marks() -> Iterator[str]:
    """The gates that a test says it turns red."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.turns_red":
                yield from (str(ast.literal_eval(each)) for each in node.args)


def facts(gate: Gate) -> str:
    """What the page has to say of a gate, word for word."""
    tiers = "of every tier" if gate.tiers == TIERS else f"of the tiers {', '.join(gate.tiers)}"
    trial = "of a trial too" if gate.trial else "not of a trial"
    waived = "" if gate.waivable else "; nobody can waive it"
    return (
        f"- **Asked** at {', '.join(gate.stages)}; {tiers}; {trial}{waived}.\n"
        f"- **Evidence for** {', '.join(gate.maps)}.\n"
        f"- **To mend**: {gate.remedy}.\n"
    )


def section(name: str) -> str:
    found = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/reference/gates.md has no section {name}"
    return found[1]


def thresholds(text: str) -> set[str]:
    line = re.search(r"^- \*\*Thresholds\*\*: (.*)$", text, re.MULTILINE)
    return set(re.findall(r"`([a-z_]+\.[a-z_0-9]+)`", line[1])) if line else set()


def keys() -> set[str]:
    """The keys of gates.toml, dotted."""
    found = set()
    for name, field in Gates.model_fields.items():
        part = field.annotation
        if isinstance(part, type) and issubclass(part, BaseModel):
            found |= {f"{name}.{key}" for key in part.model_fields}
    return found


def test_ids_are_unique() -> None:
    names = [gate.id for gate in GATES]
    assert len(names) == len(set(names))


def test_every_gate_is_seen_red() -> None:
    marked = set(marks())
    names = {gate.id for gate in GATES}
    assert names - marked == set(), "no test turns these red"
    assert marked - names == set(), "a test is marked with these, and there is no such gate"


@each_gate
def test_it_has_what_a_gate_needs(gate: Gate) -> None:
    assert re.fullmatch(r"G-[A-Z]+", gate.id)
    assert gate.title
    assert gate.remedy
    assert gate.maps
    assert gate.check.__doc__
    assert gate.stages
    assert list(gate.stages) == [each for each in STAGES if each in gate.stages]
    assert set(gate.tiers) <= set(TIERS)


@each_gate
def test_the_page_says_what_it_does(gate: Gate) -> None:
    told = section(gate.id)
    assert f"**{gate.title}.**" in told
    assert facts(gate) in told, f"write:\n{facts(gate)}"
    assert "- **Reads** " in told


def test_the_page_has_no_gate_that_is_gone() -> None:
    assert set(re.findall(r"^### (G-\w+)$", PAGE, re.MULTILINE)) == {gate.id for gate in GATES}


def test_every_threshold_is_told_with_its_gate() -> None:
    named = set().union(*(thresholds(section(gate.id)) for gate in GATES))
    assert named == keys()


@each_gate
def test_a_person_is_led_to_it(gate: Gate) -> None:
    assert gate.id in ordered(), "steps.py does not say when a person should go about it"
    assert gate.id in RECORDS, "places.py does not say which record it is about"
