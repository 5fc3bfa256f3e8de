"""The same answer as a table, JSON, SARIF, annotations and a page."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from results import MIXED, answer, result
from rich.console import Console

from modelkeel.governance.gates import Case
from modelkeel.governance.readiness import Readiness, check
from modelkeel.governance.readiness.annotations import as_annotations
from modelkeel.governance.readiness.page import render_page, write_page
from modelkeel.governance.readiness.places import Place
from modelkeel.governance.readiness.record import as_record
from modelkeel.governance.readiness.sarif import as_sarif
from modelkeel.governance.readiness.score import score_of
from modelkeel.governance.readiness.table import print_table

# Of the schema of SARIF 2.1.0, what we use: no other keys, and values as it has them.
TEXT = {"type": "object", "required": ["text"], "additionalProperties": False,
        "properties": {"text": {"type": "string", "minLength": 1}}}  # fmt: skip
LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation", "region"],
            "additionalProperties": False,
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "uri": {"type": "string", "format": "uri-reference"},
                        "uriBaseId": {"const": "%SRCROOT%"},
                    },
                },
                "region": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"startLine": {"type": "integer", "minimum": 1}},
                },
            },
        }
    },
}
RULE = {
    "type": "object",
    "required": ["id"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "shortDescription": TEXT,
        "help": TEXT,
        "properties": {
            "type": "object",
            "properties": {"tags": {"type": "array", "uniqueItems": True}},
        },
    },
}
RESULT = {
    "type": "object",
    "required": ["message", "ruleId", "locations"],
    "additionalProperties": False,
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "kind": {"const": "fail"},  # of another kind the level has to be none
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": TEXT,
        "locations": {"type": "array", "items": LOCATION},
        "partialFingerprints": {"additionalProperties": {"type": "string"}},
        "properties": {"type": "object"},
        "suppressions": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["kind"],
                "additionalProperties": False,
                "properties": {
                    "kind": {"enum": ["inSource", "external"]},
                    "justification": {"type": "string"},
                },
            },
        },
    },
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "rules"],
                                "properties": {
                                    "rules": {
                                        "type": "array",
                                        "items": RULE,
                                        "uniqueItems": True,
                                    }
                                },
                            }
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": RESULT},
                    "properties": {"type": "object"},
                },
            },
        },
    },
}


def table(found: Readiness, width: int = 80, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding)
    print_table(found, Console(file=file, width=width, highlight=False))
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.fixture
def found(case: Case) -> Readiness:
    return answer(*MIXED, score=score_of(case, list(MIXED)))


@pytest.mark.parametrize("width", [60, 80, 130])
def test_the_table_says_it_all_without_colour(found: Readiness, width: int) -> None:
    text = table(found, width)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= width
    for words in ("✗ fail", "? not assessed", "! warn", "~ waived", "✓ pass"):
        assert words in text
    told = " ".join(text.split())
    assert "NOT READY 1 of 4 gates blocks a release: G-DATA" in told
    assert "Next: mend the data (G-DATA) uv run dvc repro" in told
    assert "not asked here: G-KILL" in told
    assert text.count("The title of G-DATA") == 1  # the stages after it only name it
    assert told.count("✗ G-DATA") == 2


def test_a_terminal_of_ascii(found: Readiness) -> None:
    text = table(found, encoding="ascii")
    assert "x fail" in text
    assert "->" in text


def test_a_project_that_is_ready() -> None:
    text = table(answer(result("G-BASE"), result("G-KILL", "not_applicable", "live")))
    assert "READY  none of 1 gate blocks a release" in text
    assert "Next" not in text


def test_markup_in_a_message_is_text() -> None:
    broken = result("G-REC", "fail", measured="governance/x.toml: [bold]no[/bold] [people]")
    assert "[bold]no[/bold] [people]" in table(answer(broken))


def test_the_record(found: Readiness) -> None:
    record = json.loads(json.dumps(as_record(found)))
    assert (record["ready"], record["holds"]) == (False, False)
    assert record["gates"][0]["blocks"]
    assert record["gates"][0]["file"] == "governance/gates.toml"
    assert record["next"]["command"] == "uv run dvc repro"
    assert record["score"]["overall"] == 0
    assert len(record["score"]["sections"]["Data"]["items"]) == 7


def test_sarif(found: Readiness) -> None:
    log = as_sarif(found)
    jsonschema.validate(log, SARIF)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    levels: dict[str, Any] = {}
    for each in run["results"]:
        assert rules[each["ruleIndex"]]["id"] == each["ruleId"]
        levels[each["ruleId"]] = each["level"]
    assert levels == {
        "G-DATA": "error",
        "G-TESTS": "error",
        "G-ROB": "warning",
        "G-FAIR": "error",
        "G-VALUE": "error",
    }
    (waived,) = [each for each in run["results"] if "suppressions" in each]
    assert waived["ruleId"] == "G-FAIR"


def test_sarif_of_a_whole_check(case: Case) -> None:
    jsonschema.validate(as_sarif(check(case.project)), SARIF)


def test_sarif_of_a_file_with_a_space() -> None:
    found = answer(MIXED[0], places={"G-DATA": Place("a folder/ü.toml")})
    location = as_sarif(found)["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "a%20folder/%C3%BC.toml"


def test_annotations_are_escaped() -> None:
    broken = result("G-DATA", "fail", measured="50% off:\r\n::error::forged", title="a, b: c")
    text = as_annotations(answer(broken, result("G-ROB", "warn"), result("G-BASE")))
    first, second = text.splitlines()
    assert first == (
        "::error file=governance/gates.toml,line=3,title=G-DATA%3A a%2C b%3A c::50%25 off:%0D%0A"
        "::error::forged%0Aasked: at most 0.1%0Ato mend: run `uv run dvc repro`"
    )
    assert second.startswith("::warning file=governance/gates.toml,line=3,title=G-ROB%3A ")


class Balanced(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert not {"src", "onclick"} & set(given)
        if given.get("id"):
            self.ids.append(given["id"] or "")
        if "href" in given:
            self.links.append(given["href"] or "")
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page(found: Readiness, tmp_path: Path) -> None:
    evil = replace(found.results[0], measured="<script>alert(1)</script> `x < y`")
    page = render_page(replace(found, results=[evil, *found.results[1:]]))
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert len(set(parser.ids)) == len(parser.ids)
    assert {link.removeprefix("#") for link in parser.links} <= set(parser.ids)
    assert "<script" not in page
    assert "<code>x &lt; y</code>" in page
    assert not re.search(r"https?:|@import|url\(", page)
    assert "Not ready: 1 of 4 gates blocks a release" in page
    assert page.count('title="D') + page.count('title="M') + page.count('title="I') > 20
    path = write_page(found, tmp_path / "new" / "readiness.html")
    assert [each.name for each in path.parent.iterdir()] == ["readiness.html"]
