"""The schemas for editors take what the records take, and refuse what they refuse."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from typing import Any

import jsonschema
import pytest

from modelkeel.governance.schemas import DIALECT, RECORDS, schema_of, schema_problems, write_schemas
from modelkeel.project import Project

SYSTEM = """
schema = "system/1"
hardware = { todo = "measure it", owner = "owner@bank.eu", due = 2027-01-31 }
[identity]
name = "credit"
purpose = "Decide on applications"
owner = "owner@bank.eu"
[use]
output_use = "internal"
domain = "none"
personal_data = "none"
jurisdictions = ["EU"]
[roles]
risk = ["risk@bank.eu"]
"""


def as_json(text: str) -> Any:
    """As editors see TOML: dates are text."""
    found = tomllib.loads(text)
    return json.loads(json.dumps(found, default=date.isoformat))


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_the_schemas_are_sound(name: str) -> None:
    schema = schema_of(RECORDS[name])
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT
    assert schema["description"]
    assert '"null"' not in json.dumps(schema)


def test_the_records_of_a_project_hold_them(project: Project) -> None:
    for name, file in (
        ("charter", "charter.toml"),
        ("system", "governance/system.toml"),
        ("gates", "governance/gates.toml"),
    ):
        text = (project.root / file).read_text()
        jsonschema.validate(as_json(text), schema_of(RECORDS[name]))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ('{ todo = "measure it", owner = "owner@bank.eu", due = 2027-01-31 }', '"two cores"'),
        ('{ todo = "measure it", owner', '{ todo = "measure it", by'),
        ("2027-01-31 }", '2027-01-31, also = "x" }'),
        ('domain = "none"', 'domain = "nothing"'),
        ("[roles]", "[rolls]"),
        ("[roles]\nrisk", "[roles]\nrisks"),
        ('schema = "system/1"', 'schema = "system/2"'),
    ],
)
def test_an_editor_says_what_the_library_says(old: str, new: str) -> None:
    text = SYSTEM.replace(old, new, 1) if old else SYSTEM
    record = RECORDS["system"]
    try:
        record.model_validate(tomllib.loads(text))
        sound = True
    except ValueError:
        sound = False
    checker = jsonschema.Draft202012Validator(schema_of(record))
    assert checker.is_valid(as_json(text)) == sound


def test_the_forms_of_an_answer_are_named() -> None:
    schema = schema_of(RECORDS["system"])
    forms = schema["properties"]["hardware"]["oneOf"]
    titles = [
        each.get("title") or schema["$defs"][each["$ref"].rpartition("/")[2]]["title"]
        for each in forms
    ]
    assert titles == [
        "the answer",
        "work that somebody has still to do",
        "why the question does not arise",
        "where a machine wrote it",
    ]


def test_docstrings_explain_the_keys() -> None:
    schema = schema_of(RECORDS["gates"])
    overlap = schema["$defs"]["LeakageGate"]["properties"]["max_overlap"]
    assert overlap["description"].startswith("`max_overlap` is the share of held-out rows")
    assert overlap["default"] == 0.05


def test_they_are_written_once(project: Project) -> None:
    paths = write_schemas(project)
    assert [each.name for each in paths] == [f"{name}.json" for name in RECORDS]
    stamps = [each.stat().st_mtime_ns for each in paths]
    paths[0].write_text("{}")
    assert write_schemas(project) == paths
    assert [each.stat().st_mtime_ns for each in paths[1:]] == stamps[1:]
    assert json.loads(paths[0].read_text())["title"] == "Charter"


def test_those_that_are_not_as_the_library_has_them_are_named(project: Project) -> None:
    paths = write_schemas(project)
    assert schema_problems(project) == []
    paths[0].write_bytes(b"\xff")
    paths[1].unlink()
    assert schema_problems(project) == [
        ".schemas/charter.json: is not that of this version of modelkeel",
        ".schemas/system.json: is not there",
    ]
    write_schemas(project)
    assert schema_problems(project) == []
