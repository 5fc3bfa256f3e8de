from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from modelkeel.data.quality.reference import accept
from modelkeel.data.quality.report import refuse_drifted, report
from modelkeel.errors import BadInput, Refused
from modelkeel.project import Project

VOID = {"meta", "br"}


@pytest.fixture(autouse=True)
def _a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


class Balanced(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        assert not {"src", "onclick"} & set(given)
        if "id" in given:
            self.ids.append(given["id"] or "")
        if "href" in given:
            self.links.append(given["href"] or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(page: str) -> Balanced:
    parser = Balanced()
    parser.feed(page)
    assert parser.open == []
    assert len(set(parser.ids)) == len(parser.ids)
    assert {link.removeprefix("#") for link in parser.links} <= set(parser.ids)
    assert "http" not in page
    assert "<script" not in page
    return parser


def test_without_a_reference_it_says_how_to_accept(project: Project, ingest) -> None:
    ingest()
    found = report(project)
    page = found.path.read_text(encoding="utf-8")
    checked(page)
    assert "No reference accepted yet" in page
    assert "keel data accept" in page
    assert "none accepted yet" in found.to_text()
    assert json.loads(found.to_json())["reference"] is None
    refuse_drifted(found)


def test_the_same_data_has_not_drifted(project: Project, ingest) -> None:
    ingest(seed=1)
    accept(project, by="ada@bank.example", reason="<looked>")
    ingest(400, seed=3, broken=2)
    found = report(project)
    page = found.path.read_text(encoding="utf-8")
    checked(page)
    assert found.drifted == []
    assert "No column drifted" in page
    assert "&lt;looked&gt;" in page
    assert page.count("<circle") == 3 * 2
    refuse_drifted(found)
    assert report(project).path.read_text(encoding="utf-8") == page


def test_drifted_data_is_refused_with_column_and_size(project: Project, ingest) -> None:
    ingest()
    accept(project, by="ada@bank.example", reason="good")
    ingest(housing="own")
    found = report(project)
    assert [each.name for each in found.drifted] == ["housing"]
    assert json.loads(found.to_json())["drifted"] == ["housing"]
    assert "housing: PSI" in found.to_text()
    checked(found.path.read_text(encoding="utf-8"))
    with pytest.raises(Refused, match="housing: PSI") as refused:
        refuse_drifted(found)
    assert refused.value.exit_code == 3


def test_the_limits_are_those_of_the_gates(project: Project, ingest) -> None:
    gates = project.root / "governance" / "gates.toml"
    text = gates.read_text(encoding="utf-8")
    gates.write_text(f"{text}[drift]\nmax_psi = 50.0\n", encoding="utf-8")
    ingest()
    accept(project, by="ada@bank.example", reason="good")
    ingest(housing="own")
    found = report(project)
    assert found.limits.max_psi == 50.0
    assert found.drifted == []
    assert [each.name for each in found.warned] == ["housing"]


def test_personal_columns_show_no_value(project: Project, ingest) -> None:
    ingest()
    accept(project, by="ada@bank.example", reason="good")
    page = report(project).path.read_text(encoding="utf-8")
    card = re.search(r"<h3>age</h3>.*?</figure>", page)
    assert card is not None
    assert "values are not shown" in card[0]
    assert "<svg" not in card[0]


def test_a_column_made_personal_later_hides_what_the_reference_kept(
    project: Project, ingest
) -> None:
    ingest()
    accept(project, by="ada@bank.example", reason="good")
    contract = project.contract_path
    text = contract.read_text(encoding="utf-8")
    contract.write_text(
        text.replace("{name: housing,", "{name: housing, classification: personal,"),
        encoding="utf-8",
    )
    ingest()
    page = report(project).path.read_text(encoding="utf-8")
    assert "rent" not in page.split("</style>")[1].replace("current", "")


def test_without_data_it_says_what_to_run(project: Project) -> None:
    with pytest.raises(BadInput, match="has no record") as refused:
        report(project)
    assert "dvc repro" in refused.value.remedy


def test_names_are_escaped_and_many_columns_folded(project: Project, ingest) -> None:
    path = ingest()
    value = json.loads(path.read_text(encoding="utf-8"))
    entry = value["profile"]["columns"]["amount"]
    odd = {f"<i>{at}": entry for at in range(40)}
    empty = {"kind": "numeric", "missing": 1.0, "quantiles": [None] * 21, "points": []}
    value["profile"]["columns"] |= odd | {"empty": empty, "nested": {"kind": "other", "missing": 0}}
    path.write_text(json.dumps(value), encoding="utf-8")
    page = report(project).path.read_text(encoding="utf-8")
    checked(page)
    assert "<i>" not in page
    assert "more columns" in page
