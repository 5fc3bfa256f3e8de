"""The report and the API's page in a real browser: nothing from elsewhere, everything in sight."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from generated import Repo, serving
from playwright.sync_api import Browser, Page, expect, sync_playwright

pytestmark = [pytest.mark.slow, pytest.mark.integration]

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
WIDTHS = (1280, 390)
# Whatever reaches out of the right edge, the parts of a box that scrolls by itself left out.
REACHING_OUT = """
() => {
  const scrolls = (node) => {
    for (let up = node.parentElement; up; up = up.parentElement)
      if (["auto", "scroll", "hidden"].includes(getComputedStyle(up).overflowX)) return true;
    return false;
  };
  const wide = (node) => node.getBoundingClientRect().right > window.innerWidth + 1;
  return [...document.body.querySelectorAll("*")]
    .filter((node) => !node.closest("svg svg, svg *") && wide(node) && !scrolls(node))
    .map((node) => node.outerHTML.slice(0, 120));
}
"""


class Watched:
    """A page, what it asked for, and what it complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text) if message.type == "error" else None
            ),
        )
        page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium on this machine")
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def watched(browser: Browser, width: int) -> Watched:
    context = browser.new_context(viewport={"width": width, "height": 900})
    return Watched(context.new_page())


@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_shows_all_from_the_disk(
    width: int, repo: Repo, browser: Browser, tmp_path: Path
) -> None:
    seen = watched(browser, width)
    page = seen.page
    page.goto((repo.root / "reports" / "evaluation.html").as_uri(), wait_until="load")
    page.screenshot(path=tmp_path / "report.png", full_page=True)
    assert seen.complaints == []
    assert {urlsplit(url).scheme for url in seen.requests} <= {"file", "data"}

    figures = page.locator("figure")
    assert figures.count() >= 4
    for at in range(figures.count()):
        drawing = figures.nth(at).locator("svg, img").first
        expect(drawing).to_be_visible()
        box = drawing.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) > 50
        assert box["x"] >= 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(REACHING_OUT) == []
    assert page.locator("h1").inner_text().strip()
    page.context.close()


def test_the_api_page_predicts_without_the_internet(repo: Repo, browser: Browser) -> None:
    seen = watched(browser, 1280)
    page = seen.page
    with serving(repo) as client:
        address = str(client.base_url)
        page.goto(f"{address}/docs", wait_until="networkidle")
        operation = page.locator(".opblock-post", has_text="/predict")
        expect(operation).to_be_visible()
        operation.locator(".opblock-summary-control, .opblock-summary").first.click()
        try_out = operation.get_by_role("button", name="Try it out")
        if try_out.count():  # the page may open with it already chosen
            try_out.click()
        execute = operation.get_by_role("button", name="Execute")
        expect(execute).to_be_visible()
        with page.expect_response(f"{address}/predict") as answered:
            execute.click()
        assert answered.value.status == 200
        assert answered.value.json()["prediction_id"]
        shown = operation.locator(".live-responses-table .response-col_status").last
        expect(shown).to_contain_text("200")
        assert seen.complaints == []
        hosts = {urlsplit(url).hostname for url in seen.requests if not url.startswith("data:")}
        assert hosts == {"127.0.0.1"}
    page.context.close()
