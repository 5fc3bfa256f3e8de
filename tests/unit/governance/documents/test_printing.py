"""The page to print: all documents, gates and digests, nothing from elsewhere."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from rendered_projects import again, edit

from modelkeel.data.digest import sha256_file
from modelkeel.governance.documents import print_bundle
from modelkeel.governance.documents.figures import by_group
from modelkeel.governance.documents.measured import Part
from modelkeel.governance.gates.gate import GateResult
from modelkeel.project import Project

GATE = GateResult("G-X", "A <gate>", ("release",), "fail", "3 < 4", "more", "try")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


def test_every_document_is_on_the_page(credit: Project) -> None:
    page = print_bundle(credit).read_text(encoding="utf-8")
    for title in ("Model card", "Technical documentation", "Responsibilities", "Evidence"):
        assert f"<h2>{title}</h2>" in page
    assert page.count("<h1>") == 1
    assert "<svg" in page
    assert 'href="#doc-risk-management"' in page
    assert '<strong class="missing">MISSING</strong>' in page
    assert sha256_file(credit.root / "charter.toml") in page


def test_links_stay_within_the_page_and_nothing_is_loaded(credit: Project) -> None:
    page = print_bundle(credit).read_text(encoding="utf-8")
    targets = set(re.findall(r'href="([^"]+)"', page))
    assert {each[0] for each in targets} == {"#"}
    ids = set(re.findall(r'id="([^"]+)"', page))
    assert {each[1:] for each in targets} <= ids
    assert not re.search(r"<script|src=|https?://(?!www\.w3\.org/2000/svg)", page)


def test_what_the_gates_said_is_shown(credit: Project) -> None:
    assert 'id="gates"' not in print_bundle(credit).read_text(encoding="utf-8")
    page = print_bundle(credit, [GATE]).read_text(encoding="utf-8")
    assert "<td>A &lt;gate&gt;</td><td>fails</td><td>3 &lt; 4</td>" in page
    told = replace(GATE, measured=f"{credit.root / 'reports' / 'x.json'}: no such file")
    page = print_bundle(credit, [told]).read_text(encoding="utf-8")
    assert "reports/x.json: no such file" in page
    assert str(credit.root) not in page


def test_a_text_of_people_stays_text(credit: Project) -> None:
    edit(credit, "governance/system.toml", "Tell how likely", "<b onclick=x>Tell</b> how likely")
    page = print_bundle(again(credit)).read_text(encoding="utf-8")
    assert "<b onclick" not in page


def test_a_figure_is_the_same_for_nearly_the_same_numbers() -> None:
    parts = [part(0.7, at) for at in ("a", "b")]
    drawn = by_group(parts, "AUC", 0.71)
    assert drawn == by_group([part(0.7 + 1e-7, at) for at in ("a", "b")], "AUC", 0.71)
    assert drawn is not None
    assert drawn.startswith("<svg ")


def test_one_group_makes_no_figure() -> None:
    assert by_group([part(0.7, "a")], "AUC", 0.71) is None


def part(value: float, group: str) -> Part:
    return Part("sex", group, 40, False, value, value - 0.1, value + 0.1, "", {})


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_a_screen_and_a_phone(width: int, credit: Project) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
    if found is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    path: Path = print_bundle(credit, [GATE])
    complaints: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=list(FLAGS))
        page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("section").count() >= 15
        assert page.pdf(format="A4", prefer_css_page_size=True).startswith(b"%PDF")
        browser.close()
    assert complaints == []
