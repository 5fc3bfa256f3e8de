"""The page is whole in itself, inert, repeatable, and says what was found."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import Any

import numpy as np
import polars as pl
import pytest

from modelkeel.model.evaluation import Evaluation, SliceBy, Target, evaluate
from modelkeel.model.report import render_report
from modelkeel.model.report.figures.drawing import canvas, svg_of
from modelkeel.model.report.text import number

pytest.importorskip("matplotlib")

EVIL = '<script>alert("x")</script>--><b>"\'&$a_b$'
VOID = {"meta", "br", "use", "path", "rect", "image"}


def credit(rows: int = 200, bootstrap: int = 100, at_least: float = 1.0) -> Evaluation:
    rng = np.random.default_rng(2)
    truth = (rng.random(rows) < 0.7).astype(int)
    score = 1 / (1 + np.exp(-(rng.normal(size=rows) + truth)))
    both = np.column_stack([1 - score, score])
    return evaluate(
        "classification",
        truth,
        {"model": both, "linear": both**1.0, "baseline": [0.3, 0.7]},
        policy=EVIL,
        classes=["0", "1"],
        payoff=([EVIL, "reject"], ["0", "1"], [[-9.0, 2.0], [0.0, 0.0]]),
        features=pl.DataFrame({EVIL: rng.random(rows), "kind": [EVIL, "other"] * (rows // 2)}),
        slices=[SliceBy("kind")],
        predict=lambda frame: np.column_stack([1 - frame[EVIL].to_numpy(), frame[EVIL].to_numpy()]),
        target=Target(at_least, 0.9),
        bootstrap=bootstrap,
    )


def bikes(rows: int = 300) -> Evaluation:
    rng = np.random.default_rng(1)
    hour = rng.integers(0, 24, rows)
    actual = 10.0 * hour + rng.normal(0, 20, rows)
    return evaluate(
        "regression",
        actual,
        {"model": 10.0 * hour, "baseline": 120.0},
        policy="mean",
        over_under=(-1.0, -3.0),
        features=pl.DataFrame({"hour": hour}),
        predict=lambda frame: frame["hour"].to_numpy() * 10.0,
        bootstrap=100,
    )


def page(found: Evaluation, **changes: Any) -> str:
    arguments: dict[str, Any] = {"title": "Credit risk", "decision": "Approve?", "unit": "EUR"}
    return render_report(found, **(arguments | changes))


class _Outline(HTMLParser):
    """Every element in order, with a check that they nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def outline(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Outline()
    parser.feed(html)
    assert parser.open == []
    return parser.seen


@pytest.mark.parametrize("found", [credit(), bikes()], ids=["classification", "regression"])
def test_the_page_is_whole_in_itself(found: Evaluation) -> None:
    html = page(found)
    assert "http:" not in html
    assert "https:" not in html
    assert not re.search(r"<(script|link|iframe|img|object|embed)\b|@import|url\((?!#)", html)
    assert len(html.encode()) < 1_500_000
    elements = outline(html)
    for _, attributes in elements:
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)


def test_text_from_outside_is_inert_wherever_it_comes_from() -> None:
    html = page(
        credit(),
        title=EVIL,
        decision=EVIL,
        unit=EVIL,
        today=EVIL,
        volume_per_month=10,
        meanings={"1": EVIL, "0": EVIL},
        slice_labels={"kind=other": EVIL},
        charter={EVIL: EVIL},
        facts={EVIL: EVIL},
        limits=[EVIL],
    )
    tags = {tag for tag, _ in outline(html)}
    assert "script" not in tags
    assert "&lt;script&gt;" in html


def test_the_same_input_gives_the_same_bytes() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import hashlib, test_report as t\n"
        "print(hashlib.sha256(t.page(t.credit()).encode()).hexdigest())"
    )
    from pathlib import Path

    here = str(Path(__file__).parent)
    digests = {
        subprocess.run(
            [sys.executable, "-c", code, here],
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout
        for _ in range(2)
    }
    assert len(digests) == 1


def test_a_users_own_style_does_not_change_the_page() -> None:
    import matplotlib

    found = bikes()
    plain = page(found)
    with matplotlib.rc_context({"font.size": 30, "axes.grid": False, "svg.fonttype": "path"}):
        assert page(found) == plain


def test_figures_and_tables_can_be_read_without_eyes() -> None:
    elements = outline(page(credit()))
    assert ("html", {"lang": "en"}) in elements
    images = [attributes for _, attributes in elements if attributes.get("role") == "img"]
    assert len(images) >= 8
    assert all(attributes["aria-label"] for attributes in images)
    assert sum(tag == "svg" for tag, _ in elements) == len(images)
    assert all(attributes.get("scope") for tag, attributes in elements if tag == "th")
    identifiers = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize(
    ("at_least", "says"), [(-1e6, "Target reached"), (1e6, "Target not reached")]
)
def test_the_headline_says_whether_the_target_is_reached(at_least: float, says: str) -> None:
    html = page(credit(at_least=at_least), volume_per_month=1000)
    assert says in html
    assert "EUR per decision" in html
    assert "At 1\u202f000 decisions a month" in html


def test_what_is_not_known_is_said() -> None:
    html = page(credit(rows=20, bootstrap=0))
    assert "Too close to call" in html
    assert "No interval" in html
    assert "few rows" in html
    assert "20 held-out rows are few" in html


def test_uneven_costs_are_pointed_out() -> None:
    assert "75\u202f% quantile" in page(bikes())


def test_figures_leave_what_people_read_as_it_is() -> None:
    with canvas(100) as (figure, axes):
        axes.set_xticks([0, 1], ["0.825", "#100001"])
        svg = svg_of(figure, "one")
    assert ">0.825</text>" in svg
    assert ">#100001</text>" in svg


def test_figures_follow_the_colours_of_the_page() -> None:
    html = page(credit())
    assert "#10000" not in html
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    for name in set(re.findall(r"var\((--[\w-]+)\)", html)):
        assert html.count(f"{name}:") == 3, name  # light, dark and print


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\u2013"),
        (float("nan"), "\u2013"),
        (0.0, "0"),
        (-12.0, "\u221212"),
        (1234567.0, "1\u202f234\u202f567"),
        (24.84, "24.8"),
        (0.1234, "0.123"),
        (9.996, "10.0"),
        (-0.0001, "\u22120.0001"),
        (0.01234, "0.0123"),
    ],
)
def test_numbers_for_people(value: float | None, text: str) -> None:
    assert number(value) == text
